"""Items from what the system says, and the account in words."""

import os

import pytest

from melcli.sources.found import Found
from melcli.sources.items import NO_FILE_SIZE, Item

NOTHING = {"items": (), "hidden": 0, "excluded": 0, "links": 0, "out_folders": 0, "other": {}, "unreadable": {}}


def test_an_item_has_size_and_time_of_a_regular_file(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"12345")
    os.utime(path, ns=(1, 1_700_000_000_123_456_789))
    item = Item.from_stat("a", str(path), os.stat(path))
    assert item == Item("a", str(path), 5, 1_700_000_000_123_456_789)


def test_an_item_that_is_no_regular_file_has_no_size(tmp_path):
    assert Item.from_stat("a", "a.wav", None) == Item("a", "a.wav", NO_FILE_SIZE, 0)
    assert Item.from_stat("a", "a.wav", os.stat(tmp_path)) == Item("a", "a.wav", NO_FILE_SIZE, 0)


@pytest.mark.parametrize(
    "skipped, words",
    [
        ({}, ""),
        (
            {"hidden": 3, "excluded": 2, "other": {".txt": 7, ".m3u": 2}},
            "skipped 14: 3 hidden, 2 excluded, 9 other (.txt 7, .m3u 2)",
        ),
        ({"links": 1}, "skipped 1: 1 link to a folder"),
        ({"links": 2, "out_folders": 1}, "skipped 3: 2 links to folders, 1 output folder"),
        ({"again": 1}, "skipped 1: 1 folder already found"),
        ({"again": 2}, "skipped 2: 2 folders already found"),
        (
            {"other": {".a": 2_000, "": 6, ".\x1b": 5, ".d": 4, ".e": 3, ".f": 2, ".g": 1}},
            "skipped 2,021: 2,021 other (.a 2,000, without extension 6, .\\x1b 5, .d 4, .e 3, and 2 more)",
        ),
    ],
)
def test_the_account_says_what_was_passed_over(skipped, words):
    assert Found(**NOTHING | skipped).account == words


@pytest.mark.parametrize(
    "unreadable, words",
    [
        ({}, ""),
        ({"a\nb": "Permission denied"}, "could not read 1 folder: a\\x0ab (Permission denied)"),
        (
            {str(n): "gone" for n in range(6)},
            "could not read 6 folders: 0 (gone), 1 (gone), 2 (gone), 3 (gone), 4 (gone), and 1 more",
        ),
    ],
)
def test_the_warning_names_folders_that_could_not_be_read(unreadable, words):
    found = Found(**NOTHING | {"unreadable": unreadable})
    assert found.warning == words
    assert found.account == ""
