"""Help in color, where a terminal takes it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import click

from melcli.cli.colors import colored

__all__ = ["use_colors_in_help"]


class _Formatter(click.HelpFormatter):
    """Colors headings, commands and options; Click measures and wraps text without its colors."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, colored(prefix or "Usage:", "heading", sys.stdout).rstrip() + " ")

    def write_heading(self, heading: str) -> None:
        super().write_heading(colored(heading, "heading", sys.stdout))

    def write_dl(self, rows: Iterable[tuple[str, str]], *arguments: Any, **keywords: Any) -> None:
        super().write_dl([(colored(name, "option", sys.stdout), text) for name, text in rows], *arguments, **keywords)


class _Context(click.Context):
    formatter_class = _Formatter


def use_colors_in_help(command: click.Command) -> None:
    """Let a command, and those of a group, write their help in color."""
    command.context_class = _Context
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            use_colors_in_help(inner)
