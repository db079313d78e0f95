"""The table of items: numbered in the order of their ids, in whatever order they come."""

from __future__ import annotations

import pytest

from melcli.scratch import Scratch
from melcli.sources.item_table import ItemTable
from melcli.sources.item_values import item_values
from melcli.sources.items import Item

IN_ORDER = [Item(name, f"in/{name}", 1, 2) for name in ["B", "a", "a-b", "a/b", "b", "\U0001f600", "\udcff"]]


def table(scratch: Scratch, items: list[Item], num_each: int = 2) -> ItemTable:
    starts = range(0, len(items), num_each)
    return ItemTable([list(map(item_values, items[start : start + num_each])) for start in starts], scratch)


@pytest.mark.parametrize("num_each", [1, 3, 100])
@pytest.mark.parametrize("turn", [0, 1, 3])
def test_items_are_numbered_in_the_order_of_their_ids(scratch: Scratch, num_each: int, turn: int) -> None:
    items = table(scratch, IN_ORDER[turn:] + IN_ORDER[:turn], num_each)
    assert list(items) == IN_ORDER
    assert len(items) == len(IN_ORDER)
    find = items.lookup().find
    for number in [2, 5, 1, 7, 3]:  # in order and out of it
        assert find(item_values(IN_ORDER[number - 1])[0])[-1] == number
    assert find(b"none") is None
    assert list(items.surplus()) == []


@pytest.mark.parametrize("place", [0, 3, 6])
def test_of_several_with_one_id_the_one_with_the_least_source_stays(scratch: Scratch, place: int) -> None:
    other = IN_ORDER[3]._replace(source="im/other")
    items = table(scratch, [*IN_ORDER[:place], other, *IN_ORDER[place:]])
    assert list(items) == [*IN_ORDER[:3], other, *IN_ORDER[4:]]
    assert list(items.surplus()) == [(other, IN_ORDER[3])]


def test_more_items_may_come(scratch: Scratch) -> None:
    items = table(scratch, IN_ORDER[2:5])
    items.add([list(map(item_values, IN_ORDER[5:]))])
    assert list(items) == IN_ORDER[2:]
    for more in IN_ORDER[:2]:
        items.add([[item_values(more)]])
    assert list(items) == IN_ORDER
    assert "a" in items.ids
    assert "c" not in items.ids


def test_suspects_contain_a_text_or_are_long(scratch: Scratch) -> None:
    ids = table(scratch, IN_ORDER).ids
    assert list(ids.suspects(["/", "\udcff"], 100)) == ["a/b", "\udcff"]
    assert list(ids.suspects(["B"], 3)) == ["B", "\U0001f600"]
    assert list(ids.suspects([], 3)) == ["\U0001f600"]
