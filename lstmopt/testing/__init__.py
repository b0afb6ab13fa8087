"""What any plug-in must hold to: test classes that its own tests subclass.

They use plain ``assert`` and need no pytest, so that ``lstmopt plugins check`` runs them too.
"""

from __future__ import annotations

from lstmopt.testing.baselines import BaselineContract
from lstmopt.testing.contract import Contract, broken_laws
from lstmopt.testing.networks import NetworkContract
from lstmopt.testing.objectives import ObjectiveContract
from lstmopt.testing.pruners import PrunerContract
from lstmopt.testing.samplers import SamplerContract, optuna_cases
from lstmopt.testing.warm_starts import WarmStartContract

__all__ = [
    "BaselineContract",
    "Contract",
    "NetworkContract",
    "ObjectiveContract",
    "PrunerContract",
    "SamplerContract",
    "WarmStartContract",
    "broken_laws",
    "optuna_cases",
]
