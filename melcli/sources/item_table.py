"""The table of items in a scratch database, sorted by id, each id once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from operator import lt

from melcli.byte_order import byte_order, text_of
from melcli.scratch import Lookup, Scratch
from melcli.sources.item_values import COLUMNS, PARAMETERS, Values, to_item
from melcli.sources.items import Item

__all__ = ["Ids", "ItemTable"]

TABLE = (
    "(number INTEGER PRIMARY KEY, id BLOB, source BLOB, size INTEGER, mtime_ns, bounds BLOB, columns BLOB, place BLOB)"
)


class ItemTable:
    """Items, numbered from 1 in the byte order of their ids.

    Parameters
    ----------
    parts : iterable of sequence of Values
        Items in the form of `item_values`, in any order; of items with the same id, the one with the first source in
        byte order is used.
    scratch : Scratch
        The database that contains them.

    Attributes
    ----------
    table : str
        Name of the table, with the columns ``number`` and `COLUMNS`.
    """

    def __init__(self, parts: Iterable[Sequence[Values]], scratch: Scratch) -> None:
        self.scratch = scratch
        self._all = self.table = scratch.table("all_items", TABLE)
        self._num_all = 0
        self._is_in_order, self._last = True, b""
        self._is_indexed = False
        self.add(parts)

    def add(self, parts: Iterable[Sequence[Values]]) -> None:
        """Add items in the form of `item_values`, and number all items again.

        Items that are already in order and unique are not sorted: a million take 1.5 s instead of 4.
        """
        for part in parts:
            self._note_order([values[0] for values in part])
            self.scratch.insert(f"INSERT INTO {self._all} ({COLUMNS}) VALUES ({PARAMETERS})", part)
            self._num_all += len(part)
        self._count = self._num_all
        if not self._is_in_order:
            self._sort()

    def _note_order(self, ids: Sequence[bytes]) -> None:
        if self._is_in_order and ids:
            self._is_in_order = (self._last < ids[0] or not self._num_all) and all(map(lt, ids, ids[1:]))
            self._last = ids[-1]

    def _sort(self) -> None:
        if self.table != self._all:
            self.scratch.execute(f"DROP TABLE {self.table}")
        self.table = self.scratch.table("items", TABLE.replace("id BLOB", "id BLOB UNIQUE"))
        self._is_indexed = True
        # Sorted first, so that the index grows at its end: inserting a million in random order takes 5 times as long.
        self.scratch.execute(
            f"INSERT OR IGNORE INTO {self.table} ({COLUMNS}) "
            f"SELECT {COLUMNS} FROM {self._all} ORDER BY id, source, place"
        )
        self._count = int(self.scratch.one(f"SELECT count(*) FROM {self.table}")[0])

    def index(self) -> None:
        """Prepare the table for looking up ids in any order."""
        if not self._is_indexed:
            self.scratch.execute(f"CREATE UNIQUE INDEX {self.table}_ids ON {self.table} (id)")
            self._is_indexed = True

    def surplus(self) -> Iterator[tuple[Item, Item]]:
        """Yield pairs of a used item and an unused one with the same id, sorted by id and source.

        The unused one has another source or is in another line of a table.
        """
        if self._count == self._num_all:
            return
        names = COLUMNS.split(", ")
        columns = ", ".join(f"{table}.{name}" for table in ("taken", "other") for name in names)
        rows = self.scratch.rows(
            f"SELECT {columns} FROM {self._all} AS other JOIN {self.table} AS taken ON taken.id = other.id "
            "WHERE taken.source <> other.source OR taken.place <> other.place "
            "ORDER BY other.id, other.source, other.place"
        )
        for row in rows:
            yield to_item(*row[: len(names)]), to_item(*row[len(names) :])

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Item]:
        rows = self.scratch.rows(f"SELECT {COLUMNS} FROM {self.table} ORDER BY number")
        return (to_item(*row) for row in rows)

    @property
    def ids(self) -> Ids:
        """The ids, in byte order."""
        return Ids(self.scratch, f"SELECT id FROM {self.table}", self.index)

    def lookup(self) -> Lookup:
        """Return a lookup by the bytes of an id, which finds the `COLUMNS` of an item, then its number."""
        select = f"SELECT {COLUMNS}, number FROM {self.table}"
        return Lookup(self.scratch, f"{select} ORDER BY number", f"{select} WHERE id = ?", self.index)


class Ids(Collection[str]):
    """The ids that a query yields, read again on each use.

    Parameters
    ----------
    scratch : Scratch
    select : str
        A query for a column ``id``, without an order.
    index : callable
        Called before the first lookup of a single id.
    """

    def __init__(self, scratch: Scratch, select: str, index: Callable[[], None] = lambda: None) -> None:
        self._scratch = scratch
        self._select = select
        self._index = index

    def __len__(self) -> int:
        return int(self._scratch.one(f"SELECT count(*) FROM ({self._select})")[0])

    def __iter__(self) -> Iterator[str]:
        return (text_of(row[0]) for row in self._scratch.rows(f"{self._select} ORDER BY id"))

    def __contains__(self, item_id: object) -> bool:
        if not isinstance(item_id, str):
            return False
        self._index()
        return self._scratch.one(f"SELECT 1 FROM ({self._select}) WHERE id = ?", (byte_order(item_id),)) is not None

    def suspects(self, texts: Sequence[str], num_bytes: int) -> Iterator[str]:
        """Yield the ids that contain one of some texts or have more than ``num_bytes`` bytes, in order."""
        tests = " OR ".join(["length(id) > ?", *["instr(id, ?)"] * len(texts)])
        values = [num_bytes, *map(byte_order, texts)]
        rows = self._scratch.rows(f"SELECT id FROM ({self._select}) WHERE {tests} ORDER BY id", values)
        return (text_of(row[0]) for row in rows)
