"""Plain files of a folder, taken many at once: as the walk takes each of them by itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from melcli.sources.item_values import MAX_INTEGER, item_values
from melcli.sources.items import Item
from melcli.sources.names import item_id
from melcli.sources.plain_files import PlainFiles

TAKEN = ["a.wav", "a-b.FLAC", "a.b.ogg", " .mp3", "x\ny.wav", "\udcff.wav", "\xe9.aiff"]
LEFT = [
    ".hidden.wav",
    ".wav",
    "..wav",
    "a..wav",
    "a.Wav",
    "a.m4a",
    "notes.txt",
    "wav",
    "folder.wav",
    "link.wav",
    "gone.wav",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with all kinds of entries."""
    for name in {*TAKEN, *LEFT} - {"folder.wav", "link.wav", "gone.wav"}:
        (tmp_path / name).write_bytes(os.fsencode(name))
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "link.wav").symlink_to("a.wav")
    (tmp_path / "gone.wav").symlink_to("nowhere")
    return tmp_path


@pytest.mark.parametrize("keep_extension", [False, True])
def test_plain_files_are_taken_and_all_others_left(folder: Path, keep_extension: bool) -> None:
    entries = list(os.scandir(folder))
    taken, others = PlainFiles(keep_extension, frozenset()).take(entries, "x/")
    assert sorted(entry.name for entry in others) == sorted(LEFT)
    paths = {name: f"{folder}/{name}" for name in TAKEN}
    expected = [
        Item.from_stat(item_id(f"x/{name}", keep_extension=keep_extension), path, os.stat(path))
        for name, path in paths.items()
    ]
    assert taken == sorted(map(item_values, expected))


def test_own_files_and_times_that_are_no_integers_of_the_database_are_left(folder: Path) -> None:
    own = os.stat(folder / "a.wav")
    entries = list(os.scandir(folder))
    _, others = PlainFiles(False, frozenset({(own.st_dev, own.st_ino)})).take(entries, "")
    assert {entry.name for entry in others} == {*LEFT, "a.wav"}
    os.utime(folder / "a.b.ogg", (0, MAX_INTEGER // 10**9 + 1))
    if os.stat(folder / "a.b.ogg").st_mtime_ns <= MAX_INTEGER:
        pytest.skip("this file system has no such times")
    _, others = PlainFiles(False, frozenset()).take(entries, "")
    assert {entry.name for entry in others} == {*LEFT, "a.b.ogg"}
