"""Rows of the manifest whose items are plainly done, found many at once; most rows of a rerun are such."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence, Set
from operator import itemgetter, lt, mul

from melcli.audio.revisions import is_outdated
from melcli.byte_order import byte_order, text_of
from melcli.sources.item_table import ItemTable
from melcli.store.entries import PlainRow, all_unescaped
from melcli.store.history import Settle, Settled
from melcli.store.placement import StoredFiles

__all__ = ["settle_with"]

Look = tuple[bytes, int, int]  # id, size and time of an item


def settle_with(
    items: ItemTable, *, config_id: str, stored: StoredFiles, mark_done: Callable[[Sequence[int]], Sequence[bool]]
) -> Settle:
    """Return what finds the rows of items that are done.

    It says no more than `melcli.run.plan.make_plan` would: any doubt, such as a second row of an item, leaves the row
    to that.

    Parameters
    ----------
    items : ItemTable
    config_id : str
        Of this run.
    stored : StoredFiles
        Tells whether an output is there.
    mark_done : callable
        Marks items by their numbers, and tells of each whether nothing was known of it so far; 0 is no item.
    """
    merge = _Merge(items)
    kinds: dict[tuple[bytes, ...], bool] = {}
    own_config_id = byte_order(config_id)

    def may_be_done(status: bytes, coding: bytes, decoding: bytes, channel: bytes, row_config_id: bytes) -> bool:
        if (status, channel, row_config_id) != (b"ok", b"", own_config_id) or not coding:
            return False
        return not is_outdated(text_of(coding), int(decoding) if decoding else None, "")

    def settle(rows: list[PlainRow]) -> Callable[[], Settled]:
        escaped, statuses, sizes, times, codings, decodings, channels, paths, output_sizes, config_ids = zip(
            *rows, strict=True
        )
        ids = all_unescaped(escaped)
        wait = stored.begin_sizes(ids, all_unescaped(paths))
        made = list(zip(statuses, codings, decodings, channels, config_ids, strict=True))
        for kind in set(made) - kinds.keys():
            kinds[kind] = may_be_done(*kind)
        numbers = merge(list(zip(ids, map(int, sizes), map(int, times), strict=True)))
        if not all(kinds[kind] for kind in set(made)):
            numbers = [number if kinds[kind] else 0 for number, kind in zip(numbers, made, strict=True)]

        def settled() -> Settled:
            are_there = [found >= 0 and b"%d" % found == size for found, size in zip(wait(), output_sizes, strict=True)]
            return Settled(ids, mark_done(numbers if all(are_there) else list(map(mul, numbers, are_there))))

        return settled

    return settle


class _Merge:
    """Finds the numbers of items by id, size and time, if rows come in order; others are not found.

    Parameters
    ----------
    items : ItemTable
    """

    def __init__(self, items: ItemTable) -> None:
        self._pieces = items.scratch.pieces(f"SELECT id, size, mtime_ns FROM {items.table} ORDER BY number")
        self._items: list[Look] = []  # all of them come after the rows so far
        self._number = 1  # of the first of them

    def __call__(self, looks: list[Look]) -> Sequence[int]:
        """Return the numbers of items that look just so; 0 where none is found."""
        while len(self._items) < len(looks) and (piece := next(self._pieces, None)):
            self._items += piece
        if self._items[: len(looks)] == looks:  # nearly always
            return self._passed(len(looks))
        ids = [look[0] for look in looks]
        return self._found(ids, set(looks)) if all(map(lt, ids, ids[1:])) else [0] * len(looks)

    def _found(self, ids: Sequence[bytes], looks: Set[Look]) -> Sequence[int]:
        numbers = dict.fromkeys(ids, 0)
        while self._items:
            count = bisect_right(self._items, ids[-1], key=itemgetter(0))
            items = self._items[:count]
            for item, number in zip(items, self._passed(count), strict=True):
                if item in looks:
                    numbers[item[0]] = number
            if self._items:
                break
            self._items = next(self._pieces, [])
        return list(numbers.values())

    def _passed(self, count: int) -> range:
        """Take so many items away, and return their numbers."""
        self._items = self._items[count:]
        self._number += count
        return range(self._number - count, self._number)
