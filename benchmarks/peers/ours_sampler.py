"""The sampler of ``candidates`` as an lstmopt plug-in."""

from __future__ import annotations

from candidates import SharedStart

from lstmopt import Strategy, hookimpl


def make(*, seed: int, start_seed: int = 0, startup: int = 10) -> SharedStart:
    return SharedStart(start_seed, seed, startup)


@hookimpl
def lstmopt_samplers() -> list[Strategy]:
    return [
        Strategy(
            "shared_start_tpe",
            make,
            "TPE whose random start is the same for every library",
            "benchmarks/peers/candidates.py",
        )
    ]
