"""Read a table: choose its format, and yield its records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, repeat

from melcli.addresses import refuse_url
from melcli.errors import ConfigError
from melcli.printable import printable
from melcli.sources.byte_pieces import name_of
from melcli.sources.names import extension
from melcli.sources.records import Record
from melcli.sources.tables.delimited import has_path, read_delimited
from melcli.sources.tables.json_lines import read_json_lines
from melcli.sources.tables.request import FORMAT_BY_EXTENSION, FORMATS, Format, TableRequest
from melcli.sources.text_lines import text_lines

__all__ = ["read_table"]


def read_table(request: TableRequest) -> Iterator[Record]:
    """Yield the pieces of audio that a table describes, in its order; memory does not grow with the table.

    Raises
    ------
    ConfigError
        The table cannot be read, has no path, or has an invalid row; the message names the line and the rule.
    """
    refuse_url("table", request.path)
    if request.root is not None:
        refuse_url("--root", request.root)
    where = name_of(request.path)
    lines = text_lines("table", request.path)
    first = ""
    num_empty = 0
    for line in lines:
        if not line.isspace():
            first = line
            break
        num_empty += 1
    if not first:
        return
    lines = chain(repeat("\n", num_empty), [first], lines)
    format = request.format or _format_of(request.path, first)
    if format == "jsonl":
        yield from read_json_lines(lines, request, where)
    else:
        yield from read_delimited(lines, first, format, request, where)


def _format_of(path: str, first: str) -> Format:
    """Return the format of a table by its extension, or by its first line."""
    name = path[:-3] if path.lower().endswith(".gz") else path
    known = FORMAT_BY_EXTENSION.get(extension(name))
    if known is not None:
        return known
    if _is_json_object(first):
        return "jsonl"
    if "\t" in first:
        return "tsv"
    if "|" in first:
        return "pipe"
    if has_path(first, ","):
        return "csv"
    raise ConfigError(
        f"{printable(name_of(path))}: neither its extension nor its first line tells the format of this table",
        hint=f"add --table-format {'|'.join(FORMATS)}",
    )


def _is_json_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
