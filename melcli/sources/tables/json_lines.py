"""Read JSON lines: one object per line, as in NeMo's manifests."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from melcli.errors import ConfigError
from melcli.printable import printable
from melcli.sources.records import Record, Scalar
from melcli.sources.tables.column_names import nearest_column
from melcli.sources.tables.layouts import layout_of
from melcli.sources.tables.path_template import PathTemplate
from melcli.sources.tables.pieces import PieceMaker
from melcli.sources.tables.request import ROLES, TableRequest

__all__ = ["read_json_lines"]

MAX_LAYOUTS = 1024  # kept at a time
_SCALARS = frozenset({str, int, bool, type(None)})

Carried = Sequence[tuple[str, str]]


def read_json_lines(lines: Iterator[str], request: TableRequest, where: str) -> Iterator[Record]:
    """Yield the records of a table of JSON objects; their keys may differ from line to line.

    A key that is null is as if it were missing.  In `Record.columns`, arrays and objects become their JSON text, and
    NaN and infinity, which `json` writes although JSON has no such numbers, become None.

    Parameters
    ----------
    lines : iterator of str
    request : TableRequest
    where : str
        Name of the table in messages, not escaped.

    Raises
    ------
    ConfigError
        A line is not a JSON object, or a value is invalid; the message names the line.
    """
    layouts = _Layouts(request)
    for number, line in enumerate(lines, 1):
        if line.isspace():
            continue
        place = f"{where}:{number}"
        try:
            row = _object(line, request.path)
            maker, carried = layouts.of(tuple(row))
            yield maker.record(row, place, _columns(row, carried))
        except ConfigError as error:
            raise error.at(printable(place)) from None
    try:
        layouts.refuse_missing()
    except ConfigError as error:
        raise error.at(printable(where)) from None


class _Layouts:
    """The layout of each set of keys.

    A line may lack a column of the request, but at least one line has to have it.
    """

    def __init__(self, request: TableRequest) -> None:
        self._request = request
        self._template = PathTemplate(request.path_template) if request.path_template is not None else None
        self._missing = {name for name, column in request.columns if column}
        self._known: dict[tuple[str, ...], tuple[PieceMaker, Carried]] = {}

    def of(self, keys: tuple[str, ...]) -> tuple[PieceMaker, Carried]:
        """Return what makes the record of an object with these keys."""
        if keys not in self._known:
            if len(self._known) == MAX_LAYOUTS:
                self._known.clear()
            self._known[keys] = self._new(keys)
        return self._known[keys]

    def _new(self, keys: Sequence[str]) -> tuple[PieceMaker, Carried]:
        folded = {key.strip().lower() for key in keys}
        wanted = {}
        for name, column in self._request.columns:
            if not column or column.strip().lower() in folded:
                wanted[name] = column
                self._missing.discard(name)
            elif name == "path":
                wanted[name] = column  # every line needs it
            elif name in ROLES:
                wanted[name] = ""
        layout = layout_of(keys, wanted, self._template).by_name(keys)
        return PieceMaker(self._request, self._template, layout), layout.carried

    def refuse_missing(self) -> None:
        """Raise if no line has a column of the request."""
        known = {key for keys in self._known for key in keys}
        for name, column in self._request.columns:
            if name in self._missing and self._known:
                raise ConfigError(
                    f"--column {printable(name)}={printable(column)}: no line has this key",
                    hint=nearest_column(column, known),
                )


def _object(line: str, path: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        hint = _array_hint(path) if line.strip() in ("[", "{", "[{") else ""
        raise ConfigError(f"it is not a JSON object on one line: {error}", hint=hint) from None
    except RecursionError:
        raise ConfigError("it is nested too deeply for a row of a table") from None
    if not isinstance(row, dict):
        raise ConfigError("it is not a JSON object", hint=_array_hint(path) if isinstance(row, list) else "")
    return row


def _array_hint(path: str) -> str:
    name = "FILE" if path == "-" else shlex.quote(path)
    return printable(f"jq -c '.[]' {name} | melcli extract --table - --table-format jsonl ...")


def _columns(row: Mapping[str, Any], carried: Carried) -> Mapping[str, Scalar]:
    columns: dict[str, Scalar] = {}
    for name, key in carried:
        value = row[key]
        if type(value) in _SCALARS:
            columns[name] = value
        elif type(value) is float:
            columns[name] = value if math.isfinite(value) else None
        else:
            columns[name] = json.dumps(value, ensure_ascii=False)
    return columns
