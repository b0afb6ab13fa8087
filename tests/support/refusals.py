"""What a refusal may say."""

from __future__ import annotations

from collections.abc import Callable

from lstmopt.errors import LstmoptError


def or_one_sentence(call: Callable[[], object]) -> None:
    """Call something that may refuse its input, in one sentence and in no other way."""
    said = ""
    try:
        call()
    except LstmoptError as error:
        said = str(error) or "nothing\n"
    assert "\n" not in said
    assert "Traceback" not in said
