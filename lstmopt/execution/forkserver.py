"""The process that workers are forked from, started before the caller imports anything heavy."""

from __future__ import annotations

from multiprocessing import forkserver, get_context

MODULES = ["lstmopt.execution.local_engine"]
"""What it imports: torch, once for all workers."""


def start_forkserver() -> None:
    """Let it import on another core while the caller does the same; a second call does nothing."""
    get_context("forkserver").set_forkserver_preload(MODULES)
    forkserver.ensure_running()
