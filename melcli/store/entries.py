"""Read manifest lines fast and strictly, for planning.

Lines in another form, such as those of an earlier version or edited ones, are parsed as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from io import BytesIO
from types import NoneType
from typing import NamedTuple

from melcli.byte_order import byte_order
from melcli.opening import regular_nofollow
from melcli.store.lines import UTF8, Line, Lines, item_of
from melcli.store.manifest import not_a_row, read_lines, read_texts
from melcli.store.rows import (
    BOUNDS_FIELDS,
    FIELD_KINDS,
    JSON_DECODER,
    LEVELS,
    OPTIONAL_FIELDS,
    ROW_ERRORS,
    bounds_text,
    columns_text,
    fields_of,
)

__all__ = [
    *(
        "STRING",
        "Block",
        "Entry",
        "PlainRow",
        "all_unescaped",
        "ending_pattern",
        "entry_of",
        "escaped",
        "index_manifest",
        "line_pattern",
        "read_blocks",
        "read_entries",
    ),
    "unescaped",
]


class Entry(NamedTuple):
    """The fields of a row that planning needs, named as in `melcli.store.rows.Row`, and its text."""

    id: str
    source: str
    status: str
    reason: str | None
    source_size: int
    source_mtime_ns: int
    source_hash: str | None
    format: str | None
    decoding: int | None
    source_channels: int | None
    channel: int | None
    path: str | None
    output_size: int | None
    config_id: str
    bounds: str  # JSON without braces, as the line contains it
    columns: str  # JSON; empty if the row has none
    chunk: int | None
    num_chunks: int | None
    tried_with: str | None
    item_id: str
    key: bytes  # of the item, from `byte_order`
    text: bytes

    def to_line(self) -> Line:
        """Return the row in the form in which it is sorted and written."""
        row_id = self.key if self.id == self.item_id else byte_order(self.id)
        return Line(row_id, self.key, self.status == "failed", self.text)


# The fields that show whether a row is done, as text: strings without quotes and with escapes; null is empty.
PLAIN_FIELDS = (
    *("id", "source", "status", "source_size", "source_mtime_ns", "format", "decoding", "channel"),
    *("path", "output_size", "config_id", "bounds", "columns", "chunk"),
)
PlainRow = tuple[bytes, ...]  # not a named tuple, since creating one takes as long as finding the row

_ENTRY_FIELDS = Entry._fields[:-3]
# Possessive quantifiers, which do not backtrack, save a seventh of the time.
STRING = r'[ !#-\[\]-~]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[ !#-\[\]-~]*+)*+'
_NAMES = tuple(FIELD_KINDS)
_INTEGER = r"-?(?:0|[1-9][0-9]{0,18}+)"
_NUMBER = rf"{_INTEGER}(?:\.[0-9]{{1,30}}+)?(?:[eE][+-]?[0-9]{{1,3}})?"

_BOUND = rf'"(?:{"|".join(BOUNDS_FIELDS)})":(?:{_NUMBER}|"[a-z]++"|true|false)'
_BOUNDS = f"{_BOUND}(?:,{_BOUND})*+"
_COLUMN = rf'"{STRING}":(?:"{STRING}"|{_NUMBER}|true|false|null)'
_COLUMNS = rf"\{{(?:{_COLUMN}(?:,{_COLUMN})*+)?\}}"
_OPTIONAL = (  # name, and what is before, in and after its group, in the order in which rows have them
    ("bounds", "", _BOUNDS, ""),
    ("columns", '"columns":', _COLUMNS, ""),
    ("chunk", '"chunk":', _INTEGER, ""),
    ("num_chunks", '"num_chunks":', _INTEGER, ""),
    ("chunk_start_s", '"chunk_start_s":', _NUMBER, ""),
    ("tried_with", '"tried_with":"', STRING, '"'),
)


def ending_pattern(taken: Collection[str] = ()) -> str:
    """Return a pattern for the optional fields at the end of a line, with a group for some of them."""
    endings = []
    for name, before, value, after in _OPTIONAL:
        endings.append(f"(?:,{before}({value}){after})?" if name in taken else f"(?:,{before}(?:{value}){after})?")
    return "".join(endings)


def line_pattern(taken: Collection[str]) -> str:
    """Return a pattern for a line exactly as `Row.to_json` writes it (except rare lines), with a group for some fields.

    A string is matched without its quotes and with its escapes.  ``bounds`` stands for all fields of
    `melcli.store.rows.BOUNDS_FIELDS`.
    """
    parts = []
    for name, kinds in FIELD_KINDS.items():
        if name in OPTIONAL_FIELDS:
            continue
        quotes = ""
        if name == "flags":
            value = rf'\[(?:"{STRING}"(?:,"{STRING}")*)?\]'
        elif int in kinds:
            value = _NUMBER if float in kinds else _INTEGER
        else:
            value, quotes = "(?:ok|failed)" if name == "status" else STRING, '"'
        value = f"{quotes}({value}){quotes}" if name in taken else f"{quotes}{value}{quotes}"
        if NoneType in kinds:
            value = f"(?:null|{value})"
        parts.append(f'"{name}":{value}')
    first = _NAMES.index(LEVELS[0])
    end = first + len(LEVELS)
    levels = f"(?:{','.join(parts[first:end])},)?"  # missing in rows of earlier versions
    return rf"\{{{','.join(parts[:first])},{levels}{','.join(parts[end:])}{ending_pattern(taken)}\}}"


@cache  # compiled when the first line is read: it takes 6 ms of a new run and of each worker, which read none
def _match() -> Callable[[str], re.Match[str] | None]:
    return re.compile(line_pattern(_ENTRY_FIELDS)).fullmatch


@cache
def _find_plain() -> Callable[[bytes], list[PlainRow]]:
    return re.compile(f"(?m)^{line_pattern(PLAIN_FIELDS)}$".encode()).findall


def entry_of(text: bytes) -> Entry:
    """Read the fields of a row that planning needs.

    A line in the form that melcli writes takes 5 us, instead of 15 us with `read_row`, which reads all other lines.

    Raises
    ------
    ValueError, TypeError, KeyError, OverflowError, RecursionError
        The line is not a row.
    """
    return _quick_entry(text) or _checked_entry(text)


def _quick_entry(text: bytes) -> Entry | None:
    """Read a line exactly as `Row.to_json` writes it; None for any other."""
    try:
        line = text.decode("ascii")
    except UnicodeDecodeError:
        return None
    found = _match()(line)
    if found is None:
        return None
    *values, bounds, columns, chunk, num_chunks, tried_with = found.groups()
    if "\\" in line:
        values = [unescaped(value) if value and "\\" in value else value for value in values]
        tried_with = unescaped(tried_with) if tried_with and "\\" in tried_with else tried_with
    row_id, source, status, reason, size, mtime_ns, hashed, coding, decoding, channels, channel, path, *rest = values
    output_size, config_id = rest
    number = None if channel is None else int(channel)
    chunk_number = None if chunk is None else int(chunk)
    item_id = item_of(row_id, number, chunk_number)
    return Entry(
        row_id,
        source,
        status,
        reason,
        int(size),
        int(mtime_ns),
        hashed,
        coding,
        None if decoding is None else int(decoding),
        None if channels is None else int(channels),
        number,
        path,
        None if output_size is None else int(output_size),
        config_id,
        bounds or "",
        columns or "",
        chunk_number,
        None if num_chunks is None else int(num_chunks),
        tried_with,
        item_id,
        byte_order(item_id),
        text,
    )


def unescaped(value: str) -> str:
    """Return the string for its JSON without quotes."""
    decoded: str = JSON_DECODER.decode(f'"{value}"')
    return decoded


def escaped(value: str) -> str:
    """Return the JSON of a string without quotes."""
    return json.dumps(value)[1:-1]


def _checked_entry(text: bytes) -> Entry:
    known = fields_of(JSON_DECODER.decode(text.decode(*UTF8)))
    item_id = item_of(known["id"], known["channel"], known["chunk"])
    known |= {"bounds": bounds_text(known), "columns": columns_text(known)}
    return Entry._make((*map(known.__getitem__, _ENTRY_FIELDS), item_id, byte_order(item_id), text))


def read_entries(out: str) -> Iterator[Entry]:
    """Read the fields that planning needs of all rows of OUT, in the file's order; none if there is no manifest yet.

    Raises
    ------
    StorageError
        A line is not a row; the message has its number.
    """
    return read_lines(out, entry_of)


class Block(NamedTuple):
    """Some lines of a manifest.

    Attributes
    ----------
    out : str
        OUT.
    first : int
        Number of the first line.
    text : bytes
        The lines.
    plain : list of PlainRow
        One per line; empty if any line is not exactly as melcli writes it.
    """

    out: str
    first: int
    text: bytes
    plain: list[PlainRow]

    def entries(self, are_skipped: Iterable[bool]) -> Iterator[Entry | None]:
        """Parse the lines, with None for skipped ones; raise StorageError at a line that is not a row."""
        for place, (line, is_skipped) in enumerate(zip(BytesIO(self.text), are_skipped, strict=False)):
            try:
                yield None if is_skipped else entry_of(line.removesuffix(b"\n"))
            except ROW_ERRORS as error:
                raise not_a_row(self.out, self.first + place, error) from error


def read_blocks(out: str) -> Iterator[Block]:
    """Read the rows of OUT in blocks; a plain row takes 3 us, an `Entry` 5 us."""
    first = 1
    for text in read_texts(out, regular_nofollow):
        plain = _find_plain()(text)
        num_lines = text.count(b"\n") + (not text.endswith(b"\n"))
        yield Block(out, first, text, plain if len(plain) == num_lines else [])
        first += num_lines


def all_unescaped(values: Sequence[bytes]) -> Sequence[bytes]:
    """Return the strings for their JSON without quotes, as bytes like those of `byte_order`."""
    joined = b'","'.join(values)
    if b"\\" not in joined:
        return values
    return list(map(byte_order, JSON_DECODER.decode(f'["{joined.decode()}"]')))


def index_manifest(out: str, lines: Lines) -> None:
    """Record the positions of the rows of OUT; raises like `read_entries`."""
    start = 0
    with ExitStack() as failing:
        failing.callback(lines.close)
        for entry in read_lines(out, entry_of, opened=lines.open):
            lines.add(entry, start, len(entry.text))
            start += len(entry.text) + 1
        failing.pop_all()
