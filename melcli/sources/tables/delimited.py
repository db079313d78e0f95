"""Read tables whose lines are divided into cells, by the csv module."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

from melcli.errors import ConfigError
from melcli.printable import abbreviate, printable
from melcli.sources.names import AUDIO_EXTENSIONS, UNDECODED_EXTENSIONS, extension
from melcli.sources.records import Record
from melcli.sources.tables.column_names import is_usual_name
from melcli.sources.tables.layouts import Layout, layout_of
from melcli.sources.tables.path_template import PathTemplate
from melcli.sources.tables.pieces import PieceMaker
from melcli.sources.tables.request import ROLES, Format, TableRequest
from melcli.sources.text_lines import MAX_LINE_BYTES

__all__ = ["has_path", "read_delimited"]

ROWS_AT_A_TIME = 512
_AUDIO = AUDIO_EXTENSIONS | UNDECODED_EXTENSIONS
_SEPARATORS = {"csv": ",", "tsv": "\t", "pipe": "|", "space": " "}
_SEPARATORS_OF_CSV = (",", ";", "\t")  # spreadsheets in some languages write semicolons

NumberedRow = tuple[int, list[str]]  # the line that a row starts at, and its cells


class _Dialect(NamedTuple):
    """How lines are divided.

    Only CSV and tables whose header is quoted have quotes; in TSV and lists, transcripts contain bare ones.
    """

    separator: str
    is_quoted: bool

    @property
    def options(self) -> dict[str, object]:
        return {
            "delimiter": self.separator,
            "quoting": csv.QUOTE_MINIMAL if self.is_quoted else csv.QUOTE_NONE,
            "skipinitialspace": self.separator == " ",
            "strict": True,
        }


class _Columns(NamedTuple):
    """The columns of a table, and whether its first row is their header."""

    names: list[str]
    has_header: bool


def read_delimited(
    lines: Iterator[str], first: str, format: Format, request: TableRequest, where: str
) -> Iterator[Record]:
    """Yield the records of a table.

    Parameters
    ----------
    lines : iterator of str
        All lines.
    first : str
        The first line that is not empty.
    format : str
        Any but ``jsonl``.
    request : TableRequest
    where : str
        Name of the table in messages, not escaped.

    Raises
    ------
    ConfigError
        The table, a row or a value is invalid; the message names the line.
    """
    template = PathTemplate(request.path_template) if request.path_template is not None else None
    dialect = _dialect(first, format)
    parts = _numbered_rows(lines, dialect, where)
    part = next(parts, [])
    if not part:
        return
    line, cells = part[0]
    try:
        columns = _columns_of(cells, request, template)
        layout = _layout(columns, cells, request, template)
    except ConfigError as error:
        raise error.at(printable(f"{where}:{line}")) from None
    maker = PieceMaker(request, template, layout)
    del part[: columns.has_header]
    for some in chain([part], parts):
        yield from _records(some, columns, layout.carried, maker, where)


def _records(
    part: Sequence[NumberedRow], columns: _Columns, carried: Sequence[tuple[str, int]], maker: PieceMaker, where: str
) -> Iterator[Record]:
    num_columns = len(columns.names)
    for line, cells in part:
        place = f"{where}:{line}"
        try:
            if len(cells) != num_columns:
                raise _ragged(cells, columns)
            yield maker.record(cells, place, {name: cells[position] for name, position in carried})
        except ConfigError as error:
            raise error.at(printable(place)) from None


def _ragged(cells: Sequence[str], columns: _Columns) -> ConfigError:
    first = "the header" if columns.has_header else "the first row"
    return ConfigError(
        f"the row has {len(cells)} columns: {first} has {len(columns.names)}",
        hint="text that contains the separator or a line break needs CSV with quotes, or JSON lines",
    )


def _numbered_rows(lines: Iterator[str], dialect: _Dialect, where: str) -> Iterator[list[NumberedRow]]:
    """Yield lists of rows that are not empty."""
    rows = _numbered(lines, dialect, where)
    while True:
        limit = csv.field_size_limit(MAX_LINE_BYTES)  # a setting of the whole process
        try:
            part = list(islice(rows, ROWS_AT_A_TIME))
        finally:
            csv.field_size_limit(limit)
        if not part:
            return
        yield part


def _numbered(lines: Iterator[str], dialect: _Dialect, where: str) -> Iterator[NumberedRow]:
    if dialect.separator == " ":
        lines = map(str.rstrip, lines)
    reader = csv.reader(lines, **dialect.options)  # type: ignore[arg-type]
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise _invalid_row(error).at(printable(f"{where}:{line}")) from None


def _invalid_row(error: csv.Error) -> ConfigError:
    text = str(error)
    if "limit" in text:
        return ConfigError(f"a cell has more than {MAX_LINE_BYTES:,} characters, the maximum")
    what = "a quoted cell does not end" if "end of data" in text else "a quoted cell has text behind its closing quote"
    return ConfigError(what, hint='a cell that begins with " ends with one, and each " inside it is written twice')


def _dialect(first: str, format: Format) -> _Dialect:
    """Return how lines are divided, by the first one."""
    if format == "csv":
        for separator in _SEPARATORS_OF_CSV:
            if has_path(first, separator):
                return _Dialect(separator, is_quoted=True)
        return _Dialect(",", is_quoted=True)
    separator = _SEPARATORS[format]
    cells = first.strip().split(separator)
    return _Dialect(separator, is_quoted=all(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in cells))


def has_path(line: str, separator: str) -> bool:
    """Return whether one of several cells is the usual name of a path, or the name of an audio file."""
    cells = _cells(line, separator)
    return len(cells) > 1 and any(is_usual_name("path", cell) or _is_audio_name(cell) for cell in cells)


def _cells(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def _columns_of(cells: Sequence[str], request: TableRequest, template: PathTemplate | None) -> _Columns:
    """Tell a header from a row.

    A header has no name of an audio file.  Otherwise the first row is a header, unless all columns are given by number.
    """
    numbers = [str(number) for number in range(1, len(cells) + 1)]
    wanted = dict(request.columns)
    placeholders = template.columns if template is not None else ()
    given = [*filter(None, wanted.values()), *(name for name in placeholders if not wanted.get(name))]
    has_audio_name = any(map(_is_audio_name, cells))
    by_number = bool(given) and all(name.isdecimal() for name in given)
    if has_audio_name or by_number:
        if not has_audio_name:
            _refuse_header(cells, given)
        return _Columns(numbers, has_header=False)
    names = [cell.strip() or number for cell, number in zip(cells, numbers, strict=True)]
    again = next((name for position, name in enumerate(names) if name in names[:position]), None)
    if again is not None:
        raise ConfigError(f"two columns have the name {printable(again)!r}: rename one")
    return _Columns(names, has_header=True)


def _refuse_header(cells: Sequence[str], numbers: Sequence[str]) -> None:
    """Refuse numbers of columns if the first row is a header: it would become a piece."""
    usual = [cell for cell in cells if any(is_usual_name(role, cell) for role in ROLES)]
    for number in numbers:
        if number in map(str, range(1, len(cells) + 1)) and (cells[int(number) - 1] in usual or len(usual) > 1):
            raise ConfigError(
                f"column {number} is given by number, and this row seems to be a header: {abbreviate(list(cells))}",
                hint=printable(f"give the column by its name, {cells[int(number) - 1]!r}"),
            )


def _layout(
    columns: _Columns, cells: Sequence[str], request: TableRequest, template: PathTemplate | None
) -> Layout[int]:
    wanted = dict(request.columns)
    if not columns.has_header and template is None and "path" not in wanted:
        wanted["path"] = _audio_column(cells)
    return layout_of(columns.names, wanted, template, has_header=columns.has_header)


def _audio_column(cells: Sequence[str]) -> str:
    """Return the number of the column with names of audio files."""
    found = [str(position + 1) for position, cell in enumerate(cells) if _is_audio_name(cell)]
    if not found:
        raise ConfigError(
            f"no cell of the first row is the name of an audio file: {abbreviate(list(cells))}",
            hint="say which column is the path, such as --column path=1, or make it with --path-template",
        )
    if len(found) > 1:
        listed = " and ".join(found)
        raise ConfigError(
            f"the columns {listed} have names of audio files: only one can be the path",
            hint=f"say which: --column path={found[0]}",
        )
    return found[0]


def _is_audio_name(cell: str) -> bool:
    return extension(cell) in _AUDIO
