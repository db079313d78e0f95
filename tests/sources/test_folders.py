"""The walk: every file of a folder is met or accounted for."""

import os
import shutil
import socket
import stat
import subprocess
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.sources import folders
from melcli.sources.folders import walk
from melcli.sources.items import Skipped
from melcli.sources.options import SourceOptions
from melcli.sources.outputs import Outputs
from melcli.sources.selection import Selection
from tests.tiers import examples


def walked(top, name="", out=None, follow_symlinks=False, **globs):
    """Return the names that are met, sorted, and the account."""
    selection = Selection(SourceOptions(**globs))
    met = list(walk(top, name, selection, Outputs(out) if out else None, follow_symlinks=follow_symlinks))
    names = sorted(one.name for one in met if not isinstance(one, Skipped))
    return names, Counter(one for one in met if isinstance(one, Skipped))


def test_files_are_met_at_every_depth_by_extension_in_any_case(plant):
    plant("d/a.wav", "d/x/B.FLAC", "d/x/y/z/c.Mp3", "d/x/notes.TXT", "d/wav", "d/x.wav/e.ogg")
    names, skipped = walked("d")
    assert names == ["a.wav", "x.wav/e.ogg", "x/B.FLAC", "x/y/z/c.Mp3"]
    assert skipped == {Skipped("other", ".txt"): 1, Skipped("other", ""): 1}


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
    assert walked("d") == (["c.wav"], {Skipped("hidden"): 4})
    assert walked("d", include=("*",)) == (["c.wav"], {Skipped("hidden"): 4})


def test_a_hidden_top_is_walked(plant):
    plant(".cache/a.wav")
    assert walked(".cache") == (["a.wav"], {})


def test_links_to_files_are_met_and_links_to_folders_are_not_followed(plant):
    plant("d/a.wav", "elsewhere/b.wav", "elsewhere/notes")
    os.symlink("../elsewhere/b.wav", "d/b.wav")
    os.symlink("../elsewhere/notes", "d/notes.txt")
    os.symlink("../elsewhere", "d/elsewhere.wav")
    os.symlink(".", "d/loop")
    names, skipped = walked("d")
    assert names == ["a.wav", "b.wav"]
    assert skipped == {Skipped("link"): 2, Skipped("other", ".txt"): 1}


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
    kinds = {one.name: one.status and stat.S_IFMT(one.status.st_mode) for one in met if not isinstance(one, Skipped)}
    assert kinds == {
        "a.wav": stat.S_IFREG,
        "broken.wav": None,
        "circle.wav": None,
        "pipe.wav": stat.S_IFIFO,
        "socket.wav": stat.S_IFSOCK,
    }


def test_excluded_files_and_folders_count_as_one_each(plant):
    plant("d/a.wav", "d/a.txt", "d/noise/b.wav", "d/noise/c.wav", "d/x/noise/d.wav", "d/x/a.wav")
    assert walked("d", exclude=("noise", "*.txt")) == (["a.wav", "x/a.wav"], {Skipped("excluded"): 3})
    assert walked("d", exclude=("x/noise", "/a.wav"))[0] == ["noise/b.wav", "noise/c.wav", "x/a.wav"]
    assert walked("d", exclude=("x/**",))[0] == ["a.wav", "noise/b.wav", "noise/c.wav"]


def test_include_replaces_the_extensions_and_exclude_wins(plant):
    plant("d/a.sph", "d/x/b.sph", "d/x/c.wav", "d/x/d.txt")
    assert walked("d", include=("*.sph",)) == (
        ["a.sph", "x/b.sph"],
        {Skipped("other", ".wav"): 1, Skipped("other", ".txt"): 1},
    )
    assert walked("d", include=("*.sph",), exclude=("b.*",))[0] == ["a.sph"]
    assert walked("d", include=("x/*",))[0] == ["x/b.sph", "x/c.wav", "x/d.txt"]


@pytest.mark.parametrize("out", ["d/x/out", "link", "d/x/../x/out"])
def test_out_is_not_entered_below_the_top(plant, out):
    plant("d/a.wav", "d/x/out/b.wav", "d/x/c.wav")
    os.symlink("d/x/out", "link")
    assert walked("d", out=out) == (["a.wav", "x/c.wav"], {Skipped("out"): 1})


def test_out_may_be_the_top(plant):
    plant("d/a.wav")
    assert walked("d", out="d") == (["a.wav"], {})


@pytest.mark.parametrize("top", ["out", "out/in", "link"])
def test_what_melcli_wrote_is_not_taken_from_a_top_in_out(plant, top):
    plant("out/in/a.wav", "out/in/a.npy", "out/in/x/b.wav", "out/in/x/b.NPY", "out/in/.melcli/lock", "out/in/c.h5")
    os.symlink("out", "link")
    names, skipped = walked(top, out="out", include=("*",))
    assert [name.removeprefix("in/") for name in names] == ["a.wav", "x/b.wav"]
    assert skipped == {Skipped("other", ".npy"): 2, Skipped("other", ".h5"): 1, Skipped("hidden"): 1}
    assert "c.h5" in walked("out/in", out="out/elsewhere", include=("*",))[0]


# links to folders


def followed(top, **options):
    return walked(top, follow_symlinks=True, **options)


def test_links_to_folders_are_followed_out_of_the_tree_and_on(plant):
    plant("d/a.wav", "far/b.wav", "farther/c.wav", "farther/notes.txt")
    os.symlink("../far", "d/link")
    os.symlink("../farther", "far/on")
    assert followed("d") == (["a.wav", "link/b.wav", "link/on/c.wav"], {Skipped("other", ".txt"): 1})
    assert walked("d") == (["a.wav"], {Skipped("link"): 1})


def test_loops_of_links_end(plant):
    plant("d/a.wav", "d/x/b.wav", "far/c.wav")
    os.symlink(".", "d/self")
    os.symlink("..", "d/x/up")
    os.symlink("../far", "d/far")
    os.symlink("../d/x", "far/back")
    os.symlink("../far", "far/self")
    assert followed("d") == (["a.wav", "far/c.wav", "x/b.wav"], {Skipped("again"): 4})


def test_a_real_path_goes_before_links_then_the_fewest_links_then_the_least_name(plant):
    plant("d/real/a.wav", "far/b.wav", "far/x/c.wav", "away/e.wav")
    for link in ("d/0", "d/real/z"):
        os.symlink(os.path.abspath("d/real"), link)
    for link in ("d/2", "d/10"):
        os.symlink(os.path.abspath("far"), link)
    os.symlink(os.path.abspath("far/x"), "d/3")
    os.symlink(os.path.abspath("away"), "far/0")  # two links on the way
    os.symlink(os.path.abspath("away"), "d/real/9")  # one
    names, skipped = followed("d")
    assert names == ["10/b.wav", "10/x/c.wav", "real/9/e.wav", "real/a.wav"]
    assert skipped == {Skipped("again"): 5}


def test_names_are_compared_part_by_part(plant):
    plant("d/n", "far/f/a.wav")
    os.symlink("../far", "d/a")
    os.symlink("../far", "d/a b")  # "a b/f" is less than "a/f", but "a" is less than "a b"
    assert followed("d")[0] == ["a/f/a.wav"]


def test_a_link_is_followed_under_its_own_name_only_if_that_is_taken(plant):
    plant("d/n", "far/a.wav")
    os.symlink("../far", "d/.hidden")
    os.symlink("../far", "d/noise")
    assert followed("d", exclude=("noise",)) == (
        [],
        {Skipped("hidden"): 1, Skipped("excluded"): 1, Skipped("other", ""): 1},
    )
    os.symlink("../far", "d/z")
    assert followed("d", exclude=("noise",))[0] == ["z/a.wav"]


def test_links_to_files_are_met_each_as_before(plant):
    plant("d/a.wav", "far/b.wav")
    os.symlink("a.wav", "d/again.wav")
    os.symlink("../far", "d/far")
    os.symlink("b.wav", "far/c.wav")
    os.symlink("gone", "d/broken.wav")
    os.symlink("gone", "d/broken")
    assert followed("d") == (
        ["a.wav", "again.wav", "broken.wav", "far/b.wav", "far/c.wav"],
        {Skipped("other", ""): 1},
    )


@pytest.mark.parametrize("target, times", [("out", 1), ("out/x", 1), ("link", 1), (".", 2)])
def test_no_link_leads_into_out(plant, target, times):
    plant("c/d/a.wav", "c/d/far/b.wav", "c/out/x/c.wav")
    os.chdir("c")
    os.symlink("out", "link")
    os.symlink(os.path.abspath(target), "d/far/z")
    for out in ("out", "link", "./d/../out/"):
        names, skipped = followed("d", out=out)
        assert names == ["a.wav", "far/b.wav"]
        assert skipped[Skipped("out")] == times


def test_an_out_that_is_the_top_has_links_out_of_it(plant):
    plant("d/a.wav", "d/x/b.wav", "far/c.wav")
    os.symlink("../far", "d/far")
    os.symlink("x", "d/y")
    assert followed("d", out="d") == (["a.wav", "far/c.wav", "x/b.wav"], {Skipped("out"): 1})


def test_a_link_that_cannot_be_looked_at_is_reported_when_it_would_be_followed(plant, monkeypatch):
    plant("d/a.wav")
    os.symlink("gone", "d/link")
    os.symlink("gone", "d/link.wav")
    whole = os.stat

    def refusing(path, **options):
        if str(path).startswith("d/link"):
            raise PermissionError(13, "Permission denied")
        return whole(path, **options)

    monkeypatch.setattr(folders.os, "stat", refusing)
    assert followed("d") == (["a.wav", "link.wav"], {Skipped("unreadable", "d/link", "Permission denied"): 1})
    assert walked("d") == (["a.wav", "link.wav"], {Skipped("other", ""): 1})


@pytest.mark.parametrize("follow_symlinks", [False, True])
def test_a_folder_that_holds_itself_is_entered_once(plant, monkeypatch, follow_symlinks):
    """As a bind mount of it does, on FUSE to any depth: here every folder d is the same one."""
    plant("d/a.wav", "d/x/b.wav", "d/x/d/c.wav", "d/y/c.wav")
    same = os.stat("d")
    monkeypatch.setattr(
        folders,
        "_identity",
        lambda path, status: (
            (same.st_dev, same.st_ino) if os.path.basename(path) == "d" else (status.st_dev, status.st_ino)
        ),
    )
    names, skipped = walked("d", follow_symlinks=follow_symlinks)
    assert (names, skipped) == (["a.wav", "x/b.wav", "y/c.wav"], {Skipped("again"): 1})


def test_a_bind_mount_in_itself_ends_and_one_beside_has_two_names(plant, tmp_path):
    plant("d/a.wav", "d/x/y/n", "d/z/n", "d/one/b.wav")
    mounted = []
    try:
        for source, target in ((tmp_path / "d", "d/x/y"), (tmp_path / "d/one", "d/z")):
            ended = subprocess.run(["mount", "--bind", source, target], capture_output=True, text=True, check=False)
            if ended.returncode:
                pytest.skip(f"no bind mounts here: {ended.stderr.strip()}")
            mounted.append(target)
        for follow_symlinks in (False, True):
            names, skipped = walked("d", follow_symlinks=follow_symlinks)
            assert names == ["a.wav", "one/b.wav", "z/b.wav"]
            assert skipped[Skipped("again")] == 1
    finally:
        for target in reversed(mounted):
            subprocess.run(["umount", target], check=True)


def test_file_systems_without_inode_numbers_are_walked(plant, monkeypatch):
    plant("d/a.wav", "d/x/b.wav", "d/x/y/c.wav")
    os.symlink("..", "d/x/up")
    whole = os.stat

    def numberless(status):
        return os.stat_result([0 if n == stat.ST_INO else value for n, value in enumerate(status)])

    identity = folders._identity
    monkeypatch.setattr(folders, "_identity", lambda path, status: identity(path, numberless(status)))
    assert whole("d").st_ino
    assert followed("d") == (["a.wav", "x/b.wav", "x/y/c.wav"], {Skipped("again"): 1})


FOLDERS = ["d", "d/a", "d/a/b", "d/a b", "d/c", "e", "e/a", "e/f", "g"]


@pytest.mark.full
@given(
    links=st.lists(
        st.tuples(st.sampled_from(FOLDERS), st.sampled_from(["a", "a-", "b", "z"]), st.sampled_from(FOLDERS))
    ),
    rng=st.randoms(use_true_random=False),
)
@settings(max_examples=examples(150))
def test_any_links_in_any_order_are_followed_as_all_ways_tell(tmp_path_factory, links, rng):
    top = tmp_path_factory.mktemp("links")
    for folder in FOLDERS:
        (top / folder).mkdir(parents=True, exist_ok=True)
        (top / folder / "n.wav").touch()
    for home, name, target in links:
        if not os.path.lexists(top / home / name):
            os.symlink(top / target, top / home / name)

    def shuffled(folder):
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        rng.shuffle(found)
        cut = rng.randrange(len(found) + 1)
        return iter([(found[:cut], []), (found[cut:], [])])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "_entries", shuffled)
        names, skipped = followed(str(top / "d"))
    expected, again = by_all_ways(top / "d")
    assert names == sorted(expected)
    assert skipped == ({Skipped("again"): again} if again else {})
    shutil.rmtree(top)


def by_all_ways(top):
    """Try every way that meets no folder twice, and keep the best one to each; count what leads there besides."""
    best = {}

    def enter(folder, links, parts, above):
        real = os.path.realpath(folder)
        if real in above:
            return
        best[real] = min(best.get(real, (links, parts)), (links, parts))
        for entry in os.scandir(folder):
            if entry.is_dir():
                enter(entry.path, links + entry.is_symlink(), (*parts, entry.name), above | {real})

    enter(top, 0, (), frozenset())
    ways = sum(entry.is_dir() for real in best for entry in os.scandir(real))
    return ["/".join((*parts, "n.wav")) for _, parts in best.values()], ways - (len(best) - 1)


def test_a_folder_too_deep_to_open_is_reported_and_the_rest_is_met(plant):
    plant("d/a.wav")
    step = "x" * 250
    below = os.open("d", os.O_RDONLY)
    for _ in range(17):  # 17 * 251 > 4096, the longest path that Linux opens
        os.mkdir(step, dir_fd=below)
        below, above = os.open(step, os.O_RDONLY, dir_fd=below), below
        os.close(above)
    os.close(below)
    names, skipped = walked("d")
    shutil.rmtree("d")  # pytest's own cleaning would trip over the length
    (unreadable,) = skipped
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
    names, skipped = walked("d")
    assert len(names) == 1
    assert skipped == {Skipped("unreadable", "d", "Input/output error"): 1}


def test_an_entry_whose_kind_cannot_be_told_is_reported(plant, monkeypatch):
    class Untold:
        """What a file system without d_type gives where lstat is refused."""

        name, path = "x", "d/x"

        def is_dir(self, **_):
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(folders, "_entries", lambda folder: iter([([Untold()], [])]))
    assert walked("d") == ([], {Skipped("unreadable", "d/x", "Permission denied"): 1})
