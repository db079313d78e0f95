"""Writes docs/commands.md from the commands themselves; a test holds the page against them.

python docs/write_commands.py
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from melcli.cli.grouped import GroupedCommand
from melcli.cli.root import melcli

PAGE = Path(__file__).with_name("commands.md")


def page() -> str:
    """Return the whole page."""
    lines = ["# Commands", "", "Written by `docs/write_commands.py` from what `--help` says.", ""]
    for name, command in commands(melcli, "melcli"):
        lines += [f"## {name}", "", *_prose(command.help or ""), ""]
        if not isinstance(command, click.Group):
            lines += _options(command)
    return "\n".join(lines)


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield a command and all below it with their whole names."""
    yield name, command
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            yield from commands(inner, f"{name} {inner.name}")


def _prose(text: str) -> list[str]:
    """Turn a docstring into Markdown; what Click is told not to wrap (``\\b``) becomes a block."""
    blocks = re.split(r"\n\s*\n", inspect.cleandoc(text))
    lines: list[str] = []
    for block in blocks:
        if block.startswith("\b"):
            lines += ["```", *block.splitlines()[1:], "```", ""]
        else:
            lines += [*block.splitlines(), ""]
    return lines[:-1]


def _options(command: click.Command) -> list[str]:
    """Return a table of the options; of a grouped command, with a row for the title of each group."""
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    if isinstance(command, GroupedCommand):
        groups = [(title, group) for title, group in command.grouped(command.params) if group]
        rows = [row for title, group in groups for row in (f"| **{title}** | |", *map(_row, group))]
    else:
        rows = [*map(_row, options)]
    return ["| option | meaning |", "|---|---|", *rows, ""] if rows else []


def _row(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    if isinstance(option.type, click.Choice):
        values = " " + "\\|".join(f"`{choice}`" for choice in option.type.choices)
    else:
        values = (
            "" if option.is_flag else f" {(option.metavar or option.type.name.upper()).replace('|', chr(92) + '|')}"
        )
    environment = f" Environment: `{option.envvar}`." if option.envvar else ""
    return f"| {names}{values} | {' '.join((option.help or '').split())}{environment} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
