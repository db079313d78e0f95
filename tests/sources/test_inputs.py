"""From what the user names to items with ids."""

import os
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.errors import ConfigError, NameClash
from melcli.scratch import Scratch
from melcli.sources import folders
from melcli.sources.inputs import find_items
from melcli.sources.items import NO_FILE_SIZE
from melcli.sources.lists import PathList
from melcli.sources.options import SourceOptions
from tests.messages import names
from tests.tiers import examples


def find(*inputs, listed=(), out=None, **options):
    with Scratch() as scratch:
        found = find_items(inputs, scratch=scratch, options=SourceOptions(**options), listed=listed, out=out)
        return replace(found, items=tuple(found.items))


def sources(found):
    return {item.id: item.source for item in found.items}


# ids


def test_a_folder_gives_ids_relative_to_it(plant):
    plant("d/a.b.wav", "d/x/c.FLAC")
    assert sources(find("d")) == {"a.b": "d/a.b.wav", "x/c": "d/x/c.FLAC"}
    assert sources(find("d/")) == {"a.b": "d/a.b.wav", "x/c": "d/x/c.FLAC"}
    assert sources(find("d", keep_extension=True)) == {"a.b.wav": "d/a.b.wav", "x/c.FLAC": "d/x/c.FLAC"}


def test_a_file_gives_its_own_name_whatever_its_extension(plant):
    plant("d/x/a.wav", "d/speech.sph", "d/.hidden.wav", "d/bare")
    found = find("d/x/a.wav", "d/speech.sph", "d/.hidden.wav", "d/bare")
    assert sources(found) == {
        "a": "d/x/a.wav",
        "speech": "d/speech.sph",
        ".hidden": "d/.hidden.wav",
        "bare": "d/bare",
    }


def test_a_listed_path_gives_the_path_as_written(plant, tmp_path):
    plant("d/a.wav", "d/x/b.wav", "d/c.sph")
    os.mkdir("here")
    os.chdir("here")
    listed = ["../d/a.wav", f"{tmp_path}/d/x/b.wav", ".././d/c.sph"]
    assert sources(find(listed=listed)) == {
        "d/a": "../d/a.wav",
        f"{str(tmp_path).lstrip('/')}/d/x/b": f"{tmp_path}/d/x/b.wav",
        "d/c": ".././d/c.sph",
    }


def test_a_listed_folder_is_walked_under_its_path(plant):
    plant("d/a.wav", "d/x/b.wav", "d/x/notes.txt")
    found = find(listed=["./d/x"])
    assert sources(found) == {"d/x/b": "./d/x/b.wav"}
    assert found.other == {".txt": 1}
    assert sources(find(listed=["."])) == {"d/a": "./d/a.wav", "d/x/b": "./d/x/b.wav"}


def test_an_item_carries_size_and_time_through_a_link(plant):
    plant("real.wav")
    os.utime("real.wav", ns=(1, 1_700_000_000_987_654_321))
    os.mkdir("d")
    os.symlink("../real.wav", "d/a.wav")
    (item,) = find("d").items
    assert (item.source, item.size, item.mtime_ns) == ("d/a.wav", len("real.wav"), 1_700_000_000_987_654_321)


# what is not there


@pytest.mark.parametrize(
    "path, why",
    [
        ("gone\n.wav", "No such file or directory"),
        ("d/a.wav/", "Not a directory"),
        ("", "No such file or directory"),
        ("circle", "Too many levels of symbolic links"),
        ("n" * 256, "File name too long"),
    ],
)
def test_an_input_that_is_not_there_is_refused(plant, path, why):
    plant("d/a.wav")
    os.symlink("circle", "circle")
    with pytest.raises(ConfigError) as raised:
        find("d", path)
    assert raised.value.problem == f"INPUT {path} cannot be read: {why}".replace("\n", "\\x0a")


def test_an_input_folder_that_cannot_be_listed_is_refused_and_a_listed_one_is_reported(plant, monkeypatch):
    plant("d/a.wav", "locked/b.wav")
    whole = os.scandir

    def scandir(path):
        if path == "locked":
            raise PermissionError(13, "Permission denied")
        return whole(path)

    monkeypatch.setattr(folders.os, "scandir", scandir)
    with pytest.raises(ConfigError, match=r"^INPUT locked cannot be read: Permission denied$"):
        find("d", "locked")
    found = find("d", listed=["locked"])
    assert sources(found) == {"a": "d/a.wav"}
    assert found.unreadable == {"locked": "Permission denied"}


def test_what_is_listed_and_cannot_be_seen_is_an_item_all_the_same(plant):
    plant("a.wav")
    os.mkfifo("pipe.wav")
    found = find(listed=["a.wav", "gone.wav", "pipe.wav", "n" * 256 + ".wav"])
    assert {item.id[:4]: item.size for item in found.items} == {
        "a": len("a.wav"),
        "gone": NO_FILE_SIZE,
        "pipe": NO_FILE_SIZE,
        "nnnn": NO_FILE_SIZE,
    }


def test_a_special_file_given_as_input_is_an_item(plant):
    plant("a.wav")
    os.mkfifo("pipe.wav")
    assert [item.size for item in find("pipe.wav").items] == [NO_FILE_SIZE]


def test_nothing_gives_nothing(plant):
    plant("d/notes.txt")
    found = find("d")
    assert found.items == ()
    assert found.account == "skipped 1: 1 other (.txt 1)"
    assert find().items == ()


@pytest.mark.parametrize("where", ["inputs", "listed"])
def test_a_path_with_a_nul_is_refused(plant, where):
    plant("a.wav")
    words = {"inputs": "INPUT", "listed": "listed path"}[where]
    with pytest.raises(ConfigError) as raised:
        find(*(["a.wav\0\x1b"] if where == "inputs" else []), listed=["a.wav\0\x1b"])
    assert names(raised.value, rf"{words} 'a.wav\x00\x1b'", "NUL")


@pytest.mark.parametrize("path", ["", "gone/..", "../\x1b/..", "d/a.wav/../.."])
def test_a_listed_path_that_leaves_no_name_is_refused_if_it_is_not_there(plant, path):
    plant("d/a.wav")
    with pytest.raises(ConfigError) as raised:
        find(listed=["d/a.wav", path])
    assert names(raised.value, f"listed path {path!r}", "no name")


# globs over all three kinds


def test_globs_hold_for_named_files_too(plant):
    plant("d/a.sph", "d/b.sph", "d/c.wav", "d/noise/e.wav")
    listed = ["d/a.sph", "d/c.wav", "d/noise/e.wav", "d/noise"]
    found = find("d/b.sph", "d/c.wav", listed=listed, include=("*.sph",), exclude=("noise", "d/a.*"))
    assert sources(found) == {"b": "d/b.sph"}
    assert (found.excluded, found.other) == (3, {".wav": 2})


def test_a_glob_with_a_slash_is_held_against_the_name_below_each_input(plant):
    plant("d/x/a.wav", "d/x/b.wav")
    assert list(sources(find("d", exclude=("x/a.wav",)))) == ["x/b"]
    assert list(sources(find("d/x", exclude=("x/a.wav",)))) == ["a", "b"]
    assert list(sources(find("d/x", exclude=("/a.wav",)))) == ["b"]
    assert list(sources(find(listed=["./d"], exclude=("d/x/a.wav",)))) == ["d/x/b"]


def test_the_account_is_complete(plant):
    plant("d/a.wav", "d/.h", "d/n/x.wav", "d/t.txt", "d/u.TXT", "d/m.m3u", "d/out/z.wav", "d/bare")
    os.symlink("n", "d/link")
    found = find("d", exclude=("n",), out="d/out")
    assert found.account == (
        "skipped 8: 1 hidden, 1 excluded, 1 link to a folder, 1 output folder, "
        "4 other (.txt 2, without extension 1, .m3u 1)"
    )
    assert list(found.other) == [".txt", "", ".m3u"]


# OUT


def test_out_inside_an_input_is_never_read(plant):
    plant("d/a.wav", "d/out/a.wav")
    assert sources(find("d", out="d/out")) == {"a": "d/a.wav"}
    assert sources(find(listed=["d"], out="./d/out/")) == {"d/a": "d/a.wav"}
    assert set(sources(find("d", out="d/later"))) == {"a", "out/a"}


@pytest.mark.parametrize("out", ["d/out", "link", "d/out/x/../../out/"])
def test_a_file_in_out_that_is_named_is_taken_unless_melcli_wrote_it(plant, out):
    own = ["a.npy", "x/b.npy", "manifest.jsonl", "melcli.yaml", "features-00000.h5", ".melcli/lock"]
    plant("d/a.wav", "d/out/mine.wav", *[f"d/out/{name}" for name in own])
    os.symlink("d/out", "link")
    listed = ["d/a.wav", "d/out/mine.wav", *[f"d/out/{name}" for name in own], "link/a.npy"]
    found = find(listed=listed, out=out)
    assert list(sources(found)) == ["d/a", "d/out/mine"]
    assert found.other == {".npy": 3, ".jsonl": 1, ".yaml": 1, ".h5": 1, "": 1}
    assert find("d/out/mine.wav", "d/out/a.npy", out=out).other == {".npy": 1}
    assert list(sources(find("d/out/a.npy", out="elsewhere"))) == ["a"]


def test_a_list_of_all_there_is_gives_the_same_whether_features_are_among_it(plant):
    """``find . -print0`` names folders too, and everything that the last run left."""
    plant("d/a.wav", "d/x/b.wav")
    before = find(listed=[".", *map(str, Path().rglob("*"))], include=("*",), out="out")
    plant("out/d/a.npy", "out/d/x/b.npy", "out/manifest.jsonl", "out/melcli.yaml", "out/.melcli/lock", "out/.melcli/x")
    after = find(listed=[".", *map(str, Path().rglob("*"))], include=("*",), out="out")
    assert list(sources(before)) == ["d/a", "d/x/b"]
    assert after.items == before.items


def test_links_to_folders_are_followed_when_that_is_asked_for(plant):
    plant("d/a.wav", "far/b.wav", "e/c.wav")
    for name in ("d/far", "e/far", "d/again", "far/loop"):
        os.symlink(os.path.abspath("far"), name)
    assert sources(find("d")) == {"a": "d/a.wav"}
    found = find("d", "e", follow_symlinks=True)
    assert sources(found) == {"a": "d/a.wav", "again/b": "d/again/b.wav", "c": "e/c.wav", "far/b": "e/far/b.wav"}
    assert found.account == "skipped 3: 3 folders already found"
    assert sources(find(listed=["./d"], follow_symlinks=True)) == {
        "d/a": "./d/a.wav",
        "d/again/b": "./d/again/b.wav",
    }


def test_out_may_be_an_input_or_hold_one(plant):
    plant("d/a.wav")
    assert find("d", out="d") == find("d", out=".") == find("d")


# twice and clashes


def test_a_folder_given_twice_is_counted_once(plant):
    plant("d/a.wav", "d/.hidden", "d/notes.txt")
    os.symlink("d", "link")
    once = find("./d")
    assert find("d", "./d", "d/", "link", "./d") == once
    assert once.hidden == 1


def test_overlapping_inputs_give_each_name_they_have(plant):
    plant("d/x/a.wav", "d/b.wav")
    assert sources(find("d", "d/x", "d/b.wav", "d/x/a.wav")) == {
        "a": "d/x/a.wav",
        "b": "d/b.wav",
        "x/a": "d/x/a.wav",
    }


def test_a_list_of_files_and_their_folders_gives_each_file_once(plant):
    plant("d/a.wav", "d/x/b.wav")
    listed = ["d", "d/x", "d/a.wav", "d/x/b.wav", "d/a.wav", "gone.wav", "gone.wav"]  # `find d` prints folders too
    assert list(sources(find(listed=listed))) == ["d/a", "d/x/b", "gone"]


def test_two_files_for_one_output_are_refused(plant):
    plant("x/a.wav", "x/a.flac", "y/a.wav")
    with pytest.raises(NameClash, match=r"^x/a\.flac and x/a\.wav would share the name 'a' under OUT; --keep-"):
        find("x")
    assert list(sources(find("x", keep_extension=True))) == ["a.flac", "a.wav"]
    with pytest.raises(NameClash, match=r"^x/a\.wav and y/a\.wav would share the name 'a\.wav' under OUT; give the fo"):
        find("x", "y", keep_extension=True)
    with pytest.raises(NameClash):
        find(listed=["x/a.wav", "./x/../x/a.flac"])


# any order, any name


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A folder with a bit of everything that two inputs can share."""
    top = tmp_path_factory.mktemp("corpus")
    for path in ["d/a.wav", "d/x/b.wav", "d/x/y/c.flac", "d/x/n.txt", "d/.h", "e/q.mp3", "e/x/r.ogg"]:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).touch()
    (top / "link").symlink_to("d")
    return top


@given(data=st.data())
@settings(max_examples=examples(60))
def test_any_order_of_the_inputs_and_of_the_folders_gives_the_same(corpus, data):
    paths = [f"{corpus}{path}" for path in ("/d", "/d/", "/e", "/e/./", "/link", "/d/x", "/d/a.wav", "/link/a.wav")]
    names = [f"{corpus}{path}" for path in ("/d/a.wav", "/d/x", "/./d/x", "/e/../d/a.wav", "/gone.wav", "/d")]
    inputs, listed = data.draw(st.permutations(paths)), data.draw(st.permutations(names))
    rng = data.draw(st.randoms(use_true_random=False))
    expected = find(*paths, listed=names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "_entries", lambda folder: _shuffled(folder, rng))
        found = find(*inputs, listed=listed)
    assert found == expected
    assert list(found.other) == list(expected.other)
    assert len(found.items) == 11


def _shuffled(folder: str, rng: random.Random):
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    rng.shuffle(found)
    cut = rng.randrange(len(found) + 1)
    return iter([(found[:cut], []), (found[cut:], [])])


@given(
    exclude=st.lists(st.sampled_from(["x", "y", "a.*", "*/x", "**/b.wav", "**/y/**", "e/**", "[de]", "*.wav"])),
    include=st.lists(st.sampled_from(["*.wav", "x/*", "**/x/**", "[!a]*", "d/*", "*"])),
)
@settings(max_examples=examples(60))
def test_a_list_of_all_files_of_a_folder_is_that_folder(corpus, exclude, include):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(corpus)
        files = [f"./{path}" for path in map(str, Path().rglob("[!.]*.???*")) if not path.startswith("link")]
        options = {"exclude": exclude, "include": include or ["*.wav", "*.flac", "*.mp3", "*.ogg"]}
        assert find(listed=files, **options).items == find(".", **options).items


@given(st.binary(min_size=1, max_size=251).filter(lambda name: not name.startswith(b".") and not {0, 47} & set(name)))
def test_any_name_passes_byte_for_byte(tmp_path_factory, name):
    top = os.fsencode(tmp_path_factory.mktemp("names"))
    path = os.path.join(top, name + b".wav")
    with open(path, "wb"), open(top + b"/list", "wb") as listing:
        listing.write(path + b"\0")
    (item,) = find(os.fsdecode(top)).items
    (listed,) = find(listed=[PathList(os.fsdecode(top + b"/list"), b"\0")]).items
    assert os.fsencode(item.source) == os.fsencode(listed.source) == path
    assert os.fsencode(item.id) == name
    assert listed.id.endswith(f"/{item.id}")
    os.remove(path)


@pytest.mark.parametrize("name", ["-rf", "*", "~", "$HOME", "CON", "a b", " ", "a\\b", "\n", "\x1b[2J", "a\udcff"])
def test_odd_names_are_names(plant, name):
    plant(f"d/{name}.wav")
    assert sources(find("d")) == sources(find(f"d/{name}.wav")) == {name: f"d/{name}.wav"}
    assert list(sources(find(listed=[f"d/{name}.wav"]))) == [f"d/{name}"]
