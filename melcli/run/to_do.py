"""Items to process, in a scratch database, with their cost and their shard."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import Any

from melcli.byte_order import byte_order, text_of
from melcli.scratch import Scratch
from melcli.sources.bounds import Bounds
from melcli.sources.item_values import COLUMNS, PARAMETERS, item_values, to_item
from melcli.sources.items import Item
from melcli.sources.names import extension

__all__ = ["EXPANSION", "ToDo", "decoded_bytes", "source_bytes"]

# The approximate ratio of decoded audio to the file.  Only the order and the size of batches depend on it.
EXPANSION = {
    **dict.fromkeys(
        (".mp3", ".ogg", ".oga", ".m4a", ".m4b", ".aac", ".mka", ".weba", ".webm", ".wma", ".mpc", ".ac3", ".3ga"), 10
    ),
    **dict.fromkeys((".opus", ".amr", ".spx"), 16),
    **dict.fromkeys((".flac", ".ape", ".wv", ".tta", ".shn", ".tak"), 2),
}
DECODED_BYTES_PER_S = 64_000  # 16 kHz mono; rates are unknown before a source is opened
COMMAND_BYTES = 1_000_000
PART_KIND = b"part"  # the kind of items that are parts of sources; no extension, which begin with a dot
MAX_COST_BYTES = (1 << 53) - 1  # so that sums of floats are exact


def decoded_bytes(item: Item) -> int:
    """Estimate the bytes of decoded audio of an item: from its bounds, or from the size and extension of its file."""
    return source_bytes(item) if not item.bounds else _part_bytes(item, Bounds.of_json(item.bounds))


def source_bytes(item: Item) -> int:
    """Estimate the bytes of decoded audio of the whole source of an item."""
    return _file_bytes(item.size, extension(item.source))


def _file_bytes(size: int, kind: str) -> int:
    return max(0, size) * EXPANSION.get(kind, 1)


def _part_bytes(item: Item, bounds: Bounds) -> int:
    if bounds.duration_s is not None:
        return min(round(bounds.duration_s * DECODED_BYTES_PER_S), MAX_COST_BYTES)
    return COMMAND_BYTES if bounds.is_command else source_bytes(item)


def _values(item: Item) -> tuple[Any, ...]:
    if not item.bounds:
        kind = extension(item.source)
        cost = min(_file_bytes(item.size, kind), MAX_COST_BYTES)
        return *item_values(item), cost, item.size, byte_order(kind), 0.0
    bounds = Bounds.of_json(item.bounds)
    cost = min(_part_bytes(item, bounds), MAX_COST_BYTES)
    return *item_values(item), cost, cost, PART_KIND, bounds.start_s or 0.0


class ToDo:
    """Items to process, sorted by id.

    Parameters
    ----------
    items : iterable of Item
        Sorted by id.
    scratch : Scratch
        Contains the items.
    """

    def __init__(self, items: Iterable[Item], scratch: Scratch) -> None:
        self._scratch = scratch
        self._table = scratch.table(
            "to_do",
            "(number INTEGER PRIMARY KEY, id BLOB UNIQUE, source BLOB, size INTEGER, mtime_ns, bounds BLOB,"
            " columns BLOB, place BLOB, cost INTEGER, basis INTEGER, kind BLOB, start_s REAL, stored INTEGER,"
            " shard INTEGER)",
        )
        self._sized = ""
        scratch.insert(
            f"INSERT INTO {self._table} ({COLUMNS}, cost, basis, kind, start_s) VALUES ({PARAMETERS}, ?, ?, ?, ?)",
            map(_values, items),
        )
        self._count = int(scratch.one(f"SELECT count(*) FROM {self._table}")[0])
        self.has_parts = scratch.one(f"SELECT 1 FROM {self._table} WHERE kind = ?", (PART_KIND,)) is not None

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Item]:
        return self._items("ORDER BY number")

    def longest_first(self, *, unplanned: bool = False) -> Iterator[tuple[Item, int]]:
        """Yield items and their `decoded_bytes`, the largest first; with ``unplanned``, only items without a shard.

        Parts of a source follow each other, sorted by start; then the sources with the most audio come first.
        """
        where = "WHERE shard IS NULL" if unplanned else ""
        select = f"SELECT number FROM {self._table} {where} ORDER BY cost DESC, number"
        if self.has_parts:
            # A table of its own: as a subquery, SQLite computed it again for each row.
            totals = self._scratch.table("totals", "(source BLOB PRIMARY KEY, total INTEGER) WITHOUT ROWID")
            self._scratch.execute(
                f"INSERT INTO {totals} SELECT source, sum(cost) FROM {self._table} {where} GROUP BY source"
            )
            select = (
                f"SELECT number FROM {self._table} JOIN {totals} USING (source) {where} "
                "ORDER BY total DESC, source, start_s, number"
            )
        # Numbers are sorted, not rows: sorting a million rows of parts took 5 times as long.
        ordered = self._scratch.table("ordered", "(position INTEGER PRIMARY KEY, number INTEGER)")
        self._scratch.execute(f"INSERT INTO {ordered} (number) {select}")
        query = (
            f"SELECT cost, {COLUMNS} FROM {ordered} AS ordered CROSS JOIN {self._table} AS items "
            "ON items.number = ordered.number ORDER BY position"
        )
        for cost, *values in self._scratch.rows(query):
            yield to_item(*values), cost

    # Shards.

    def between(self, first: str, last: str) -> Iterator[Item]:
        """Yield the items with ids from ``first`` to ``last``."""
        return self._items("WHERE id BETWEEN ? AND ? ORDER BY number", byte_order(first), byte_order(last))

    def plan(self, shard: int, first: str, last: str) -> None:
        """Assign the items with ids from ``first`` to ``last``, if they have no shard, to a shard."""
        self._scratch.execute(
            f"UPDATE {self._table} SET shard = ? WHERE id BETWEEN ? AND ? AND shard IS NULL",
            (shard, byte_order(first), byte_order(last)),
        )

    def is_planned(self, first: str, last: str) -> bool:
        """Return whether an item with an id from ``first`` to ``last`` has a shard."""
        query = f"SELECT count(shard) FROM {self._table} WHERE id BETWEEN ? AND ?"
        return bool(self._scratch.one(query, (byte_order(first), byte_order(last)))[0])

    def of_shard(self, shard: int, first: str, last: str) -> tuple[Item, ...]:
        """Return the items of a shard, with ids from ``first`` to ``last``."""
        where = "WHERE id BETWEEN ? AND ? AND shard = ? ORDER BY number"
        return tuple(self._items(where, byte_order(first), byte_order(last), shard))

    def costs(self) -> dict[int, float]:
        """Return the approximate bytes of decoded audio by shard."""
        rows = self._scratch.rows(f"SELECT shard, total(cost) FROM {self._table} WHERE shard NOTNULL GROUP BY shard")
        return dict(rows)

    def measure(self, stored_bytes: Iterable[tuple[str, int]]) -> None:
        """Record the approximate size of the features of items, in bytes, by id."""
        rows = ((min(size, MAX_COST_BYTES), byte_order(item_id)) for item_id, size in stored_bytes)
        self._scratch.insert(f"UPDATE {self._table} SET stored = ? WHERE id = ?", rows)

    def unplanned(self) -> Iterator[tuple[Item, int]]:
        """Yield the items without a shard, with the approximate size of their features in bytes."""
        query = f"SELECT coalesce(stored, 0), {COLUMNS} FROM {self._table} WHERE shard IS NULL ORDER BY number"
        for stored, *values in self._scratch.rows(query):
            yield to_item(*values), stored

    # Sizes.

    def kinds(self) -> list[tuple[str, array[int]]]:
        """Return the sorted sizes of the items that are not empty, for each extension in lower case.

        Parts of sources are a kind of their own, `PART_KIND`, and their sizes are their `decoded_bytes`.
        """
        if not self._sized:
            self._sized = self._scratch.table("sized", "(position INTEGER PRIMARY KEY, kind BLOB, number INTEGER)")
            self._scratch.execute(
                f"INSERT INTO {self._sized} (kind, number) SELECT kind, number FROM {self._table} WHERE basis > 0 "
                "ORDER BY kind, basis, number"
            )
        found = self._scratch.rows(f"SELECT DISTINCT kind FROM {self._sized} ORDER BY kind")
        return [(text_of(kind), array("q", self._sizes(kind))) for (kind,) in list(found)]

    def by_size(self, kind: str, index: int) -> Item:
        """Return the item whose size has this index in the sizes of its extension, see `kinds`."""
        name = byte_order(kind)
        first = self._scratch.one(f"SELECT min(position) FROM {self._sized} WHERE kind = ?", (name,))[0]
        return next(self._items(f"JOIN {self._sized} USING (number) WHERE position = ?", first + index))

    def _sizes(self, kind: bytes) -> Iterator[int]:
        query = f"SELECT basis FROM {self._sized} AS sized JOIN {self._table} USING (number) WHERE sized.kind = ?"
        return (row[0] for row in self._scratch.rows(f"{query} ORDER BY position", (kind,)))

    def _items(self, rest: str, *values: object) -> Iterator[Item]:
        return (to_item(*row) for row in self._scratch.rows(f"SELECT {COLUMNS} FROM {self._table} {rest}", values))
