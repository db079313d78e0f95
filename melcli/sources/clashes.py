"""One id, one source: a file found twice is one item, and two sources for one output are refused."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, groupby
from operator import attrgetter

from melcli.byte_order import byte_order
from melcli.errors import NameClash
from melcli.printable import printable
from melcli.scratch import Scratch
from melcli.sources.item_table import COLUMNS, ItemTable, item_values, to_item
from melcli.sources.items import Item
from melcli.sources.names import needs_another_decoder

__all__ = ["one_for_each_id"]


def one_for_each_id(items: Iterable[Item], scratch: Scratch) -> ItemTable:
    """Sort items by the bytes of their ids and keep one for each.

    Of items with one id and one real path, as when a folder is given twice, the one with the least ``source`` stays,
    so that the order of the INPUTs does not matter.  Ids that differ in case or in Unicode form alone are two ids.

    A file that needs another decoder clashes with nothing: if another item has its id, it gets a number, such as
    ``a.m4a.2``.  So a video among recordings never stops a run that could do the recordings.

    Raises
    ------
    NameClash
        Two real paths share an id, and both are worth opening.
    """
    undecoded = scratch.table("undecoded", f"({COLUMNS})")
    num_undecoded = 0

    def decoded() -> Iterator[Item]:
        nonlocal num_undecoded
        for item in items:
            if needs_another_decoder(item.source):
                num_undecoded += 1
                scratch.insert(f"INSERT INTO {undecoded} VALUES (?, ?, ?, ?)", [item_values(item)])
            else:
                yield item

    kept = ItemTable(decoded(), scratch)
    _refuse_clashes(kept)
    if num_undecoded:
        rows = scratch.rows(f"SELECT {COLUMNS} FROM {undecoded} ORDER BY id, source")
        kept.add(list(_numbered((to_item(*row) for row in rows), kept)))
    return kept


def _numbered(undecoded: Iterable[Item], others: ItemTable) -> Iterator[Item]:
    """Give each item an id of its own, the first by id and source keeps it; ``undecoded`` is sorted.

    Case makes no difference here, so that no file system of OUT takes two of the ids for one.
    """
    scratch = others.scratch
    taken = scratch.table("taken", "(fold BLOB PRIMARY KEY) WITHOUT ROWID")
    take = f"INSERT OR IGNORE INTO {taken} VALUES (?)"
    scratch.insert(take, ((_fold(item_id),) for item_id in others.ids))
    for own_id, alike in groupby(undecoded, key=attrgetter("id")):
        item_id, numbers = own_id, count(2)
        for item in _distinct(list(alike)):
            while scratch.one(f"SELECT 1 FROM {taken} WHERE fold = ?", (_fold(item_id),)):
                item_id = f"{own_id}.{next(numbers)}"
            scratch.execute(take, (_fold(item_id),))
            yield item._replace(id=item_id)


def _fold(item_id: str) -> bytes:
    return byte_order(item_id.casefold())


def _distinct(alike: Sequence[Item]) -> Iterable[Item]:
    """Keep one item for each real path, the first."""
    if len(alike) == 1:
        return alike
    first: dict[str, Item] = {}
    for item in alike:
        first.setdefault(os.path.realpath(item.source), item)
    return first.values()


def _refuse_clashes(items: ItemTable) -> None:
    """Refuse items of one id whose sources are two files."""
    first: tuple[Item, Item] | None = None
    ids = 0
    for _, pairs in groupby(items.surplus(), key=lambda pair: pair[0].id):
        # realpath costs 10 us, and most repeats are the same path written the same way.
        clash = next((pair for pair in pairs if not _same_file(pair[0].source, pair[1].source)), None)
        if clash is not None:
            first = first or clash
            ids += 1
    if first is not None:
        raise NameClash(_refusal(*first, more=ids - 1))


def _same_file(source: str, other: str) -> bool:
    return os.path.realpath(source) == os.path.realpath(other)


def _refusal(first: Item, second: Item, *, more: int) -> str:
    if os.path.splitext(first.source)[1] != os.path.splitext(second.source)[1]:
        way_out = "--keep-extension keeps them apart"
    else:
        way_out = "give the folder that holds both as INPUT, or each INPUT its own OUT"
    others = f"; so do the sources of {more:,} more" if more else ""
    both = f"{first.source} and {second.source} would share the name '{first.id}' under OUT"
    return printable(f"{both}{others}; {way_out}")
