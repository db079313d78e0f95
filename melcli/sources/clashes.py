"""Detect two files with the same id; a file that is found twice is one item."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, groupby
from operator import attrgetter

from melcli.byte_order import byte_order
from melcli.errors import NameClash
from melcli.printable import printable
from melcli.scratch import Scratch
from melcli.sources.file_calls import Files, result_of
from melcli.sources.item_table import ItemTable
from melcli.sources.item_values import COLUMNS, PARAMETERS, Values, item_values, to_item
from melcli.sources.items import Item
from melcli.sources.parts import in_parts
from melcli.sources.search import Part

__all__ = ["unique_by_id"]


def unique_by_id(parts: Iterable[Part], scratch: Scratch, files: Files) -> ItemTable:
    """Sort items by the bytes of their ids, and keep one per id.

    Items with the same id and the same real path occur if a folder is given twice, for example.  Then the one with
    the first ``source`` in byte order is kept, so that the order of the INPUTs does not matter.  Ids that differ only
    in case or Unicode form are different.

    A file that needs another decoder never clashes: if another item has its id, it gets a number, such as
    ``a.m4a.2``.  So a video among recordings does not stop a run that can process the recordings.

    Raises
    ------
    NameClash
        Two different files that libsndfile may read have the same id.
    """
    undecoded = scratch.table("undecoded", f"({COLUMNS})")
    num_undecoded = 0

    def decoded() -> Iterator[list[Values]]:
        nonlocal num_undecoded
        for good, others in parts:
            if others:
                num_undecoded += len(others)
                scratch.insert(f"INSERT INTO {undecoded} VALUES ({PARAMETERS})", others)
            yield good

    kept = ItemTable(decoded(), scratch)
    _check_clashes(kept, files)
    if num_undecoded:
        rows = scratch.rows(f"SELECT {COLUMNS} FROM {undecoded} ORDER BY id, source")
        numbered = _with_unique_ids((to_item(*row) for row in rows), kept, files)
        kept.add([list(map(item_values, numbered))])
    return kept


def _with_unique_ids(undecoded: Iterable[Item], others: ItemTable, files: Files) -> Iterator[Item]:
    """Give each item of the sorted ``undecoded`` a unique id; the first by id and source keeps its own.

    Case is ignored here, so that no two of the ids are equal on any file system of OUT.
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
    """Keep the first item for each real path."""
    if len(alike) == 1:
        return alike
    first: dict[str, Item] = {}
    for some in in_parts(alike):
        for item, path in zip(some, _real_paths(some, files), strict=True):
            first.setdefault(path, item)
    return first.values()


def _check_clashes(items: ItemTable, files: Files) -> None:
    """Raise if items with the same id have different files as sources."""
    first: tuple[Item, Item] | None = None
    ids, last_id = 0, None
    for pairs in in_parts(items.surplus()):
        taken, others = (_real_paths(some, files) for some in zip(*pairs, strict=True))
        for pair, path, other in zip(pairs, taken, others, strict=True):
            if (path != other or pair[0].place != pair[1].place) and pair[0].id != last_id:
                first = first or pair
                ids, last_id = ids + 1, pair[0].id
    if first is not None:
        raise _name_clash(*first, more=ids - 1)


def _real_paths(items: Iterable[Item], files: Files) -> list[str]:
    paths: list[str] = result_of(files, "real_paths", [item.source for item in items])
    return paths


def _name_clash(first: Item, second: Item, *, more: int) -> NameClash:
    others = f"; the same is true of {more:,} more names" if more else ""
    if first.place or second.place:
        both = " and ".join(sorted((item.place or item.source for item in (first, second)), key=_line_order))
        return NameClash(
            printable(f"{both} have the same id '{first.id}'{others}"), hint="give each piece of audio an id of its own"
        )
    if os.path.splitext(first.source)[1] != os.path.splitext(second.source)[1]:
        hint = "--keep-extension keeps them apart"
    else:
        hint = "give the folder that contains both as INPUT, or use a separate OUT for each INPUT"
    both = f"{first.source} and {second.source} would share the name '{first.id}' under OUT"
    return NameClash(printable(f"{both}{others}"), hint=hint)


def _line_order(place: str) -> tuple[str, int]:
    """Sort places of a table by line."""
    table, _, line = place.rpartition(":")
    return (table, int(line)) if line.isdecimal() else (place, 0)
