"""Convert the records of tables and Kaldi folders to items."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

from melcli.sources.bounds import Bounds
from melcli.sources.item_values import Values, item_values
from melcli.sources.items import Item, columns_json
from melcli.sources.records import Record

__all__ = ["RecordItems"]

MAX_STATUSES = 4096  # to keep; the segments of a recording usually follow each other


class RecordItems:
    """Converts records to items; the status of a recording is read once for segments that follow each other.

    Parameters
    ----------
    at : callable
        Called with each path before an operation on it that may block.
    """

    def __init__(self, at: Callable[[str], None]) -> None:
        self._at = at
        self._statuses: dict[str, os.stat_result | None] = {}

    def values(self, records: Iterable[Record]) -> Iterator[Values]:
        """Yield the values of the items."""
        for record in records:
            status = None if record.is_command else self._status(record.path)
            item = Item.from_stat(record.id, record.path, status)
            yield item_values(
                item._replace(
                    bounds=bounds_of(record).to_json(), columns=columns_json(record.columns), place=record.place
                )
            )

    def _status(self, path: str) -> os.stat_result | None:
        if path not in self._statuses:
            if len(self._statuses) == MAX_STATUSES:
                self._statuses.clear()
            self._at(path)
            try:
                self._statuses[path] = os.stat(path)
            except (OSError, ValueError):
                self._statuses[path] = None
        return self._statuses[path]


def bounds_of(record: Record) -> Bounds:
    """Return the part of the source that a record describes."""
    start_s, end_s, length_s = record.start_s, record.end_s, record.duration_s
    if length_s is not None:
        end_s = (start_s or 0.0) + length_s
    is_whole = start_s is None and end_s is None
    return Bounds(
        start_s=start_s,
        end_s=end_s,
        length_s=length_s if record.rounding == "truncate" else None,
        rounding="truncate" if record.rounding == "truncate" and not is_whole else None,
        source_channel=record.channel,
        is_command=record.is_command or None,
    )
