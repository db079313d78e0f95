"""One id, one source."""

import os

import pytest

from melcli.errors import NameClash
from melcli.sources.clashes import one_for_each_id
from melcli.sources.items import Item


def item(item_id, source):
    return Item(item_id, source, 1, 1)


def test_items_are_sorted_by_id():
    items = [item(name, name) for name in ["b", "a/b", "a", "a-b", "B", "\udcff", "\U0001f600"]]
    assert [kept.id for kept in one_for_each_id(items)] == ["B", "a", "a-b", "a/b", "b", "\udcff", "\U0001f600"]


def test_one_file_met_twice_is_one_item(plant):
    plant("data/a.wav")
    os.symlink("data", "link")
    sources = ["link/a.wav", "data/a.wav", "./data/a.wav", "data/a.wav"]
    assert one_for_each_id(item("a", source) for source in sources) == (item("a", "./data/a.wav"),)


def test_a_hard_link_is_another_file(plant):
    plant("x/a.wav")
    os.mkdir("y")
    os.link("x/a.wav", "y/a.wav")
    with pytest.raises(NameClash):
        one_for_each_id([item("a", "x/a.wav"), item("a", "y/a.wav")])


@pytest.mark.parametrize(
    "sources, refusal",
    [
        (
            ["d/a.wav", "d/a.flac"],
            "d/a.flac and d/a.wav would share the name 'a' under OUT; --keep-extension keeps them apart",
        ),
        (
            ["y/a.wav", "x/a.wav"],
            "x/a.wav and y/a.wav would share the name 'a' under OUT; "
            "give the folder that holds both as INPUT, or each INPUT its own OUT",
        ),
    ],
)
def test_two_files_with_one_id_are_refused_with_the_way_out(sources, refusal):
    with pytest.raises(NameClash) as raised:
        one_for_each_id([item("a", source) for source in sources])
    assert str(raised.value) == refusal


def test_a_refusal_counts_the_other_ids_and_escapes_names():
    items = [item(name, f"{root}/{name}") for name in ("b\n", "a\x1b", "c") for root in "xyz"]
    with pytest.raises(NameClash) as raised:
        one_for_each_id([*items, item("d", "x/d")])
    assert str(raised.value) == (
        "x/a\\x1b and y/a\\x1b would share the name 'a\\x1b' under OUT; so do the sources of 2 more; "
        "give the folder that holds both as INPUT, or each INPUT its own OUT"
    )


@pytest.mark.parametrize("first, second", [("a", "A"), ("\u00e9", "e\u0301")])
def test_ids_that_differ_in_case_or_unicode_form_are_two(first, second):
    assert len(one_for_each_id([item(first, "x"), item(second, "y")])) == 2
