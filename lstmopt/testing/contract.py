"""A contract: the laws of one kind of plug-in, a method each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Contract:
    """A class of laws: each method named ``test_…`` holds one, and raises where it is broken."""

    @classmethod
    def laws(cls) -> list[str]:
        """Return the names of the laws, in the order in which they are written.

        Returns:
            Names of methods.
        """
        names = [name for base in reversed(cls.__mro__) for name in vars(base)]
        return [name for name in dict.fromkeys(names) if name.startswith("test_")]


def broken_laws(contract: type[Contract], **attributes: Any) -> Iterator[tuple[str, str]]:
    """Check a plug-in against a contract, without pytest.

    Args:
        contract: The contract of its kind.
        **attributes: What a subclass of the contract would set, such as ``strategy``.

    Yields:
        Each law in words, with "" or what breaks it.
    """
    checked = type(contract.__name__, (contract,), attributes)()
    for law in contract.laws():
        try:
            getattr(checked, law)()
        except Exception as error:
            yield _words(law), str(error) or type(error).__name__
        else:
            yield _words(law), ""


def _words(law: str) -> str:
    return law.removeprefix("test_").replace("_", " ")
