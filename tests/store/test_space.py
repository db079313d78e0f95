"""The room that is left, and sizes in words."""

import os

import pytest

from melcli.store.space import format_size, nearest_folder, space_at


def test_the_room_of_a_folder_that_is_not_there_yet_is_that_of_the_one_above(tmp_path, monkeypatch):
    asked = []
    real = os.statvfs
    monkeypatch.setattr(os, "statvfs", lambda path: asked.append(path) or real(path))
    space = space_at(str(tmp_path / "x" / "y"))
    assert asked == [str(tmp_path)]
    assert space.free_bytes > 0
    assert space.block_bytes >= 512


def test_what_is_kept_back_for_root_is_not_free(monkeypatch):
    answer = os.statvfs_result((1 << 20, 4096, 1000, 100, 90, 50, 20, 10, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: answer)
    space = space_at("/")
    assert (space.free_bytes, space.block_bytes, space.free_files) == (90 * 4096, 4096, 10)


def test_a_file_system_that_does_not_count_files(monkeypatch):
    answer = os.statvfs_result((4096, 4096, 1000, 100, 90, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: answer)
    assert space_at("/").free_files is None


@pytest.mark.parametrize(
    "path, nearest",
    [
        ("here", "here"),
        ("here/", "here/"),
        ("here/not/there", "here"),
        ("file/out", "."),
        ("not/there/", "."),
        ("", "."),
        ("/not-there-at-all/x", "/"),
        ("/", "/"),
    ],
)
def test_the_nearest_folder(tmp_path, monkeypatch, path, nearest):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "file").touch()
    assert nearest_folder(path) == nearest


@pytest.mark.parametrize(
    "size_bytes, words",
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.00 kB"),
        (9_994, "9.99 kB"),
        (9_996, "10.0 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_600, "1.00 MB"),
        (82_133_108_000, "82.1 GB"),
        (5_200_000_000_000, "5.20 TB"),
        (7 * 10**21, "7,000 EB"),
    ],
)
def test_sizes_have_three_digits(size_bytes, words):
    assert format_size(size_bytes) == words
