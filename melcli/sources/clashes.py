"""Detect two sources with the same id; a file found twice is one item."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, groupby
from operator import attrgetter

from melcli.byte_order import byte_order
from melcli.errors import NameClash
from melcli.printable import printable
from melcli.scratch import Scratch
from melcli.sources.file_calls import Files, in_parts, result_of
from melcli.sources.item_table import ItemTable
from melcli.sources.item_values import COLUMNS, Values, item_values, to_item
from melcli.sources.items import Item
from melcli.sources.search import Part

__all__ = ["one_for_each_id"]


def one_for_each_id(parts: Iterable[Part], scratch: Scratch, files: Files) -> ItemTable:
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

    def decoded() -> Iterator[Values]:
        nonlocal num_undecoded
        for good, others in parts:
            if others:
                num_undecoded += len(others)
                scratch.insert(f"INSERT INTO {undecoded} VALUES (?, ?, ?, ?)", others)
            yield from good

    kept = ItemTable.of(decoded(), scratch)
    _refuse_clashes(kept, files)
    if num_undecoded:
        rows = scratch.rows(f"SELECT {COLUMNS} FROM {undecoded} ORDER BY id, source")
        kept.add(list(map(item_values, _numbered((to_item(*row) for row in rows), kept, files))))
    return kept


def _numbered(undecoded: Iterable[Item], others: ItemTable, files: Files) -> Iterator[Item]:
    """Give each item an id of its own, the first by id and source keeps it; ``undecoded`` is sorted.

    Case makes no difference here, so that no file system of OUT takes two of the ids for one.
    """
    scratch = others.scratch
    taken = scratch.table("taken", "(fold BLOB PRIMARY KEY) WITHOUT ROWID")
    take = f"INSERT OR IGNORE INTO {taken} VALUES (?)"
    scratch.insert(take, ((_fold(item_id),) for item_id in others.ids))
    for own_id, alike in groupby(undecoded, key=attrgetter("id")):
        item_id, numbers = own_id, count(2)
        for item in _distinct(list(alike), files):
            while scratch.one(f"SELECT 1 FROM {taken} WHERE fold = ?", (_fold(item_id),)):
                item_id = f"{own_id}.{next(numbers)}"
            scratch.execute(take, (_fold(item_id),))
            yield item._replace(id=item_id)


def _fold(item_id: str) -> bytes:
    return byte_order(item_id.casefold())


def _distinct(alike: Sequence[Item], files: Files) -> Iterable[Item]:
    """Keep one item for each real path, the first."""
    if len(alike) == 1:
        return alike
    first: dict[str, Item] = {}
    for some in in_parts(alike):
        for item, path in zip(some, _real_paths(some, files), strict=True):
            first.setdefault(path, item)
    return first.values()


def _refuse_clashes(items: ItemTable, files: Files) -> None:
    """Refuse items of one id whose sources are two files."""
    first: tuple[Item, Item] | None = None
    ids, last_id = 0, None
    for pairs in in_parts(items.surplus()):
        taken, others = (_real_paths(some, files) for some in zip(*pairs, strict=True))
        for pair, path, other in zip(pairs, taken, others, strict=True):
            if path != other and pair[0].id != last_id:
                first = first or pair
                ids, last_id = ids + 1, pair[0].id
    if first is not None:
        raise _refusal(*first, more=ids - 1)


def _real_paths(items: Iterable[Item], files: Files) -> list[str]:
    paths: list[str] = result_of(files, "real_paths", [item.source for item in items])
    return paths


def _refusal(first: Item, second: Item, *, more: int) -> NameClash:
    if os.path.splitext(first.source)[1] != os.path.splitext(second.source)[1]:
        way_out = "--keep-extension keeps them apart"
    else:
        way_out = "give the folder that holds both as INPUT, or each INPUT its own OUT"
    others = f"; so do the sources of {more:,} more" if more else ""
    both = f"{first.source} and {second.source} would share the name '{first.id}' under OUT"
    return NameClash(printable(f"{both}{others}"), hint=way_out)
