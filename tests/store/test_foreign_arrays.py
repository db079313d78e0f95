"""Files that anybody may have written: read exactly, or refused in one sentence."""

import os
import random
import re
import zipfile
from contextlib import closing

import h5py
import numpy as np
import pytest

from melcli.errors import StorageError
from melcli.store.foreign_arrays import open_arrays
from tests.store.stores import STORES
from tests.tiers import full_but

ARRAYS = {"x": np.arange(12, dtype=np.float32).reshape(3, 4), "y": np.arange(3, dtype=">i2")}


def write_npz(path, arrays=ARRAYS):
    np.savez_compressed(path, **arrays)


def write_hdf5(path, arrays=ARRAYS):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, chunks=True, compression="gzip", fletcher32=True)


WRITERS = {
    "a.npy": lambda path: np.save(path, ARRAYS["x"]),
    "a.npz": write_npz,
    "a.h5": write_hdf5,
    "a.HDF5": write_hdf5,
}


@pytest.mark.parametrize("name", ["a.npz", "a.h5", "a.HDF5"])
def test_every_array_is_an_item(tmp_path, name):
    path = str(tmp_path / name)
    WRITERS[name](path)
    opened = open_arrays(path)
    assert list(opened.names) == ["x", "y"]
    for key, array in ARRAYS.items():
        np.testing.assert_array_equal(opened.read(key), array)
    opened.close()


@pytest.mark.parametrize(
    "array",
    [
        *(np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)), np.float16(3.5)),
        *(np.zeros((0, 80)), np.arange(6, dtype=np.uint8), np.arange(6, dtype=">f8")),
    ],
    ids=range(6),
)
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_an_npy_file_is_read_as_numpy_reads_it(tmp_path, array, version):
    path = tmp_path / "a.npy"
    with open(path, "wb") as file:
        np.lib.format.write_array(file, np.asanyarray(array), version=version)
    opened = open_arrays(str(path))
    assert list(opened.names) == [""]
    read = opened.read("")
    assert read.dtype == np.asanyarray(array).dtype
    np.testing.assert_array_equal(read, array)


def test_groups_are_entered_and_links_out_of_the_file_are_not(tmp_path):
    np.save(tmp_path / "secret.npy", np.zeros(3))
    with h5py.File(tmp_path / "other.h5", "w") as other, h5py.File(tmp_path / "a.h5", "w") as file:
        other["z"] = 1.0
        file["speech/a/b"] = ARRAYS["x"]
        file["again"] = file["speech"]  # a circle of hard links
        file["speech/up"] = file["/"]
        file["out"] = h5py.ExternalLink("other.h5", "/z")
    names = open_arrays(str(tmp_path / "a.h5")).names
    assert len(names) == 1
    assert names[0].endswith("a/b")


@pytest.mark.parametrize("name", ["hdf5", "hdf5-time-first"])
def test_a_shard_gives_its_items_by_their_ids(tmp_path, name):
    store = STORES[name]
    items = {"b/ä": store.features(3), "a": store.features(5), "c\udcff": store.features(1)}
    store.write(str(tmp_path), items)
    opened = open_arrays(str(tmp_path / "features-00000.h5"))
    assert list(opened.names) == sorted(items)
    for item_id, features in items.items():
        np.testing.assert_array_equal(opened.read(item_id), features)
    opened.close()


@pytest.mark.parametrize(
    "array, what",
    [
        (np.array(["a"]), "<U1"),
        (np.array([1j]), "complex128"),
        (np.array([True]), "bool"),
        (np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]), "[('a', '<i4'), ('b', '<f4')]"),
    ],
)
def test_what_is_no_real_number_is_refused(tmp_path, array, what):
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", k=array)
    sentence = f"cannot be read: it contains {what}, not real numbers"
    with pytest.raises(StorageError, match=rf"^{tmp_path}/a\.npy {re.escape(sentence)}$"):
        open_arrays(str(tmp_path / "a.npy"))
    with pytest.raises(StorageError, match=rf"^{tmp_path}/a\.npz\[k\] {re.escape(sentence)}$"):
        open_arrays(str(tmp_path / "a.npz")).read("k")


def test_texts_in_hdf5_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["k"] = ["a", "b"]
    with pytest.raises(StorageError, match=r"a\.h5\[k\] cannot be read: it contains objects, not real numbers$"):
        open_arrays(str(tmp_path / "a.h5")).read("k")


def test_pickled_objects_are_refused_and_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    path = tmp_path / "a.npy"
    np.save(path, np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(StorageError, match=r"it contains objects, not real numbers$"):
        open_arrays(str(path))
    assert not (tmp_path / "exploded").exists()
    np.load(path, allow_pickle=True)
    assert (tmp_path / "exploded").exists()  # the trap was a live one


def test_a_header_that_asks_for_more_than_is_there_is_refused_before_memory_is(tmp_path):
    with open(tmp_path / "a.npy", "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**7)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(StorageError, match=r"describes shape \(1000000, 10000000\) in float32, but 0 bytes follow$"):
        open_arrays(str(tmp_path / "a.npy"))


def test_members_of_a_zip_that_are_no_arrays_are_passed_over(tmp_path):
    write_npz(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as file:
        file.writestr("notes.txt", "hello")
    assert list(open_arrays(str(tmp_path / "a.npz")).names) == ["x", "y"]


def test_a_name_that_would_steer_a_terminal_is_escaped(tmp_path):
    (tmp_path / "a\x1b[2J.npy").write_bytes(b"")
    with pytest.raises(StorageError, match=r"/a\\x1b\[2J\.npy cannot be read: "):
        open_arrays(str(tmp_path / "a\x1b[2J.npy"))


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.h5"])
def test_a_file_that_is_not_there_is_refused_in_a_sentence(tmp_path, name):
    with pytest.raises(StorageError, match=rf"^{tmp_path}/{re.escape(name)} cannot be read: .*[Nn]o such file"):
        open_arrays(str(tmp_path / name))


@pytest.mark.parametrize("name", full_but(["a.npy", "a.npz", "a.h5"], "a.h5"))
def test_damage_is_refused_or_read_and_never_anything_else(tmp_path, name):
    WRITERS[name](tmp_path / name)
    good = (tmp_path / name).read_bytes()
    chance = random.Random(name)
    refused = []
    for _ in range(150):
        damaged = bytearray(good[: chance.randrange(len(good))] if chance.random() < 0.2 else good)
        for _ in range(chance.choice([1, 2, 8])):
            if damaged:
                damaged[chance.randrange(min(len(damaged), 200 if name == "a.npy" else len(damaged)))] = (
                    chance.randrange(256)
                )
        path = tmp_path / f"damaged{os.path.splitext(name)[1]}"
        path.write_bytes(damaged)
        try:
            opened = open_arrays(str(path))
            for key in opened.names:
                opened.read(key)
            opened.close()
        except StorageError as error:
            refused.append(str(error))
    assert len(refused) > 30
    assert all(re.fullmatch(rf"{tmp_path}/damaged\.\w+(\[.*\])? cannot be read: .+", said) for said in refused)


@pytest.mark.parametrize("as_shard", [False, True])
def test_numbers_that_lie_in_other_files_are_not_read(tmp_path, as_shard):
    np.arange(6.0).tofile(tmp_path / "secret.bin")
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.arange(6.0)
    layout = h5py.VirtualLayout((6,), "<f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "x", (6,))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("features", (6,), "<f8", external=[(str(tmp_path / "secret.bin"), 0, 48)])
        if as_shard:
            file["features"].attrs["time_axis"] = 0
            file["ids"], file["start"], file["num_frames"] = ["a"], [0], [6]
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_virtual_dataset("features", layout)
    for name in ("a.h5",) if as_shard else ("a.h5", "b.h5"):
        with pytest.raises(StorageError, match="its numbers are in other files, which melcli does not read"):
            read_features(tmp_path / name)


def read_features(path):
    with closing(open_arrays(str(path))) as arrays:
        return arrays.read("features")
