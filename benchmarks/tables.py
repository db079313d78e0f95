"""Tables for the terminal and for the page, from the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Table", "markdown", "plain", "ratio", "seconds"]


@dataclass(frozen=True, slots=True)
class Table:
    """A title and rows of text; ``name`` is what the page knows it by."""

    name: str
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def plain(table: Table) -> str:
    """Return a table for a terminal: the first column to the left, figures to the right."""
    lines = [list(table.head), *map(list, table.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.head))]
    text = [
        "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(cells))
        for cells in (list(zip(line, widths, strict=True)) for line in lines)
    ]
    return "\n".join([table.title, *(f"  {line.rstrip()}" for line in text), ""])


def markdown(table: Table) -> str:
    """Return a table as Markdown, without its title."""
    ruler = ["---", *["---:"] * (len(table.head) - 1)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (table.head, ruler, *table.rows))


def ratio(value: float | None) -> str:
    """Write a ratio with three digits, or nothing where there is none."""
    if value is None:
        return ""
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def seconds(value: float) -> str:
    """Write seconds with about three digits."""
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}"
