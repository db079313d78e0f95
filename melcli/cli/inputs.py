"""Options that choose inputs, shared by several commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from melcli.cli.table_options import table_options, table_options_of
from melcli.errors import REASONS, ConfigError

if TYPE_CHECKING:
    from melcli.sources.lists import PathList
    from melcli.sources.options import SourceOptions

__all__ = ["has_inputs", "input_options", "listed_inputs", "retry_reason_option", "source_options"]

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--include",
        multiple=True,
        metavar="GLOB",
        help="Use files that match this, instead of files with an audio extension; can be repeated.",
    ),
    click.option(
        "--exclude", multiple=True, metavar="GLOB", help="Skip files and folders that match this; can be repeated."
    ),
    click.option(
        "--files-from",
        type=click.Path(),
        metavar="FILE",
        help="Read more INPUTs from a file, one per line; - is standard input.",
    ),
    click.option(
        "--files-from0",
        type=click.Path(),
        metavar="FILE",
        help="The same, with a NUL after each path, as find -print0 writes them.",
    ),
    click.option(
        "--follow-symlinks",
        is_flag=True,
        help="Also enter links to folders, each folder once; links to files are always read.",
    ),
    click.option(
        "--keep-extension", is_flag=True, help="Name outputs a.wav.npy, so that a.wav and a.flac get different names."
    ),
)


def input_options(command: Command) -> Command:
    """Give a command the options, in their order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return table_options(command)


def has_inputs(arguments: dict[str, Any]) -> bool:
    """Return whether INPUTs, lists or tables are given."""
    return any(arguments[name] for name in ("inputs", "files_from", "files_from0", "tables"))


def retry_reason_option(help: str) -> Callable[[Command], Command]:
    """Return the option that names reasons of failures, which means something else to each command."""
    return click.option(
        "--retry-reason", "retry_reasons", multiple=True, type=click.Choice(REASONS), metavar="REASON", help=help
    )


def listed_inputs(arguments: dict[str, Any]) -> list[PathList]:
    """Return the lists.

    Raises
    ------
    ConfigError
        One of them is a URL, or several options read standard input.
    """
    from melcli.addresses import refuse_url
    from melcli.sources.lists import PathList

    _refuse_shared_stdin(arguments)
    lists = [PathList(arguments["files_from"] or "", b"\n"), PathList(arguments["files_from0"] or "", b"\0")]
    for one in lists:
        refuse_url("list", one.path)
    return [one for one in lists if one.path]


def _refuse_shared_stdin(arguments: dict[str, Any]) -> None:
    """Refuse several options that read standard input: the first one would leave nothing to the others."""
    given = {"--files-from": arguments["files_from"], "--files-from0": arguments["files_from0"]}
    named = [*given.items(), *(("--table", table) for table in arguments["tables"])]
    options = [option for option, path in named if path is not None and _is_stdin(path)]
    if len(options) > 1:
        raise ConfigError(
            f"{' and '.join(options)} both read standard input, which has one list or table",
            hint="write the others to files",
        )


def _is_stdin(path: str) -> bool:
    from melcli.opening import inherited_descriptor

    try:
        return path == "-" or inherited_descriptor(path) == 0
    except OSError:  # it is closed, and the reader says so
        return True


def source_options(arguments: dict[str, Any]) -> SourceOptions:
    """Return the choice of files."""
    from melcli.sources.options import SourceOptions

    return SourceOptions(
        include=arguments["include"],
        exclude=arguments["exclude"],
        keep_extension=arguments["keep_extension"],
        follow_symlinks=arguments["follow_symlinks"],
        tables=table_options_of(arguments),
        allow_commands=arguments["allow_commands"],
    )
