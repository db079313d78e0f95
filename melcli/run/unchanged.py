"""Find rows of the manifest with an unchanged item, many at once, since most rows of a rerun are unchanged."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence, Set
from operator import itemgetter, lt, mul

from melcli.audio.decoding_revision import is_outdated
from melcli.byte_order import byte_order, text_of
from melcli.sources.item_table import ItemTable
from melcli.store.entries import PlainRow, all_unescaped
from melcli.store.history import FindUnchanged, UnchangedRows
from melcli.store.placement import StoredFiles

__all__ = ["unchanged_finder"]

IS_COMMAND = b'"is_command"'  # in the bounds of an item
# Id, size, time, bounds and columns of an item; its source if a table lists it, otherwise nothing.
Fingerprint = tuple[bytes, int, int, bytes, bytes, bytes]


def unchanged_finder(
    items: ItemTable, *, config_id: str, stored: StoredFiles, mark_done: Callable[[Sequence[int]], Sequence[bool]]
) -> FindUnchanged:
    """Return a function that finds rows whose items are done.

    It only finds rows for which `melcli.run.plan.make_plan` would decide the same.  Rows in doubt, such as a second row
    of an item, are left to `make_plan`.

    Parameters
    ----------
    items : ItemTable
    config_id : str
        The config of this run.
    stored : StoredFiles
        Checks whether an output exists.
    mark_done : callable
        Marks items by their numbers, and returns for each whether it was new; 0 is no item.
    """
    merge = _Merge(items)
    kinds: dict[tuple[bytes, ...], bool] = {}
    own_config_id = byte_order(config_id)

    def may_be_done(
        status: bytes, coding: bytes, decoding: bytes, channel: bytes, chunk: bytes, row_config_id: bytes
    ) -> bool:
        if (status, channel, chunk, row_config_id) != (b"ok", b"", b"", own_config_id) or not coding:
            return False
        return not is_outdated(text_of(coding), int(decoding) if decoding else None, "")

    def find_unchanged(rows: list[PlainRow]) -> Callable[[], UnchangedRows]:
        in_columns = zip(*rows, strict=True)
        escaped, sources, statuses, sizes, times, codings, decodings, channels, paths, *others = in_columns
        output_sizes, config_ids, bounds, columns, chunks = others
        ids = all_unescaped(escaped)
        wait = stored.begin_sizes(ids, all_unescaped(paths))
        made = list(zip(statuses, codings, decodings, channels, chunks, config_ids, strict=True))
        for kind in set(made) - kinds.keys():
            kinds[kind] = may_be_done(*kind)
        of_tables = sources_of_tables(sources, columns)
        numbers = merge(list(zip(ids, map(int, sizes), map(int, times), bounds, columns, of_tables, strict=True)))
        if any(IS_COMMAND in one for one in set(bounds)):  # which has no size and time: the plan compares its text
            numbers = [0 if IS_COMMAND in one else number for number, one in zip(numbers, bounds, strict=True)]
        if not all(kinds[kind] for kind in set(made)):
            numbers = [number if kinds[kind] else 0 for number, kind in zip(numbers, made, strict=True)]

        def finish() -> UnchangedRows:
            exist = [found >= 0 and b"%d" % found == size for found, size in zip(wait(), output_sizes, strict=True)]
            return UnchangedRows(ids, mark_done(numbers if all(exist) else list(map(mul, numbers, exist))))

        return finish

    return find_unchanged


def sources_of_tables(sources: Sequence[bytes], columns: Sequence[bytes]) -> Sequence[bytes]:
    """Return the sources of rows that a table listed, and nothing for the other rows.

    A table with ids may give an item another file, which may have the size and time of the one before: all clips of
    a tar file often do.
    """
    if not any(columns):
        return columns
    return [source if listed else b"" for source, listed in zip(all_unescaped(sources), columns, strict=True)]


class _Merge:
    """Finds the numbers of items by their fingerprint, for rows in the order of the items.

    Parameters
    ----------
    items : ItemTable
    """

    def __init__(self, items: ItemTable) -> None:
        self._pieces = items.scratch.pieces(
            "SELECT id, size, mtime_ns, bounds, columns, CASE WHEN columns = x'' THEN x'' ELSE source END "
            f"FROM {items.table} ORDER BY number"
        )
        self._items: list[Fingerprint] = []  # the next items, which follow all earlier rows
        self._number = 1  # of the first of these items

    def __call__(self, rows: list[Fingerprint]) -> Sequence[int]:
        """Return the number of the item with each fingerprint; 0 if there is none."""
        while len(self._items) < len(rows) and (piece := next(self._pieces, None)):
            self._items += piece
        if self._items[: len(rows)] == rows:  # the usual case
            return self._consume(len(rows))
        ids = [row[0] for row in rows]
        return self._find(ids, set(rows)) if all(map(lt, ids, ids[1:])) else [0] * len(rows)

    def _find(self, ids: Sequence[bytes], rows: Set[Fingerprint]) -> Sequence[int]:
        """Return the number of the item with each id, if its fingerprint is in ``rows``; the ids are sorted."""
        numbers = dict.fromkeys(ids, 0)
        while self._items:
            count = bisect_right(self._items, ids[-1], key=itemgetter(0))
            items = self._items[:count]
            for item, number in zip(items, self._consume(count), strict=True):
                if item in rows:
                    numbers[item[0]] = number
            if self._items:
                break
            self._items = next(self._pieces, [])
        return list(numbers.values())

    def _consume(self, count: int) -> range:
        """Remove the first ``count`` items, and return their numbers."""
        self._items = self._items[count:]
        self._number += count
        return range(self._number - count, self._number)
