"""Make records of the rows of a table."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from melcli.errors import ConfigError
from melcli.sources.records import Record, Scalar
from melcli.sources.tables.derived_ids import derived_id, name_of_recording
from melcli.sources.tables.layouts import Layout
from melcli.sources.tables.path_template import PathTemplate
from melcli.sources.tables.request import TableRequest
from melcli.sources.tables.values import channel_of, check_id, check_path, seconds, shown

__all__ = ["PieceMaker", "folder_prefix"]

CONTRADICTION_S = 0.5  # more than any rounding of times in a table


class PieceMaker:
    """Makes a record of a row, by the layout of its table.

    Parameters
    ----------
    request : TableRequest
    template : PathTemplate or None
        That of the request.
    layout : Layout
    """

    def __init__(self, request: TableRequest, template: PathTemplate | None, layout: Layout[Any]) -> None:
        self._prefix = folder_prefix(request)
        self._keep_extension = request.keep_extension
        self._template = template
        self._placeholders = layout.placeholders
        self._rounding = layout.rounding
        self._names = layout.names
        get = layout.roles.get
        self._path, self._id, self._channel = get("path"), get("id"), get("channel")
        self._start, self._end, self._duration = get("start"), get("end"), get("duration")
        self._last = "", ""  # path and name
        self._has_bounds = self._start is not None or self._end is not None

    def record(self, row: Any, place: str, columns: Mapping[str, Scalar]) -> Record:
        """Return the record of a row.

        Parameters
        ----------
        row : sequence or Mapping
            Cells, or a JSON object.
        place : str
            `Record.place`.
        columns : Mapping
            `Record.columns`.

        Raises
        ------
        ConfigError
            A value is invalid; the message does not name the place.
        """
        path = row[self._path] if self._template is None else self._template.fill(row, self._placeholders)
        check_path(path, "path" if self._template is not None else self._names["path"])
        start_s, end_s, duration_s = self._bounds(row) if self._has_bounds else (None, None, None)
        channel = None if self._channel is None else channel_of(self._names["channel"], row[self._channel])
        item_id = self._explicit_id(row)
        if item_id is None:
            end_of_id_s = start_s + duration_s if start_s is not None and duration_s is not None else end_s
            item_id = derived_id(self._name(path), start_s, end_of_id_s, channel)
        if not path.startswith("/"):
            path = self._prefix + path
        return Record(
            place, path, item_id, start_s, end_s, duration_s, self._rounding, channel, is_command=False, columns=columns
        )

    def _name(self, path: str) -> str:
        """Return the name of a recording; pieces of one recording are usually next to each other."""
        if self._last[0] != path:
            self._last = path, name_of_recording(path, keep_extension=self._keep_extension)
        return self._last[1]

    def _explicit_id(self, row: Any) -> str | None:
        value = None if self._id is None else row[self._id]
        if value is None or value == "":
            return None
        if type(value) is int:
            value = str(value)
        if type(value) is not str:
            raise ConfigError(f"{shown(self._names['id'], value)}: an id is a text or a whole number")
        check_id(value, self._names["id"])
        return str(value)

    def _bounds(self, row: Any) -> tuple[float | None, float | None, float | None]:
        """Return start, end and length; a length counts only with a start and without an end."""
        names = self._names
        start_s = None if self._start is None else seconds(names["start"], row[self._start])
        end_s = None if self._end is None else seconds(names["end"], row[self._end])
        if end_s is None and start_s is None:
            return None, None, None
        start_s = start_s or 0.0
        if end_s is not None and end_s <= start_s:
            start = names.get("start", "start")
            raise ConfigError(
                f"{start}={start_s:g} and {names['end']}={end_s:g}: a piece ends after its start",
                hint=f"if {names['end']} is a length, add --column duration={names['end']} --column end=",
            )
        duration_s = None if self._duration is None else seconds(names["duration"], row[self._duration])
        if duration_s is None:
            return start_s, end_s, None
        if duration_s == 0:
            raise ConfigError(f"{names['duration']}=0: the length of a piece is above 0")
        if end_s is None:
            return start_s, None, duration_s
        # The length is that of the piece, or that of the recording.
        if end_s > duration_s + CONTRADICTION_S and abs(end_s - start_s - duration_s) > CONTRADICTION_S:
            raise ConfigError(
                f"{names['end']}={end_s:g} and {names['duration']}={duration_s:g}: these contradict each other",
                hint=f"if {names['end']} is not a time in seconds, add --column end=",
            )
        return start_s, end_s, None


def folder_prefix(request: TableRequest) -> str:
    """Return the folder that relative paths start at, with its final slash; ``""`` for the current folder."""
    folder = request.root
    if folder is None:
        folder = "" if request.is_inherited else os.path.dirname(request.path)
    return os.path.join(folder, "") if folder else ""
