"""The table of items in a scratch database, sorted by id, each id once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from melcli.byte_order import byte_order, text_of
from melcli.scratch import Lookup, Scratch
from melcli.sources.item_values import COLUMNS, Values, item_values, to_item
from melcli.sources.items import Item

__all__ = ["Ids", "ItemTable"]


class ItemTable(Collection[Item]):
    """Items, numbered from 1 in the byte order of their ids.

    Parameters
    ----------
    items : iterable of Item
        In any order; of items with the same id, the one with the first source in byte order is used.
    scratch : Scratch
        The database that contains them.

    Attributes
    ----------
    table : str
        Name of the table, with the columns ``number`` and `COLUMNS`.
    """

    def __init__(self, items: Iterable[Item], scratch: Scratch) -> None:
        self.scratch = scratch
        self._all = scratch.table("all_items", "(id BLOB, source BLOB, size INTEGER, mtime_ns)")
        self.table = scratch.table(
            "items", "(number INTEGER PRIMARY KEY, id BLOB UNIQUE, source BLOB, size INTEGER, mtime_ns)"
        )
        self.add(map(item_values, items))

    @classmethod
    def of(cls, values: Iterable[Values], scratch: Scratch) -> ItemTable:
        """Create a table from items in the form of `item_values`."""
        table = cls((), scratch)
        table.add(values)
        return table

    def add(self, values: Iterable[Values]) -> None:
        """Add items in the form of `item_values`, and number all items again."""
        scratch = self.scratch
        scratch.insert(f"INSERT INTO {self._all} VALUES (?, ?, ?, ?)", values)
        scratch.execute(f"DELETE FROM {self.table}")
        # Sorted first, so that the index grows at its end: inserting a million in random order takes 5 times as long.
        scratch.execute(
            f"INSERT OR IGNORE INTO {self.table} ({COLUMNS}) SELECT {COLUMNS} FROM {self._all} ORDER BY id, source"
        )
        self._count = int(scratch.one(f"SELECT count(*) FROM {self.table}")[0])

    def surplus(self) -> Iterator[tuple[Item, Item]]:
        """Yield pairs of a used item and an unused one with the same id and another source, sorted by id and source."""
        if self._count == self.scratch.one(f"SELECT count(*) FROM {self._all}")[0]:
            return
        names = COLUMNS.split(", ")
        columns = ", ".join(f"{table}.{name}" for table in ("taken", "other") for name in names)
        rows = self.scratch.rows(
            f"SELECT {columns} FROM {self._all} AS other JOIN {self.table} AS taken ON taken.id = other.id "
            "WHERE taken.source <> other.source ORDER BY other.id, other.source"
        )
        for row in rows:
            yield to_item(*row[: len(names)]), to_item(*row[len(names) :])

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Item]:
        rows = self.scratch.rows(f"SELECT {COLUMNS} FROM {self.table} ORDER BY number")
        return (to_item(*row) for row in rows)

    def __contains__(self, item: object) -> bool:
        return isinstance(item, Item) and item.id in self.ids

    @property
    def ids(self) -> Ids:
        """The ids, in byte order."""
        return Ids(self.scratch, f"SELECT id FROM {self.table}")

    def lookup(self) -> Lookup:
        """Return a lookup by the bytes of an id, which finds the `COLUMNS` of an item, then its number."""
        select = f"SELECT {COLUMNS}, number FROM {self.table}"
        return Lookup(self.scratch, f"{select} ORDER BY number", f"{select} WHERE id = ?")


class Ids(Collection[str]):
    """The ids that a query yields, read again on each use.

    Parameters
    ----------
    scratch : Scratch
    select : str
        A query for a column ``id``, without an order.
    """

    def __init__(self, scratch: Scratch, select: str) -> None:
        self._scratch = scratch
        self._select = select

    def __len__(self) -> int:
        return int(self._scratch.one(f"SELECT count(*) FROM ({self._select})")[0])

    def __iter__(self) -> Iterator[str]:
        return (text_of(row[0]) for row in self._scratch.rows(f"{self._select} ORDER BY id"))

    def __contains__(self, item_id: object) -> bool:
        if not isinstance(item_id, str):
            return False
        return self._scratch.one(f"SELECT 1 FROM ({self._select}) WHERE id = ?", (byte_order(item_id),)) is not None
