"""What a study learnt from, kept in its folder so that it goes on as it began."""

from __future__ import annotations

from typing import Any

import msgspec

from lstmopt.config.options import WarmStartOptions
from lstmopt.errors import LstmoptError
from lstmopt.storage.run_folder import RunFolder
from lstmopt.warm_start.protocols import PastStudy


class Provenance(msgspec.Struct, frozen=True):
    """A warm start's name and options, where earlier studies were read, and what was read there."""

    strategy: dict[str, Any]
    earlier: WarmStartOptions
    past: tuple[PastStudy, ...]

    def __str__(self) -> str:
        runs = ", ".join(self.earlier.runs)
        return f"{self.strategy['name']} of {runs}" if runs else str(self.strategy["name"])

    def table(self) -> dict[str, Any]:
        """Return the study file's table that says the same."""
        earlier: dict[str, Any] = msgspec.to_builtins(self.earlier)
        return self.strategy | earlier

    def keep(self, folder: RunFolder) -> None:
        """Write it into a run's folder that has none."""
        if not folder.warm_start.is_file():
            folder.write(folder.warm_start, msgspec.json.format(msgspec.json.encode(self)))


def read_provenance(folder: RunFolder) -> Provenance | None:
    """Read what a run began with, None where nothing has begun.

    A run whose folder keeps no such file learnt nothing. Raises LstmoptError for a damaged one.
    """
    if not folder.warm_start.is_file():
        begun = folder.study_file.is_file()
        return Provenance({"name": "none"}, WarmStartOptions(), ()) if begun else None
    try:
        return msgspec.json.decode(folder.warm_start.read_bytes(), type=Provenance)
    except msgspec.DecodeError as error:
        raise LstmoptError(
            f"a run goes on with what it learnt from, found that {folder.warm_start} cannot be "
            f"read ({error}): start a new run with another --out"
        ) from error
