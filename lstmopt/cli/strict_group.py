"""Commands in which an option that takes one value stands once."""

from __future__ import annotations

from collections import Counter

import click

from lstmopt.errors import LstmoptError


class StrictGroup(click.Group):
    """A group whose commands refuse what click would take silently: the last of two values."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, and refuse its arguments where one option is given twice."""
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and not ctx.resilient_parsing:
            with click.Context(command, ctx, name, **command.context_settings) as inner:
                given = command.make_parser(inner).parse_args(list(rest))[2]
            for parameter, times in Counter(given).items():
                once = isinstance(parameter, click.Option) and not parameter.multiple
                if once and times > 1:
                    raise LstmoptError(
                        f"an option that takes one value stands once, found {parameter.opts[0]} "
                        f"{times} times: leave one out"
                    )
        return name, command, rest
