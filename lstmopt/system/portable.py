"""What a plug-in brought, as workers elsewhere are given it.

It may be anybody's, of a package or of a file that only the driver can read: it goes to the workers
with the data, by value where a worker could not import it (see cloudpickle).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lstmopt.errors import LstmoptError, MachineError
from lstmopt.system.host import host


@dataclass(frozen=True)
class Portable:
    """Something by cloudpickle, which only the Python of the same version (major, minor) reads.

    ``kind`` is what it is, in words, such as ``forecast objectives``.
    """

    pickled: bytes
    python: tuple[int, int]
    kind: str

    @classmethod
    def of(cls, value: Any, kind: str, name: str) -> Portable:
        """Pack a value, which is called ``name``. Raises LstmoptError where it cannot be sent."""
        import cloudpickle

        try:
            return cls(cloudpickle.dumps(value), sys.version_info[:2], kind)
        except Exception as error:
            raise LstmoptError(
                f"{kind} are sent to the workers, found that {name} cannot be "
                f"({type(error).__name__}: {' '.join(str(error).split())}): leave out of its "
                "function what cannot be copied, such as open files and locks"
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: the value, once it was unpacked, is nothing that pickle takes."""
        return {name: kept for name, kept in vars(self).items() if name != "value"}

    @cached_property
    def value(self) -> Any:
        """The value; MachineError where this worker cannot have it."""
        import cloudpickle

        if self.python != (here := sys.version_info[:2]):
            raise MachineError(
                f"workers that are given {self.kind} have the driver's Python, found "
                f"{_version(here)} on {host()} where the driver has {_version(self.python)}: "
                "install the same on both"
            )
        try:
            return cloudpickle.loads(self.pickled)
        except (ImportError, AttributeError) as error:
            raise MachineError(
                f"workers have the packages of a study's {self.kind}, found that {host()} lacks "
                f"one ({error}): install there what the driver has"
            ) from error


def _version(python: Sequence[int]) -> str:
    return ".".join(map(str, python))
