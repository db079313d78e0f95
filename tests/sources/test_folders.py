"""The walk: every file of a folder is met or accounted for."""

import os
import shutil
import socket
import stat
from collections import Counter

import pytest

from melcli.sources import folders
from melcli.sources.folders import status_of, walk
from melcli.sources.items import PassedOver
from melcli.sources.options import SourceOptions
from melcli.sources.selection import Selection


def walked(top, name="", out=None, **globs):
    """Return the names that are met, sorted, and the account."""
    met = list(walk(top, name, Selection(SourceOptions(**globs)), status_of(out) if out else None))
    names = sorted(one.name for one in met if not isinstance(one, PassedOver))
    return names, Counter(one for one in met if isinstance(one, PassedOver))


def test_files_are_met_at_every_depth_by_extension_in_any_case(plant):
    plant("d/a.wav", "d/x/B.FLAC", "d/x/y/z/c.Mp3", "d/x/notes.TXT", "d/wav", "d/x.wav/e.ogg")
    names, passed_over = walked("d")
    assert names == ["a.wav", "x.wav/e.ogg", "x/B.FLAC", "x/y/z/c.Mp3"]
    assert passed_over == {PassedOver("other", ".txt"): 1, PassedOver("other", ""): 1}


def test_names_start_with_the_name_of_the_top(plant):
    plant("d/x/a.wav")
    assert walked("d", "corpus/d")[0] == ["corpus/d/x/a.wav"]


def test_a_path_is_joined_and_not_resolved(plant):
    plant("d/a.wav")
    (met,) = walk("./d/../d", "", Selection(SourceOptions()), None)
    assert met.path == "./d/../d/a.wav"
    assert met.status.st_size == len("d/a.wav")


def test_hidden_names_are_passed_over_and_a_hidden_folder_counts_as_one(plant):
    plant("d/.a.wav", "d/._b.wav", "d/.wav", "d/.git/x.wav", "d/.git/y.wav", "d/c.wav")
    assert walked("d") == (["c.wav"], {PassedOver("hidden"): 4})
    assert walked("d", include=("*",)) == (["c.wav"], {PassedOver("hidden"): 4})


def test_a_hidden_top_is_walked(plant):
    plant(".cache/a.wav")
    assert walked(".cache") == (["a.wav"], {})


def test_links_to_files_are_met_and_links_to_folders_are_not_followed(plant):
    plant("d/a.wav", "elsewhere/b.wav", "elsewhere/notes")
    os.symlink("../elsewhere/b.wav", "d/b.wav")
    os.symlink("../elsewhere/notes", "d/notes.txt")
    os.symlink("../elsewhere", "d/elsewhere.wav")
    os.symlink(".", "d/loop")
    names, passed_over = walked("d")
    assert names == ["a.wav", "b.wav"]
    assert passed_over == {PassedOver("link"): 2, PassedOver("other", ".txt"): 1}


def test_a_top_that_is_a_link_is_followed(plant):
    plant("d/a.wav")
    os.symlink("d", "link")
    assert walked("link") == (["a.wav"], {})


def test_broken_links_and_special_files_are_met_as_what_they_are(plant):
    plant("d/a.wav")
    os.symlink("gone", "d/broken.wav")
    os.symlink("circle.wav", "d/circle.wav")
    os.symlink("gone", "d/broken.txt")
    os.mkfifo("d/pipe.wav")
    with socket.socket(socket.AF_UNIX) as end:
        end.bind("d/socket.wav")
        met = list(walk("d", "", Selection(SourceOptions()), None))
    kinds = {one.name: one.status and stat.S_IFMT(one.status.st_mode) for one in met if not isinstance(one, PassedOver)}
    assert kinds == {
        "a.wav": stat.S_IFREG,
        "broken.wav": None,
        "circle.wav": None,
        "pipe.wav": stat.S_IFIFO,
        "socket.wav": stat.S_IFSOCK,
    }


def test_excluded_files_and_folders_count_as_one_each(plant):
    plant("d/a.wav", "d/a.txt", "d/noise/b.wav", "d/noise/c.wav", "d/x/noise/d.wav", "d/x/a.wav")
    assert walked("d", exclude=("noise", "*.txt")) == (["a.wav", "x/a.wav"], {PassedOver("excluded"): 3})
    assert walked("d", exclude=("x/noise", "/a.wav"))[0] == ["noise/b.wav", "noise/c.wav", "x/a.wav"]
    assert walked("d", exclude=("x/**",))[0] == ["a.wav", "noise/b.wav", "noise/c.wav"]


def test_include_replaces_the_extensions_and_exclude_wins(plant):
    plant("d/a.sph", "d/x/b.sph", "d/x/c.wav", "d/x/d.txt")
    assert walked("d", include=("*.sph",)) == (
        ["a.sph", "x/b.sph"],
        {PassedOver("other", ".wav"): 1, PassedOver("other", ".txt"): 1},
    )
    assert walked("d", include=("*.sph",), exclude=("b.*",))[0] == ["a.sph"]
    assert walked("d", include=("x/*",))[0] == ["x/b.sph", "x/c.wav", "x/d.txt"]


@pytest.mark.parametrize("out", ["d/x/out", "link", "d/x/../x/out"])
def test_out_is_not_entered_below_the_top(plant, out):
    plant("d/a.wav", "d/x/out/b.wav", "d/x/c.wav")
    os.symlink("d/x/out", "link")
    assert walked("d", out=out) == (["a.wav", "x/c.wav"], {PassedOver("out"): 1})


def test_out_may_be_the_top(plant):
    plant("d/a.wav")
    assert walked("d", out="d") == (["a.wav"], {})


def test_a_folder_too_deep_to_open_is_reported_and_the_rest_is_met(plant):
    plant("d/a.wav")
    step = "x" * 250
    below = os.open("d", os.O_RDONLY)
    for _ in range(17):  # 17 * 251 > 4096, the longest path that Linux opens
        os.mkdir(step, dir_fd=below)
        below, above = os.open(step, os.O_RDONLY, dir_fd=below), below
        os.close(above)
    os.close(below)
    names, passed_over = walked("d")
    shutil.rmtree("d")  # pytest's own cleaning would trip over the length
    (unreadable,) = passed_over
    assert names == ["a.wav"]
    assert (unreadable.why, unreadable.error) == ("unreadable", "File name too long")
    assert unreadable.what.startswith(f"d/{step}/")


def test_a_folder_that_fails_half_way_is_reported(plant, monkeypatch):
    plant("d/a.wav", "d/b.wav")
    whole = os.scandir

    class Failing:
        def __init__(self, path):
            self.entries = whole(path)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.entries.close()

        def __iter__(self):
            yield next(self.entries)
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(folders.os, "scandir", Failing)
    names, passed_over = walked("d")
    assert len(names) == 1
    assert passed_over == {PassedOver("unreadable", "d", "Input/output error"): 1}


def test_an_entry_whose_kind_cannot_be_told_is_reported(plant, monkeypatch):
    class Untold:
        """What a file system without d_type gives where lstat is refused."""

        name, path = "x", "d/x"

        def is_dir(self, **_):
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(folders, "_entries", lambda folder: iter([Untold()]))
    assert walked("d") == ([], {PassedOver("unreadable", "d/x", "Permission denied"): 1})
