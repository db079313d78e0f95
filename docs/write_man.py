"""Writes docs/melcli.1, the man page of all commands, from the commands themselves; a test holds the page against them.

python docs/write_man.py
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from melcli.cli.grouped import GroupedCommand
from melcli.cli.root import CONTEXT, melcli
from melcli.version import __version__

PAGE = Path(__file__).with_name("melcli.1")
EXIT_CODES = Path(__file__).parent / "reference" / "exit_codes.md"
ENVIRONMENT = {
    "MELCLI_CONFIG": "Config for extract, as with -c.",
    "MELCLI_JOBS": "Number of worker processes, as with -j.",
    "MELCLI_FFMPEG": "The ffmpeg to use; if it is empty, none.  [default: the first on PATH]",
    "MELCLI_SECTION_KEY": "Value of a key, such as MELCLI_FEATURES_NUM_MEL_BINS=80.",
    "NO_COLOR": "If it is set and not empty, output has no color.",
    "TMPDIR": "Folder for temporary files.",
}


def page() -> str:
    """Return the whole page, as roff with the macros of man(7)."""
    lines = [f'.TH MELCLI 1 "" "melcli {__version__}" "User Commands"', ".nh", ".ad l"]
    lines += [".SH NAME", roff(f"melcli - {summary(melcli)}")]
    lines += [".SH SYNOPSIS", ".B melcli", ".I COMMAND", "[OPTIONS] [ARGUMENTS]", ".SH DESCRIPTION", *prose(melcli)]
    lines.append(".SH COMMANDS")
    for name, command in commands(melcli, "melcli"):
        lines += [f".SS {quoted(name)}", *usage(command, name), *prose(command), *options(command)]
    lines += [".SH ENVIRONMENT", *terms(ENVIRONMENT.items())]
    lines += [".SH EXIT STATUS", *terms(exit_codes())]
    return "\n".join(lines) + "\n"


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield all commands below a group with their whole names."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            if not isinstance(inner, click.Group):
                yield f"{name} {inner.name}", inner
            yield from commands(inner, f"{name} {inner.name}")


def summary(command: click.Command) -> str:
    """Return the first sentence of the help, without its period."""
    first = " ".join((command.help or "").split("\n\n")[0].split()).removesuffix(".")
    return first[0].lower() + first[1:]


def usage(command: click.Command, name: str) -> Iterator[str]:
    """Yield the line of usage."""
    pieces = command.collect_usage_pieces(click.Context(command, info_name=name, **CONTEXT))
    yield f".B {roff(name)}"
    yield roff(" ".join(pieces))
    yield ".PP"


def prose(command: click.Command) -> Iterator[str]:
    """Yield the help; what Click is told not to wrap becomes an example."""
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b\n"):
            yield from (".PP", ".RS 4", ".nf", *map(roff, paragraph.splitlines()[1:]), ".fi", ".RE")
        else:
            yield from (".PP", roff(" ".join(paragraph.split())))


def options(command: click.Command) -> Iterator[str]:
    """Yield the options, by their groups if they have any."""
    context = click.Context(command, **CONTEXT)  # the same, since Click keeps the help option that it makes here
    groups = (
        command.grouped(command.get_params(context))
        if isinstance(command, GroupedCommand)
        else [("Options", [one for one in command.get_params(context) if isinstance(one, click.Option)])]
    )
    for title, members in groups:
        records = [record for one in members if (record := one.get_help_record(context)) is not None]
        if records:
            yield from (".PP", rf"\fI{roff(title)}\fR", *terms(records))


def exit_codes() -> Iterator[tuple[str, str]]:
    """Yield the exit codes and their meanings from the page of the reference."""
    for code, meaning in re.findall(
        r"^\| ([\d, ]+) \| (.*?) \|$", EXIT_CODES.read_text(encoding="utf-8"), re.MULTILINE
    ):
        yield code, meaning.replace("`", "").replace("\\|", "|")


def terms(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield terms in bold, each with its meaning indented below it."""
    for term, meaning in pairs:
        yield from (".TP", f".B {roff(term)}", roff(" ".join(meaning.split())))


def quoted(text: str) -> str:
    return '"' + roff(text).replace('"', "") + '"'


def roff(text: str) -> str:
    """Escape text: backslashes, hyphens that are minus signs, and control characters at the start of a line."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
