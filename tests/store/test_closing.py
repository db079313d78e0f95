"""What is refused is closed at once: no traceback keeps a file open or a buffer exported until garbage collection."""

from __future__ import annotations

import errno
import gc
import io
import os
import random
import sys
import weakref
from contextlib import closing
from pathlib import Path

import h5py
import numpy as np
import pytest

from melcli.compare.feature_sets import open_feature_set
from melcli.errors import MelcliError, StorageError
from melcli.opening import regular_only
from melcli.scratch import Scratch
from melcli.store import files, hdf5, spool
from melcli.store.entries import index_manifest
from melcli.store.files import StagedFiles, write_all
from melcli.store.foreign_arrays import open_arrays
from melcli.store.hdf5 import Hdf5Sink, ShardReader
from melcli.store.history import read_history
from melcli.store.journal import Journal
from melcli.store.lines import Lines
from melcli.store.manifest import write_manifest
from melcli.store.npy import read_npy
from melcli.store.output_checks import check_file, check_shard, open_shard
from melcli.store.reader import open_features
from melcli.store.recovery import read_records
from melcli.store.spool import Spool
from melcli.store.storage_errors import storage_errors
from tests.open_files import collector_off, error_of, num_open_files
from tests.store.rows import journal_of, make_row, read_manifest
from tests.store.stores import STORES, stored
from tests.tiers import full_but

ROUNDS = 40
SHARD = "features-00000.h5"
REFUSALS = (MelcliError, OSError, ValueError, LookupError, TypeError, RuntimeError, AttributeError)
ITEMS = {
    "a": np.linspace(-80, 0, 45, dtype=np.float32).reshape(5, 9),
    "b": np.linspace(-70, 0, 35, dtype=np.float32).reshape(5, 7),
}


def save_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name, array in ITEMS.items():
            file.create_dataset(name, data=array, chunks=True, compression="gzip", fletcher32=True)


def read_all(path: str) -> None:
    with closing(open_arrays(path)) as arrays:
        for name in arrays.names:
            arrays.read(name)


def read_set(path: str) -> None:
    with closing(open_feature_set(path)) as features:
        for item_id in features.ids:
            features.read(item_id)


def read_shard(path: str) -> None:
    with closing(ShardReader(path)) as shard:
        shard.index()
        shard.read(0, shard.num_frames)


def read_output(path: str) -> None:
    features = open_features(os.path.dirname(path))
    with closing(features):
        for item_id in features:
            features[item_id]


def verify_shard(path: str) -> None:
    out = os.path.dirname(path)
    rows = list(read_manifest(out))
    open_shard(out, SHARD, rows)
    if list(check_shard(out, SHARD, rows, [True] * len(rows))):
        raise ValueError("damaged")


def verify_file(path: str) -> None:
    if list(check_file(os.path.dirname(path), next(read_manifest(os.path.dirname(path))), read=True)):
        raise ValueError("damaged")


def save_shard(path: Path) -> None:
    STORES["hdf5"].write(str(path.parent), ITEMS)


def save_files(path: Path) -> None:
    STORES["npy"].write(str(path.parent), ITEMS)


OPENERS = {
    "arrays, npy": ("a.npy", lambda path: np.save(path, ITEMS["a"]), read_all),
    "arrays, npz": ("a.npz", lambda path: np.savez_compressed(path, **ITEMS), read_all),
    "arrays, hdf5": ("a.h5", save_hdf5, read_all),
    "arrays, shard": (SHARD, save_shard, read_all),
    "set, npz": ("a.npz", lambda path: np.savez_compressed(path, **ITEMS), read_set),
    "set, hdf5": ("a.h5", save_hdf5, read_set),
    "shard": (SHARD, save_shard, read_shard),
    "reader, shard": (SHARD, save_shard, read_output),
    "reader, npy": ("a.npy", save_files, read_output),
    "read_npy": ("a.npy", save_files, lambda path: read_npy(path, np.dtype("<f4"), [(5, 9)])),
    "verify, shard": (SHARD, save_shard, verify_shard),
    "verify, npy": ("a.npy", save_files, verify_file),
}


def damaged(good: bytes, chance: random.Random, where: range) -> bytes:
    """Change some bytes, and cut every fifth file."""
    content = bytearray(good[: chance.randrange(len(good))] if chance.random() < 0.2 else good)
    for _ in range(chance.choice([1, 2, 8])):
        at = chance.choice(where)
        if at < len(content):
            content[at] = chance.randrange(256)
    return bytes(content)


def where_to_damage(path: Path) -> range:
    """Return the bytes that may be changed: libhdf5 itself hangs on some damages of the lists of a shard."""
    if path.suffix == ".npy":
        return range(160)
    if path.name != SHARD:
        return range(path.stat().st_size)
    with h5py.File(path) as file:
        chunk = file["features"].id.get_chunk_info(0)
    return range(chunk.byte_offset, chunk.byte_offset + chunk.size)


@pytest.mark.full
@pytest.mark.parametrize("opener", full_but(OPENERS, "arrays, npz", "set, hdf5", "reader, shard", "read_npy"))
def test_a_damaged_file_is_closed_while_its_error_is_held(tmp_path, opener):
    name, save, read = OPENERS[opener]
    path = tmp_path / name
    save(path)
    good = path.read_bytes()
    where, chance, held = where_to_damage(path), random.Random(opener), []
    with collector_off():
        before = num_open_files()
        for _ in range(ROUNDS):
            path.write_bytes(damaged(good, chance, where))
            held.append(error_of(lambda: read(str(path)), REFUSALS))
            assert num_open_files() == before, f"open after {held[-1]}"
    assert sum(error is not None for error in held) > ROUNDS // 5


def remove(name):
    def change(file):
        del file[name]

    return change


def replace(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return change


STRUCTURES = {
    "no time axis": lambda file: file["features"].attrs.__delitem__("time_axis"),
    "odd time axis": lambda file: file["features"].attrs.__setitem__("time_axis", 7),
    "no features": remove("features"),
    "no ids": remove("ids"),
    "fewer lengths": replace("num_frames", [1]),
    "ids are numbers": replace("ids", [1, 2]),
    "starts are texts": replace("start", ["a", "b"]),
    "features are texts": replace("features", ["a", "b"]),
    "features in one piece": replace("features", np.zeros((5, 16), "<f4")),
}


SHARD_OPENERS = [name for name, (file, *_) in OPENERS.items() if file == SHARD and name != "shard"]
REFUSED = [("shard", structure) for structure in STRUCTURES] + [(name, "no features") for name in SHARD_OPENERS]


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "opener, structure", full_but(REFUSED, ("shard", "no time axis"), ("verify, shard", "no features"), unpack=True)
)
def test_a_shard_of_another_structure_is_closed_and_the_next_file_of_its_name_is_read(tmp_path, opener, structure):
    path, read = tmp_path / SHARD, OPENERS[opener][2]
    save_shard(path)
    good = path.read_bytes()
    with h5py.File(path, "r+") as file:
        STRUCTURES[structure](file)
    with collector_off():
        before = num_open_files()
        held = [error_of(lambda: read(str(path)), REFUSALS)]
        assert num_open_files() == before, f"open after {held}"
        path.write_bytes(good)  # the same file by its number: HDF5 would take it for the one that it has open
        with closing(open_arrays(str(path))) as arrays:
            np.testing.assert_array_equal(arrays.read("a"), ITEMS["a"])


@pytest.mark.full
def test_a_set_that_is_refused_is_closed(tmp_path):
    with h5py.File(tmp_path / "empty.h5", "w"):
        pass
    both = tmp_path / "both"
    both.mkdir()
    save_hdf5(both / "x.h5")
    (both / "x").mkdir()
    np.save(both / "x" / "a.npy", ITEMS["a"])
    for path in (tmp_path / "empty.h5", both):
        with collector_off():
            before = num_open_files()
            held = error_of(lambda path=path: open_feature_set(str(path)), MelcliError)
            assert held is not None
            assert num_open_files() == before


def test_a_reader_closes_a_shard_of_another_shape(tmp_path):
    STORES["hdf5"].write(str(tmp_path), ITEMS)
    manifest = (tmp_path / "manifest.jsonl").read_bytes()
    STORES["hdf5-time-first"].write(str(tmp_path), {name: array[:3].T.copy() for name, array in ITEMS.items()})
    (tmp_path / "manifest.jsonl").write_bytes(manifest)
    with collector_off():
        features = open_features(str(tmp_path))
        before = num_open_files()
        held = error_of(lambda: features["a"], StorageError)
        assert "is not the one" in str(held)
        assert num_open_files() == before


# buffers


def refuse_writes(monkeypatch):
    class Full(io.FileIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "open", lambda descriptor, *_, **__: Full(descriptor, "wb"), raising=False)


def test_a_failed_commit_of_a_shard_exports_no_buffer(tmp_path, monkeypatch):
    """CPython 3.12 crashes where the collector finds an exported buffer, 3.13 reports an unraisable BufferError."""
    images, unraisable = [], []

    class Image(io.BytesIO):
        def __init__(self):
            super().__init__()
            images.append(self)

    monkeypatch.setattr(hdf5.io, "BytesIO", Image)
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    refuse_writes(monkeypatch)
    sink = Hdf5Sink(str(tmp_path), SHARD, time_axis=1, attributes={}, max_bytes=2**40)
    sink.put("a", stored(ITEMS["a"]))
    held = error_of(sink.commit, StorageError)
    assert "No space left" in str(held)
    assert images
    for image in images:
        image.truncate(0)  # raises BufferError while a view exists
    sink.discard()
    del held, images[:]
    gc.collect()
    assert not unraisable


def test_a_write_that_fails_in_the_middle_releases_every_view():
    data, calls = bytearray(100), []

    def write(view):
        calls.append(bytes(view))
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "full")
        return 7

    held = error_of(lambda: write_all(write, data), OSError)
    assert held is not None
    assert [len(call) for call in calls] == [100, 93]
    data.clear()  # raises BufferError while a view exists


@pytest.mark.parametrize("call", ["write", "readinto", "truncate"])
def test_a_deferring_file_holds_neither_the_memory_of_hdf5_nor_frames(tmp_path, call):
    (tmp_path / "a").write_bytes(b"123")
    mode = "rb" if call != "readinto" else "wb"  # the wrong one for the call
    with hdf5._DeferringFile(tmp_path / "a", mode) as file:
        data = bytearray(8)
        getattr(file, call)(4 if call == "truncate" else data)
        data.clear()
        held = error_of(file.raise_error, OSError)
        assert held is not None
        assert held is not file._error
        assert file._error.__traceback__ is None


def test_an_error_that_is_translated_is_part_of_no_cycle():
    """On Python 3.12 and later a generator of `contextlib.contextmanager` makes one, with all frames of the call."""

    class Large:
        pass

    def fail():
        large = Large()
        seen.append(weakref.ref(large))
        with storage_errors("a"):
            raise OSError(errno.EIO, "broken")

    seen: list[weakref.ref[Large]] = []
    with collector_off():
        assert "broken" in str(error_of(fail, StorageError))
        assert seen[0]() is None


# other openers


def failing(number=errno.EIO):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


def journal_on_a_full_disk(out, monkeypatch):
    (out / ".melcli" / "journal.jsonl").write_bytes(b"torn")
    monkeypatch.setattr(Journal, "_write", failing(errno.ENOSPC))
    Journal(str(out))


def journal_of_another_version(out, monkeypatch):
    with Journal(str(out)) as journal:
        journal.add(rows=[make_row("a")])
    monkeypatch.setattr("melcli.store.journal.ROWS_OPEN", "other rows")
    journal_of(str(out))


def journal_that_is_a_link(out, monkeypatch):
    (out / "other").write_bytes(b"")
    os.link(out / "other", out / ".melcli" / "journal.jsonl")
    Journal(str(out))


def journal_that_has_no_status(out, monkeypatch):
    monkeypatch.setattr(os, "fstat", failing())
    Journal(str(out))


def manifest_of_no_rows(out, monkeypatch):
    (out / "manifest.jsonl").write_bytes(b"{}\n")
    with Scratch() as scratch:
        index_manifest(str(out), Lines(scratch))


def reader_of_no_rows(out, monkeypatch):
    (out / "manifest.jsonl").write_bytes(b"{}\n")
    open_features(str(out))


def books_that_cannot_be_read(out, monkeypatch):
    with Journal(str(out)) as journal:
        journal.add(rows=[make_row("a")])
    (out / "manifest.jsonl").write_bytes(b"{}\n")
    monkeypatch.setattr("melcli.store.recovery._parse", failing())
    with Scratch() as scratch:
        read_records(str(out), scratch)


def file_that_has_no_status(out, monkeypatch):
    (out / "a").write_bytes(b"1")
    monkeypatch.setattr(os, "fstat", failing())
    regular_only(str(out / "a"))


def spool_that_keeps_its_name(out, monkeypatch):
    monkeypatch.setattr(spool.os, "unlink", failing())
    Spool(str(out), max_bytes=0).append(np.zeros(3))


def manifest_on_a_full_disk(out, monkeypatch):
    write_manifest(str(out), [make_row("a"), make_row("b")])
    monkeypatch.setattr("melcli.store.manifest.PIECE_LINES", 1)  # a row is left when the first one cannot be written
    with Scratch() as scratch:
        history = read_history(str(out), scratch)
        refuse_writes(monkeypatch)
        history.write_manifest()


def staged_file_on_a_full_disk(out, monkeypatch):
    refuse_writes(monkeypatch)
    StagedFiles(str(out)).add("a", [b"1"])


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "fail",
    [
        *(journal_on_a_full_disk, journal_of_another_version, journal_that_is_a_link, journal_that_has_no_status),
        *(
            manifest_of_no_rows,
            reader_of_no_rows,
            books_that_cannot_be_read,
            file_that_has_no_status,
            spool_that_keeps_its_name,
        ),
        *(staged_file_on_a_full_disk, manifest_on_a_full_disk),
    ],
)
def test_what_fails_after_the_opening_is_closed_while_its_error_is_held(tmp_path, monkeypatch, fail):
    (tmp_path / ".melcli").mkdir()
    with collector_off(), monkeypatch.context() as patch:
        before = num_open_files()
        held = error_of(lambda: fail(tmp_path, patch), (StorageError, OSError))
        patch.undo()
        assert held is not None
        assert num_open_files() == before
