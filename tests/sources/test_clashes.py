"""One id, one source."""

import os

import pytest

from melcli.errors import NameClash
from melcli.sources.clashes import unique_by_id
from melcli.sources.file_calls import FileCalls
from melcli.sources.item_values import item_values
from melcli.sources.items import Item
from melcli.sources.names import item_id, needs_another_decoder
from tests.messages import names


@pytest.fixture
def unique(scratch):
    """Return a function that gives one item for each id, as a tuple."""
    return lambda items: tuple(unique_by_id(map(part, items), scratch, FileCalls()))


def part(item):
    """Return what the search yields of one item."""
    return ([], [item_values(item)]) if needs_another_decoder(item.source) else ([item_values(item)], [])


def item(item_id, source):
    return Item(item_id, source, 1, 1)


def test_items_are_sorted_by_the_bytes_of_their_ids(unique):
    items = [item(name, name) for name in ["b", "a/b", "a", "a-b", "B", "\udcff", "\U0001f600"]]
    assert [kept.id for kept in unique(items)] == ["B", "a", "a-b", "a/b", "b", "\U0001f600", "\udcff"]


def test_one_file_met_twice_is_one_item(plant, unique):
    plant("data/a.wav")
    os.symlink("data", "link")
    sources = ["link/a.wav", "data/a.wav", "./data/a.wav", "data/a.wav"]
    assert unique(item("a", source) for source in sources) == (item("a", "./data/a.wav"),)


def test_a_hard_link_is_another_file(plant, unique):
    plant("x/a.wav")
    os.mkdir("y")
    os.link("x/a.wav", "y/a.wav")
    with pytest.raises(NameClash):
        unique([item("a", "x/a.wav"), item("a", "y/a.wav")])


@pytest.mark.parametrize(
    "sources, named",
    [
        (["d/a.wav", "d/a.flac"], ("d/a.flac and d/a.wav", "the name 'a' under OUT", "--keep-extension")),
        (["y/a.wav", "x/a.wav"], ("x/a.wav and y/a.wav", "the name 'a' under OUT", "INPUT")),
    ],
)
def test_two_files_with_one_id_are_refused_with_the_way_out(sources, named, unique):
    with pytest.raises(NameClash) as raised:
        unique([item("a", source) for source in sources])
    assert names(raised.value, *named)


def test_a_refusal_counts_the_other_ids_and_escapes_names(unique):
    items = [item(name, f"{root}/{name}") for name in ("b\n", "a\x1b", "c") for root in "xyz"]
    with pytest.raises(NameClash) as raised:
        unique([*items, item("d", "x/d")])
    assert names(raised.value, "x/a\\x1b and y/a\\x1b", "the name 'a\\x1b' under OUT", " 2 more ")


@pytest.mark.parametrize("first, second", [("a", "A"), ("\u00e9", "e\u0301")])
def test_ids_that_differ_in_case_or_unicode_form_are_two(first, second, unique):
    assert len(unique([item(first, "x"), item(second, "y")])) == 2


@pytest.fixture
def ids(unique):
    """Return a function that returns the id that each source gets, once all are found, in whatever order."""

    def named(*sources):
        items = [item(item_id(source.partition("/")[2], keep_extension=False), source) for source in sources]
        named = unique(items)
        assert unique(reversed(items)) == named
        assert [one.id for one in named] == sorted(one.id for one in named)
        return {one.source: one.id for one in named}

    return named


def test_what_needs_another_decoder_is_no_clash(ids):
    assert ids("d/a.wav", "d/a.m4a", "d/a.mp4") == {"d/a.wav": "a", "d/a.m4a": "a.m4a", "d/a.mp4": "a.mp4"}
    assert ids("d/a.m4a") == {"d/a.m4a": "a.m4a"}  # also alone, so that its id does not depend on its neighbors


def test_only_the_file_that_needs_another_decoder_gives_way(ids):
    """A converted file may be named a.m4a.wav, and two folders may have a video of one name."""
    assert ids("x/a.m4a", "x/a.m4a.wav") == {"x/a.m4a.wav": "a.m4a", "x/a.m4a": "a.m4a.2"}
    assert ids("x/v.mp4", "y/v.mp4", "z/v.mp4") == {"x/v.mp4": "v.mp4", "y/v.mp4": "v.mp4.2", "z/v.mp4": "v.mp4.3"}
    assert ids("x/v.mp4", "y/v.mp4", "x/v.mp4.2.wav") == {
        "x/v.mp4": "v.mp4",
        "x/v.mp4.2.wav": "v.mp4.2",
        "y/v.mp4": "v.mp4.3",
    }
    # Some file systems would take two ids for one, and refuse both.
    assert ids("x/V.mp4", "x/v.mp4") == {"x/V.mp4": "V.mp4", "x/v.mp4": "v.mp4.2"}


def test_a_video_found_twice_is_one_item(plant, ids):
    plant("data/v.mp4")
    os.symlink("data", "link")
    assert ids("link/v.mp4", "data/v.mp4", "data/v.mp4") == {"data/v.mp4": "v.mp4"}


def test_recordings_still_clash_beside_a_video(ids):
    with pytest.raises(NameClash, match=r"^d/a\.flac and d/a\.wav would share"):
        ids("d/a.wav", "d/a.flac", "d/a.mp4")
