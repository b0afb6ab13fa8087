"""What the program says when it cannot go on."""


class LstmoptError(Exception):
    """Something the user can mend: one sentence with the rule, what was found and what to do."""

    exit_status = 2


class MachineError(LstmoptError):
    """Something the user cannot mend by another input, such as every trial failing."""

    exit_status = 1


def near_miss(name: str, known: list[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for a close match in ``known``, else the list of names."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known) or 'none'}"
