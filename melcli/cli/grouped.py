"""Commands whose help lists their options in groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

__all__ = ["GroupedCommand"]

LAST_GROUP = "Other"  # of options that no group lists, such as --help


class GroupedCommand(click.Command):
    """A command with groups of options.

    Parameters
    ----------
    groups : Mapping
        Names of parameters by the title of their group.
    """

    def __init__(self, *arguments: Any, groups: Mapping[str, Sequence[str]], **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._groups = groups

    def grouped(self, parameters: Sequence[click.Parameter]) -> Iterator[tuple[str, list[click.Option]]]:
        """Yield the title and the options of each group."""
        options = {option.name or "": option for option in parameters if isinstance(option, click.Option)}
        for title, names in self._groups.items():
            yield title, [options.pop(name) for name in names]
        yield LAST_GROUP, list(options.values())

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options group by group."""
        for title, options in self.grouped(self.get_params(ctx)):
            records = [record for option in options if (record := option.get_help_record(ctx)) is not None]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
