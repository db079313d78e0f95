"""What the contract leaves open: a missing or damaged manifest, files that are not features, and forks."""

import os
import re
import shutil
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.errors import StorageError
from melcli.store import reader
from melcli.store.manifest import write_manifest
from melcli.store.reader import open_features
from tests.store.rows import make_row, read_manifest
from tests.store.stores import NUM_FEATURES, STORES
from tests.tiers import examples


def test_a_folder_without_a_manifest_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(StorageError) as raised:
        open_features(tmp_path / "no\nwhere")
    assert str(raised.value) == (f"{tmp_path}/no\\x0awhere contains no manifest.jsonl; only a completed run writes one")


def test_a_damaged_manifest_is_refused_when_opening(out):
    STORES["npy"].write(out, {"a": np.zeros((1, 1))})
    with open(f"{out}/manifest.jsonl", "a") as manifest:
        manifest.write("{\n")
    with pytest.raises(StorageError, match=rf"^{out}/manifest\.jsonl:2: not a row of a manifest \("):
        open_features(out)


def test_pickled_objects_are_refused_and_not_run(out, tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    objects = np.array([[Bomb()]], dtype=object)
    STORES["npy"].write(out, {"a": np.zeros((1, 1))})
    for arm in (objects.dump, lambda path: np.save(path, objects, allow_pickle=True)):
        arm(f"{out}/a.npy")
        with pytest.raises(StorageError, match=r"'a' cannot be read: "):
            open_features(out)["a"]
        assert not (tmp_path / "exploded").exists()
        np.load(f"{out}/a.npy", allow_pickle=True)
        (tmp_path / "exploded").rmdir()  # the trap was a live one


def test_an_array_of_another_type_or_shape_than_its_row_says_is_refused(out):
    STORES["npy"].write(out, {"a": np.zeros((2, 3), np.float32)})
    for other in (np.zeros((2, 4), np.float32), np.zeros((2, 3), np.float64), np.zeros((2, 3), np.int32), np.zeros(6)):
        np.save(f"{out}/a.npy", other)
        with pytest.raises(
            StorageError, match=r"'a' cannot be read: the file is damaged, or not the one that the mani"
        ):
            open_features(out)["a"]


def test_every_cut_of_an_npy_file_is_refused(out):
    row = STORES["npy"].write(out, {"a": np.ones((2, 3), dtype=np.float32)})["a"]
    features = open_features(out)
    for size in reversed(range(row.output_size)):
        os.truncate(f"{out}/a.npy", size)
        with pytest.raises(StorageError, match=r"'a' cannot be read"):
            features["a"]


def test_an_npy_file_that_grew_is_refused(out):
    STORES["npy"].write(out, {"a": np.ones((2, 3), dtype=np.float32)})
    with open(f"{out}/a.npy", "ab") as file:
        file.write(b"\0")
    with pytest.raises(StorageError, match=r"'a' cannot be read"):
        open_features(out)["a"]


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000000,), }",  # 36 TiB
        "{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000000000000,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), ",
        "{'descr': '<f4', 'fortran_order': False, b'shape': (2, 3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }",
        "1",
    ],
    ids=["huge", "overflowing", "unclosed", "key of bytes", "negative", "no dict"],
)
def test_an_npy_file_with_a_damaged_header_is_refused(out, header):
    STORES["npy"].write(out, {"a": np.ones((2, 3), dtype=np.float32)})
    with open(f"{out}/a.npy", "r+b") as file:
        file.seek(10)
        file.write(f"{header:<117}\n".encode())
    with pytest.raises(StorageError, match=r"'a' cannot be read"):
        open_features(out)["a"]


def test_an_archive_under_the_name_of_an_array_is_refused(out):
    STORES["npy"].write(out, {"a": np.ones((2, 3))})
    with open(f"{out}/a.npy", "wb") as file:
        np.savez(file, a=np.ones((2, 3)))
    with pytest.raises(StorageError, match=r"'a' cannot be read"):
        open_features(out)["a"]


@pytest.fixture(scope="module", params=STORES.values(), ids=STORES.keys())
def whole(request, tmp_path_factory):
    """One stored item: its OUT, its file, and a copy of the file."""
    out = tmp_path_factory.mktemp("whole")
    path = out / request.param.write(str(out), {"a": request.param.features(3)})["a"].path
    return out, path, Path(shutil.copy(path, out / "copy"))


@pytest.mark.few(2)
@pytest.mark.filterwarnings("ignore::Warning")  # numpy and tokenize complain of some headers before they refuse them
@given(data=st.data())
@settings(max_examples=examples(100), derandomize=True)  # a crash of libhdf5 would take pytest with it
def test_a_file_with_damaged_bytes_is_read_or_refused(whole, data):
    out, path, copy = whole
    image = bytearray(copy.read_bytes())
    for place in data.draw(st.lists(st.integers(0, min(len(image), 1024) - 1), min_size=1, max_size=4)):
        image[place] = data.draw(st.integers(0, 255))
    path.unlink()  # libhdf5 takes a file for the one it knows if the inode is the same
    path.write_bytes(image)
    with closing(open_features(out)) as features, suppress(StorageError):
        assert features["a"].ndim == 2  # any other exception fails


def test_a_shard_with_fewer_frames_than_its_row_says_is_refused(out):
    store = STORES["hdf5"]
    row = store.write(out, {"a": store.features(5)})["a"]
    for claim in (replace(row, num_frames=6), replace(row, start=1), replace(row, start=5)):
        write_manifest(out, [claim])
        features = open_features(out)
        with pytest.raises(StorageError, match=r"'a' cannot be read"):
            features["a"]
        features.close()


def test_a_file_that_is_no_shard_is_refused(out):
    write_manifest(out, [make_row("a", path="features-00000.h5", start=0, num_frames=1)])
    Path(out, "features-00000.h5").write_bytes(Path(out, "manifest.jsonl").read_bytes())
    with pytest.raises(StorageError, match=r"^" + re.escape(out) + r"/features-00000\.h5: 'a' cannot be read: "):
        open_features(out)["a"]


@pytest.mark.parametrize(
    "store", [*STORES.values(), replace(STORES["npy"], time_axis=0)], ids=[*STORES, "npy-time-first"]
)
def test_square_features_come_back_the_way_they_went_in(store, out):
    squares = {item_id: store.features(NUM_FEATURES, seed=seed) for seed, item_id in enumerate("abc")}
    store.write(out, {**squares, "longer": store.features(9)})
    with closing(open_features(out)) as features:
        for item_id, square in squares.items():
            assert (square != square.T).any()
            np.testing.assert_array_equal(features[item_id], square)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_opens_shards_of_its_own(out, monkeypatch):
    opened = []

    class Counted(reader.ShardReader):
        def __init__(self, path):
            super().__init__(path)
            opened.append(path)

    monkeypatch.setattr(reader, "ShardReader", Counted)
    STORES["hdf5"].write(out, {"a": STORES["hdf5"].features(5), "b": STORES["hdf5"].features(6)})
    features = open_features(out)
    for _ in range(2):
        assert features["a"].shape[1] + features["b"].shape[1] == 11
    assert len(opened) == 1  # and not once for each array
    child = os.fork()
    if not child:
        try:
            features["a"], features["b"], features["a"]
        finally:
            os._exit(len(opened))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2


def test_closing_lets_the_shards_go(out):
    STORES["hdf5"].write(out, {"a": STORES["hdf5"].features(5)})
    features = open_features(out)
    assert features["a"].shape[1] == 5
    assert f"{out}/features-00000.h5" in _open_files()
    features.close()
    assert f"{out}/features-00000.h5" not in _open_files()


def _open_files():
    folder = "/proc/self/fd"
    if not os.path.isdir(folder):
        pytest.skip("only Linux tells which files a process has open")
    links = [os.path.join(folder, number) for number in os.listdir(folder)]
    return {os.readlink(link) for link in links if os.path.lexists(link)}


# a manifest that was tampered with


@pytest.mark.parametrize(
    "known, words",
    [
        ({"path": "b.npy"}, "is not a path where melcli stores it"),
        ({"path": "manifest.jsonl", "start": 0}, "is not a path where melcli stores it"),
        ({"dtype": "object"}, "dtype='object' must be one of float16, float32, float64"),
        ({"dtype": "S99999999999"}, "must be one of float16"),
        ({"num_frames": 10**30}, "cannot be read"),
        ({"num_frames": -1}, "cannot be read"),
    ],
)
def test_an_array_is_given_from_its_own_place_alone(out, known, words):
    STORES["npy"].write(out, {"a": np.zeros((2, 3), np.float32)})
    (row,) = read_manifest(out)
    write_manifest(out, [replace(row, **known)])
    with pytest.raises(StorageError, match=words):
        open_features(out)["a"]


def test_an_id_that_stands_twice_is_not_given(out):
    STORES["npy"].write(out, {"a": np.zeros((2, 3), np.float32), "b": np.zeros((2, 3), np.float32)})
    rows = list(read_manifest(out))
    write_manifest(out, [*rows, replace(rows[0], num_frames=3)])
    found = open_features(out)
    assert found["b"].size
    with pytest.raises(StorageError, match=r"'a' is in manifest\.jsonl more than once"):
        found["a"]


def test_frames_of_another_item_of_the_shard_are_not_given(out):
    STORES["hdf5"].write(
        out, {"a": np.zeros((NUM_FEATURES, 3), np.float32), "b": np.ones((NUM_FEATURES, 3), np.float32)}
    )
    a, b = read_manifest(out)
    write_manifest(out, [replace(a, start=b.start), replace(b, start=a.start)])
    for item_id in "ab":
        with (
            closing(open_features(out)) as found,
            pytest.raises(StorageError, match="at other frames than the manifest"),
        ):
            found[item_id]
