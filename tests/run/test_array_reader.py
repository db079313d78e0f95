"""Files of arrays that anybody may have written are read in a process with a deadline."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import h5py
import numpy as np
import pytest

from melcli.compare.feature_sets import open_feature_set
from melcli.errors import StorageError
from melcli.run.array_reader import ArrayReader
from tests.elapsed import stretch
from tests.store.stores import STORES
from tests.tiers import full_but

ONE = np.arange(6.0).reshape(2, 3)
BOMB_FLOATS = 40_000_000  # 320 MB of zeros in 0.3 MB: no machine unpacks them in `TOO_SHORT_S`
TOO_SHORT_S = 0.1


@pytest.fixture
def reader() -> Iterator[ArrayReader]:
    with closing(ArrayReader(timeout_s=20 * stretch(), max_memory_bytes=500_000_000)) as opened:
        yield opened


def bomb(folder: Path, name: str = "bomb.npz") -> Path:
    np.savez_compressed(folder / name, a=np.broadcast_to(0.0, BOMB_FLOATS))
    return folder / name


def test_arrays_come_back_as_they_are_and_the_worker_sees_a_file_that_changed(
    reader: ArrayReader, tmp_path: Path
) -> None:
    np.savez(tmp_path / "x.npz", a=ONE, b=ONE.astype(np.float16))
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file["s/x"] = ONE
    zipped, hdf5 = (reader.open_arrays(str(tmp_path / name)) for name in ("x.npz", "y.h5"))
    assert (list(zipped.names), list(hdf5.names)) == (["a", "b"], ["s/x"])
    for array in (zipped.read("a"), hdf5.read("s/x"), zipped.read("b")):
        np.testing.assert_array_equal(array, ONE)
    assert zipped.read("b").dtype == np.float16
    np.savez(tmp_path / "z.npz", a=2 * ONE)
    os.replace(tmp_path / "z.npz", tmp_path / "x.npz")
    np.testing.assert_array_equal(zipped.read("a"), 2 * ONE)


def test_a_plain_npy_starts_no_worker(reader: ArrayReader, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ONE)
    np.testing.assert_array_equal(reader.open_arrays(str(tmp_path / "x.npy")).read(""), ONE)
    assert reader._engine is None


@pytest.mark.full
def test_a_file_that_takes_too_long_is_named_with_the_limit_and_the_next_one_is_read(tmp_path: Path) -> None:
    bomb(tmp_path)
    np.savez(tmp_path / "x.npz", a=ONE)
    with closing(ArrayReader(timeout_s=TOO_SHORT_S)) as reader:
        with pytest.raises(StorageError, match=r"/bomb\.npz(\[a\])? cannot be read within 0\.1 s$"):
            reader.open_arrays(str(tmp_path / "bomb.npz")).read("a")
        reader._timeout_s = 20 * stretch()
        np.testing.assert_array_equal(reader.open_arrays(str(tmp_path / "x.npz")).read("a"), ONE)


@pytest.mark.full
def test_a_file_that_unpacks_to_more_than_the_limit_costs_itself_alone(tmp_path: Path) -> None:
    bomb(tmp_path)
    np.savez(tmp_path / "x.npz", a=ONE)
    with closing(ArrayReader(timeout_s=20 * stretch(), max_memory_bytes=250_000_000)) as reader:
        with pytest.raises(StorageError, match=r"/bomb\.npz\[a\] cannot be read"):
            reader.open_arrays(str(tmp_path / "bomb.npz")).read("a")
        np.testing.assert_array_equal(reader.open_arrays(str(tmp_path / "x.npz")).read("a"), ONE)


@pytest.mark.full
def test_a_file_that_crashes_its_library_is_named(reader: ArrayReader) -> None:
    with pytest.raises(StorageError, match=r"^x\\x0ay\.h5 cannot be read: .*SIGSEGV"):
        reader.ask(_crash, "", "x\ny.h5")


def test_damage_is_told_as_without_a_worker(reader: ArrayReader, tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_bytes(b"junk")
    with pytest.raises(StorageError, match=r"/x\.h5 cannot be read: ") as here:
        open_feature_set(str(tmp_path / "x.h5"))
    with pytest.raises(StorageError) as there:
        open_feature_set(str(tmp_path / "x.h5"), reader)
    assert str(there.value) == str(here.value)


@pytest.mark.parametrize("store", full_but(STORES.values(), STORES["npy"]), ids=STORES.keys())
def test_an_out_gives_its_items(reader: ArrayReader, store, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    store.write(str(tmp_path), {"b/x": store.features(7), "y": store.features(5)})
    with closing(open_feature_set(str(tmp_path), reader)) as opened:
        np.testing.assert_array_equal(opened.read("b/x"), store.features(7))
        np.testing.assert_array_equal(opened.read("y"), store.features(5))
    assert (reader._engine is None) == (store.format == "npy")


def _crash(nothing: str) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)
