"""A candidate and what it learned."""

from __future__ import annotations

from lstmopt.search_space import Candidate
from support.parts import SMALL

CANDIDATE = Candidate(SMALL, seed=7)


def losses(epochs):
    return [(e.number, e.train_loss, e.val_loss, e.val_mae, e.val_r2) for e in epochs]
