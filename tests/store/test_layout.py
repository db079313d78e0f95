"""Names under OUT, and ids that cannot have one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.errors import ConfigError, NameClash
from melcli.store.layout import journal_path, lock_path, npy_name, refuse_names, shard_name, shard_number
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
    with pytest.raises(ConfigError, match=rf": a name of {bytes_long} bytes is over the 255 that file systems allow$"):
        refuse_names(["a", item_id], "npy")


@pytest.mark.parametrize("own", ["manifest.jsonl", "failures.jsonl", "melcli.yaml", ".melcli"])
def test_a_folder_in_the_place_of_one_of_outs_own_files_is_refused(own):
    with pytest.raises(NameClash) as raised:
        refuse_names([f"{own}/a"], "npy")
    assert str(raised.value) == f"{own}/a: OUT keeps {own} for itself; rename that folder"
    refuse_names([own, f"x/{own}/a"], "npy")  # which become manifest.jsonl.npy and x/manifest.jsonl/a.npy


@pytest.mark.parametrize("item_id, below", [("x/a", "x/a.npy/b/c"), ("a", "a.npy/b"), ("a.npy/b", "a.npy/b.npy/c")])
def test_a_folder_in_the_place_of_another_items_file_is_refused(item_id, below):
    with pytest.raises(NameClash) as raised:
        refuse_names([below, item_id], "npy")
    assert str(raised.value) == f"{below} needs a folder where {item_id} has its file; rename one of them"


def test_a_folder_that_is_called_like_a_file_elsewhere_is_allowed():
    assert refuse_names(["x/a", "a.npy/b", "x/a.npy"], "npy") is None


def test_refusals_are_printed_without_control_characters():
    with pytest.raises(NameClash, match=r"^\.melcli/\\x1b\[2J: "):
        refuse_names([".melcli/\x1b[2J"], "npy")


def test_shards_take_any_id():
    assert refuse_names(["n" * 300, ".melcli/a", "a", "a.npy/b"], "hdf5") is None
