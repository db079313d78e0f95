"""What is found at a path, and what it is called."""

from __future__ import annotations

import os

import h5py
import numpy as np
import pytest

from melcli.compare.feature_sets import open_feature_set
from melcli.errors import ConfigError, NameClash, NoInput, StorageError
from tests.store.stores import STORES

ONE = np.arange(6.0).reshape(2, 3)


@pytest.fixture
def folder(tmp_path):
    """One file of each kind, at several depths."""
    os.makedirs(tmp_path / "in" / "speech" / ".hidden")
    np.save(tmp_path / "in" / "a.b.npy", ONE)
    np.savez(tmp_path / "in" / "speech" / "one.npz", mel=ONE)
    np.savez(tmp_path / "in" / "speech" / "two.npz", mel=ONE, energy=ONE[0])
    np.save(tmp_path / "in" / "speech" / ".hidden" / "x.npy", ONE)
    (tmp_path / "in" / "notes.txt").write_text("hello")
    with h5py.File(tmp_path / "in" / "all.h5", "w") as file:
        file["s/x"] = ONE
        file["y"] = ONE
    return tmp_path / "in"


def test_a_folder_is_searched_at_any_depth(folder):
    opened = open_feature_set(str(folder))
    assert opened.ids == ["a.b", "all/s/x", "all/y", "speech/one", "speech/two/energy", "speech/two/mel"]
    assert (opened.unreadable, opened.is_one_array) == ({}, False)
    for item_id in opened.ids:
        np.testing.assert_array_equal(opened.read(item_id), ONE[0] if item_id.endswith("energy") else ONE)
    opened.close()


@pytest.mark.parametrize(
    "name, ids",
    [
        ("a.b.npy", ["a.b"]),
        ("speech/one.npz", ["mel"]),
        ("speech/two.npz", ["energy", "mel"]),
        ("all.h5", ["s/x", "y"]),
    ],
)
def test_a_file_gives_the_names_of_its_arrays(folder, name, ids):
    opened = open_feature_set(str(folder / name))
    assert opened.ids == ids
    assert opened.is_one_array == (len(ids) == 1)
    opened.close()


@pytest.mark.parametrize("store", STORES.values(), ids=STORES.keys())
def test_an_out_gives_its_items_and_knows_which_axis_is_time_unless_both_are_as_long(tmp_path, store):
    store.write(str(tmp_path), {"b/x": store.features(7), "square": store.features(5)})
    opened = open_feature_set(str(tmp_path))
    assert opened.ids == ["b/x", "square"]
    np.testing.assert_array_equal(opened.read("b/x"), store.features(7))
    assert opened.time_axis("b/x", store.features(7).shape) == store.time_axis
    assert opened.time_axis("square", (5, 5)) is None
    opened.close()


def test_of_other_files_no_axis_is_known_to_be_time(folder):
    opened = open_feature_set(str(folder))
    assert opened.time_axis("a.b", (2, 3)) is None
    opened.close()


def test_a_damaged_file_costs_itself_alone(folder):
    (folder / "speech" / "two.npz").write_bytes(b"PK junk")
    opened = open_feature_set(str(folder))
    assert opened.ids == ["a.b", "all/s/x", "all/y", "speech/one"]
    assert list(opened.unreadable) == ["speech/two"]
    assert opened.unreadable["speech/two"].startswith(f"{folder}/speech/two.npz cannot be read: ")
    opened.close()


def test_a_damaged_file_by_itself_is_refused(folder):
    (folder / "a.b.npy").write_bytes(b"junk")
    with pytest.raises(StorageError, match=r"/a\.b\.npy cannot be read: "):
        open_feature_set(str(folder / "a.b.npy"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list anything")
def test_a_folder_that_cannot_be_listed_is_told_of(folder):
    os.chmod(folder / "speech", 0)
    opened = open_feature_set(str(folder))
    os.chmod(folder / "speech", 0o700)
    assert list(opened.unreadable) == [str(folder / "speech")]


def test_two_arrays_of_one_id_are_refused(folder):
    np.save(folder / "speech" / "one.npy", ONE)
    with pytest.raises(
        NameClash, match=r"/speech/one\.np[yz] and .*/speech/one\.np[yz] both contain speech/one; move one of them$"
    ):
        open_feature_set(str(folder))


def test_what_holds_nothing_is_refused(tmp_path):
    np.savez(tmp_path / "none.npz")
    for path in (tmp_path, tmp_path / "none.npz"):
        with pytest.raises(
            NoInput, match=rf"^{path} contains no features: no \.npy, \.npz, \.h5, \.hdf5 files with arrays$"
        ):
            open_feature_set(str(path))


def test_what_is_not_there_or_of_another_kind_is_refused(tmp_path):
    (tmp_path / "a.pt").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"/no\\x0awhere does not exist$"):
        open_feature_set(str(tmp_path / "no\nwhere"))
    with pytest.raises(ConfigError, match=r"/a\.pt has none of the extensions \.npy, \.npz, \.h5, \.hdf5$"):
        open_feature_set(str(tmp_path / "a.pt"))
