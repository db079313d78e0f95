"""One id, one source: what was met twice is one item, and two sources for one output are refused."""

from __future__ import annotations

import os
from collections.abc import Iterable
from operator import attrgetter

from melcli.errors import NameClash
from melcli.printable import printable
from melcli.sources.items import Item

__all__ = ["one_for_each_id"]


def one_for_each_id(items: Iterable[Item]) -> tuple[Item, ...]:
    """Sort items by id and keep one for each.

    Of items with one id and one real path, as when a folder is given twice, the one with the least ``source`` stays,
    so that the order of the INPUTs does not matter.  Ids that differ in case or in Unicode form alone are two ids.

    Raises
    ------
    NameClash
        Two real paths share an id.
    """
    kept: list[Item] = []
    clashes: dict[str, tuple[Item, Item]] = {}
    for item in sorted(items, key=attrgetter("id", "source")):
        if not kept or kept[-1].id != item.id:
            kept.append(item)
        elif not _same_file(kept[-1].source, item.source):
            clashes.setdefault(item.id, (kept[-1], item))
    if clashes:
        raise NameClash(_refusal(*next(iter(clashes.values())), more=len(clashes) - 1))
    return tuple(kept)


def _same_file(source: str, other: str) -> bool:
    # Strings first: realpath costs 10 us, and most repeats are the same path written the same way.
    return source == other or os.path.realpath(source) == os.path.realpath(other)


def _refusal(first: Item, second: Item, *, more: int) -> str:
    if os.path.splitext(first.source)[1] != os.path.splitext(second.source)[1]:
        way_out = "--keep-extension keeps them apart"
    else:
        way_out = "give the folder that holds both as INPUT, or each INPUT its own OUT"
    others = f"; so do the sources of {more:,} more" if more else ""
    both = f"{first.source} and {second.source} would share the name '{first.id}' under OUT"
    return printable(f"{both}{others}; {way_out}")
