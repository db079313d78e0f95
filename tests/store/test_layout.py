"""Names under OUT, and ids that cannot have one."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.errors import ConfigError, NameClash
from melcli.store import layout
from melcli.store.layout import journal_path, lock_path, npy_name, refuse_names, shard_name, shard_number
from melcli.store.leftovers import temporary_name
from tests.store.rows import ODD_IDS


def test_names_are_those_of_the_contract():
    assert npy_name("a/b") == "a/b.npy"
    assert npy_name("a.b") == "a.b.npy"
    assert (shard_name(0), shard_name(99_999), shard_name(100_000)) == (
        "features-00000.h5",
        "features-99999.h5",
        "features-100000.h5",
    )
    assert lock_path("OUT") == "OUT/.melcli/lock"
    assert journal_path("OUT") == "OUT/.melcli/journal.jsonl"


@given(st.integers(0, 10**9))
def test_the_number_of_a_shard_comes_back_from_its_name(number):
    assert shard_number(shard_name(number)) == number


@pytest.mark.parametrize(
    "name",
    [
        "features-0.h5",
        "features-000000.h5",
        "features-.h5",
        "features--0001.h5",
        "features-0000a.h5",
        "features-00000.H5",
        "features-00000.h5.tmp",
        "x/features-00000.h5",
        "00000",
        "features-٠٠٠٠٠.h5",
        "features-²²²²².h5",
        "a.npy",
        "",
    ],
)
def test_no_other_name_is_a_shard(name):
    assert shard_number(name) is None


# ids


def test_odd_names_are_allowed():
    assert refuse_names(ODD_IDS, "npy") is None


@pytest.mark.parametrize(
    "item_id, bytes_long",
    [("x/" + "n" * 252, 256), ("é" * 126, 256), ("\udcff" * 300 + "/x", 300)],
)
def test_a_name_that_no_file_system_takes_is_refused(item_id, bytes_long):
    with pytest.raises(ConfigError, match=rf": a name has {bytes_long} bytes, but file systems allow 255$"):
        refuse_names(["a", item_id], "npy")


@pytest.mark.parametrize("name", ["n" * 251, "é" * 125 + "n", "\udcff" * 251, "音" * 83 + "nn"])
@pytest.mark.parametrize("folder", ["", "x/", "n" * 251 + "/y/"])
def test_the_longest_names_fit_and_one_byte_more_does_not(out, name, folder):
    os.makedirs(out, exist_ok=True)
    os.close(os.open(os.path.join(out, npy_name(name)), os.O_CREAT | os.O_WRONLY))
    refuse_names([folder + name, "a"], "npy", out=out)
    with pytest.raises(ConfigError, match=r": a name has 256 bytes, but file systems allow 255$"):
        refuse_names(["a", f"{folder}{name}n"], "npy", out=out)
    with pytest.raises(OSError, match="too long"):
        os.open(os.path.join(out, npy_name(name + "n")), os.O_CREAT | os.O_WRONLY)


def test_there_is_room_for_a_hundred_channels(out):
    fits = "n" * (255 - len(".ch99.npy"))
    refuse_names([fits], "npy", out=out, each_channel=True)
    with pytest.raises(ConfigError, match=r": a name has 256 bytes, but file systems allow 255$"):
        refuse_names([f"{fits}n"], "npy", out=out, each_channel=True)


def test_a_file_system_with_shorter_names_is_believed(tmp_path, monkeypatch):
    """ECryptfs, which some NAS devices have under every encrypted folder."""
    asked = []

    def pathconf(path, name):
        asked.append(path)
        return {"PC_NAME_MAX": 143, "PC_PATH_MAX": 4096}[name]

    monkeypatch.setattr(layout.os, "pathconf", pathconf)
    refuse_names(["n" * 139], "npy", out=f"{tmp_path}/not/yet")
    with pytest.raises(ConfigError, match=r": a name has 144 bytes, but file systems allow 143$"):
        refuse_names(["n" * 140], "npy", out=f"{tmp_path}/not")
    assert set(asked) == {str(tmp_path)}


@pytest.mark.parametrize("said", [1530, -1, OSError(22, "Invalid argument")])
def test_no_more_than_the_usual_is_believed(out, monkeypatch, said):
    def pathconf(path, name):
        if isinstance(said, OSError):
            raise said
        return said

    monkeypatch.setattr(layout.os, "pathconf", pathconf)
    refuse_names(["n" * 251], "npy", out=out)
    with pytest.raises(ConfigError):
        refuse_names(["n" * 252], "npy", out=out)


@pytest.mark.parametrize("name", ["n" * 100, "é" * 50, "n"])
@pytest.mark.parametrize("relative", [False, True])
def test_the_longest_paths_fit_and_one_byte_more_does_not(tmp_path, monkeypatch, name, relative):
    monkeypatch.chdir(tmp_path)
    out = str(tmp_path / "o")
    needed = max(len(os.fsencode(npy_name(name))), len(temporary_name()))
    left = 4095 - len(out) - 2 - needed
    folders = [*["f" * 199] * (left // 200), "g" * (left % 200)] if left % 200 else []
    folder = "/".join(folders)
    assert len(folder) == left
    os.makedirs(os.path.join(out, folder))
    for last in (npy_name(name), temporary_name()):
        path = os.path.join(out, folder, last)
        assert len(os.fsencode(path)) <= 4095
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    given = "o" if relative else out
    refuse_names([f"{folder}/{name}"], "npy", out=given)
    with pytest.raises(ConfigError) as raised:
        refuse_names(["a", f"f{folder}/{name}"], "npy", out=given)
    assert str(raised.value) == (
        f"f{folder}/{name}: a path under OUT has 4096 bytes, but the system allows 4095; "
        "choose an OUT with a shorter path"
    )
    refuse_names([f"f{folder}/{name}"], "hdf5", out=given)


@pytest.mark.parametrize("own", ["manifest.jsonl", "failures.jsonl", "melcli.yaml", ".melcli"])
def test_a_folder_in_the_place_of_one_of_outs_own_files_is_refused(own):
    with pytest.raises(NameClash) as raised:
        refuse_names([f"{own}/a"], "npy")
    assert str(raised.value) == f"{own}/a: OUT reserves {own}; rename that folder"
    refuse_names([own, f"x/{own}/a"], "npy")  # which become manifest.jsonl.npy and x/manifest.jsonl/a.npy


@pytest.mark.parametrize("item_id, below", [("x/a", "x/a.npy/b/c"), ("a", "a.npy/b"), ("a.npy/b", "a.npy/b.npy/c")])
def test_a_folder_in_the_place_of_another_items_file_is_refused(item_id, below):
    with pytest.raises(NameClash) as raised:
        refuse_names([below, item_id], "npy")
    assert str(raised.value) == f"{below} needs a folder where {item_id} has its file; rename one of them"


def test_a_folder_in_the_place_of_a_channels_file_is_refused():
    with pytest.raises(
        NameClash, match=r"^x/a\.ch12\.npy/b needs a folder where x/a has its file; rename one of them$"
    ):
        refuse_names(["x/a.ch12.npy/b", "x/a"], "npy", each_channel=True)
    refuse_names(["x/a.ch12.npy/b", "x/a"], "npy")
    refuse_names(["a.npy/b", "a"], "npy", each_channel=True)  # whose files are called a.ch0.npy and so on


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_an_input_that_is_called_like_a_channel_of_another_is_refused(format_):
    ids = ["x/a", "x/a.ch1", "b.ch0"]
    with pytest.raises(NameClash) as raised:
        refuse_names(ids, format_, each_channel=True)
    assert str(raised.value) == (
        "with channels=each an output of x/a may be named x/a.ch1, like another input; "
        "rename one of them, or use --keep-extension"
    )
    refuse_names(ids, format_)
    refuse_names(["x/a.wav", "x/a.ch1.wav", "b.ch0.wav"], format_, each_channel=True)


CHUNKS = {"has_chunks": True}
CHUNKS_OF_CHANNELS = {"has_chunks": True, "each_channel": True}


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
@pytest.mark.parametrize(
    "item_id, options, keys",
    [
        ("x/a.00001", CHUNKS, "chunk_s"),
        ("x/a.99999", CHUNKS, "chunk_s"),
        ("x/a.123456", CHUNKS, "chunk_s"),
        ("x/a.00001.ch1", CHUNKS_OF_CHANNELS, "chunk_s and channels=each"),
    ],
)
def test_an_input_that_is_called_like_a_chunk_of_another_is_refused(format_, item_id, options, keys):
    with pytest.raises(NameClash) as raised:
        refuse_names(["x/a", item_id, "b.00000"], format_, **options)
    assert str(raised.value) == (
        f"with {keys} an output of x/a may be named {item_id}, like another input; "
        "rename one of them, or use --keep-extension"
    )
    refuse_names(["x/a", item_id], format_)
    with_suspects = {"suspects": lambda texts, num_bytes: [item_id] if any(text in item_id for text in texts) else []}
    with pytest.raises(NameClash):
        refuse_names(["x/a", item_id], format_, **options, **with_suspects)


def test_other_ids_are_not_taken_for_chunks():
    refuse_names(["a", "a.0001", "a.x00001", "a.00001.wav", "a.ch0", "a00001", "b.00001"], "npy", has_chunks=True)
    refuse_names(["a", "a.00001", "a.ch0"], "npy", has_chunks=True, each_channel=True)


def test_a_folder_in_the_place_of_a_chunks_file_is_refused():
    with pytest.raises(NameClash, match=r"^a\.00003\.npy/b needs a folder where a has its file; rename one of them$"):
        refuse_names(["a", "a.00003.npy/b"], "npy", has_chunks=True)
    refuse_names(["a.npy/b", "a"], "npy", has_chunks=True)  # whose files are called a.00000.npy and so on


@pytest.mark.parametrize("options, length", [(CHUNKS, 245), (CHUNKS_OF_CHANNELS, 240)])
def test_a_name_has_room_for_the_number_of_a_chunk(tmp_path, options, length):
    refuse_names(["n" * length], "npy", out=str(tmp_path), **options)
    with pytest.raises(ConfigError, match="256 bytes"):
        refuse_names(["n" * (length + 1)], "npy", out=str(tmp_path), **options)


def test_a_folder_that_is_called_like_a_file_elsewhere_is_allowed():
    assert refuse_names(["x/a", "a.npy/b", "x/a.npy"], "npy") is None


def test_refusals_are_printed_without_control_characters():
    with pytest.raises(NameClash, match=r"^\.melcli/\\x1b\[2J: "):
        refuse_names([".melcli/\x1b[2J"], "npy")


def test_shards_take_any_id():
    assert refuse_names(["n" * 300, ".melcli/a", "a", "a.npy/b"], "hdf5") is None
