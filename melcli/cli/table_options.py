"""Options that read tables and Kaldi folders."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from melcli.sources.tables.request import FORMATS

if TYPE_CHECKING:
    from melcli.sources.tables.options import TableOptions

__all__ = ["allow_commands_option", "table_options", "table_options_of"]

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--table",
        "tables",
        multiple=True,
        type=click.Path(),
        metavar="FILE",
        help="Read recordings and pieces of them from a table: CSV, TSV, a list with |, or JSON lines; may be gzipped; "
        "- is standard input; can be repeated.",
    ),
    click.option(
        "--table-format",
        type=click.Choice(FORMATS),
        help="Format of the tables.  [default: by extension, or by the first line]",
    ),
    click.option(
        "--column",
        "columns",
        multiple=True,
        metavar="NAME=COLUMN",
        help="Column of the table that is the path, id, start, end, duration or channel, by its name or its number "
        "from 1: path=clip.  start= means that the table has no such column.  Another NAME renames a column; "
        "can be repeated.",
    ),
    click.option(
        "--root", type=click.Path(), metavar="DIR", help="Folder of relative paths.  [default: the table's folder]"
    ),
    click.option("--path-template", metavar="TEXT", help="Make paths from columns of the table: 'wavs/{id}.wav'."),
)

allow_commands_option = click.option(
    "--allow-commands", is_flag=True, help="Run the commands in a Kaldi folder's wav.scp."
)


def table_options(command: Command) -> Command:
    """Give a command the options, in their order."""
    for option in reversed((*_OPTIONS, allow_commands_option)):
        command = option(command)
    return command


def table_options_of(arguments: dict[str, Any]) -> TableOptions:
    """Return the choice of tables."""
    from melcli.sources.tables.options import TableOptions

    return TableOptions(
        tables=arguments["tables"],
        table_format=arguments["table_format"],
        columns=arguments["columns"],
        root=arguments["root"],
        path_template=arguments["path_template"],
    )
