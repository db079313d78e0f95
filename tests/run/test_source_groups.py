"""Parts of a recording are one group, sorted by start; all other items are groups of their own."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from melcli.run.source_groups import by_source
from melcli.sources.bounds import Bounds
from melcli.sources.items import Item


def item(item_id: str, source: str, start_s: float | None = None, **more: object) -> Item:
    bounds = Bounds(start_s=start_s, **more).to_json()  # type: ignore[arg-type]
    return Item(item_id, source, 1, 1, bounds)


def ids(items: list[Item]) -> list[list[str]]:
    return [[one.id for one in group] for group in by_source(items)]


def test_parts_of_a_recording_are_one_group() -> None:
    items = [item("a", "x", 5.0), item("b", "y", 1.0), item("c", "x", 1.0), item("d", "y", 0.5), item("e", "x", 10.0)]
    assert ids(items) == [["c", "a", "e"], ["d", "b"]]


def test_whole_files_are_groups_of_their_own() -> None:
    items = [item("a", "x"), item("b", "x"), item("c", "x", 1.0), item("d", "y"), item("e", "x", 0.5)]
    assert ids(items) == [["a"], ["b"], ["e", "c"], ["d"]]


def test_channels_of_a_recording_are_one_group() -> None:
    items = [item("a", "x", source_channel=1), item("b", "x", source_channel=0), item("c", "x", 1.0)]
    assert ids(items) == [["a", "b", "c"]]


def test_command_is_another_source_than_the_file_of_that_name() -> None:
    items = [item("a", "x", 1.0), item("b", "x", 0.5, is_command=True)]
    assert ids(items) == [["a"], ["b"]]


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.one_of(st.none(), st.floats(0, 99))), max_size=30), st.randoms())
def test_every_item_is_in_one_group_in_any_order(parts: list[tuple[str, float | None]], chance: random.Random) -> None:
    items = [item(str(number), *part) for number, part in enumerate(parts)]
    chance.shuffle(items)
    groups = by_source(items)
    assert sorted(one for group in groups for one in group) == sorted(items)
    for group in groups:
        starts = [Bounds.of_json(one.bounds).start_s or 0.0 for one in group]
        assert starts == sorted(starts)
        assert len({one.source for one in group}) == 1
