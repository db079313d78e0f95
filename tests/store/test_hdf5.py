"""A shard as DESIGN.md lays it out, read with h5py alone."""

import json
import os
import sys
import tracemalloc
from contextlib import closing

import h5py
import numpy as np
import pytest

from melcli.errors import StorageError
from melcli.store import hdf5
from melcli.store.hdf5 import CHUNK_BYTES, Hdf5Sink, ShardReader
from melcli.store.reader import open_features
from tests.elapsed import run
from tests.store import full_disks
from tests.store.rows import ODD_IDS, names_below
from tests.store.stores import STORES, stored
from tests.tiers import full_but

SHARD = "features-00007.h5"
ATTRIBUTES = {"config": '{"audio": {"channels": "mix"}}', "config_id": "0123456789abcdef", "melcli": "0.1.0"}


def write_shard(out, items, time_axis=1, *, max_bytes=2**40, **chunks):
    """Write a shard in memory, or on the disk where it has more bytes of features than this."""
    os.makedirs(out, exist_ok=True)
    sink = Hdf5Sink(out, SHARD, time_axis=time_axis, attributes=ATTRIBUTES, max_bytes=max_bytes)
    try:
        for item_id, features in items.items():
            sink.put(item_id, stored(features, time_axis, **chunks))
        return sink.commit()
    finally:
        sink.discard()


@pytest.mark.parametrize("time_axis", [0, 1])
def test_items_stand_one_after_another_along_time_sorted_by_id(out, time_axis):
    items = {"b": np.full((4, 3), 1.0), "a": np.full((4, 1), 2.0), "c": np.full((4, 5), 3.0)}
    items = {item_id: np.moveaxis(features, 1, time_axis) for item_id, features in items.items()}
    placed = write_shard(out, items, time_axis)
    with h5py.File(f"{out}/{SHARD}", "r") as file:
        assert sorted(file) == ["features", "ids", "num_frames", "start"]
        assert file["features"].attrs["time_axis"] == time_axis
        assert file["features"].shape[time_axis] == 9
        assert file["ids"].asstr()[:].tolist() == ["a", "b", "c"]
        assert file["start"][:].tolist() == [placed[item_id].start for item_id in "abc"] == [0, 1, 4]
        assert file["num_frames"][:].tolist() == [1, 3, 5]
        joined = np.concatenate([items[item_id] for item_id in "abc"], axis=time_axis)
        np.testing.assert_array_equal(file["features"][:], joined)


def test_a_shard_says_how_it_was_made(out):
    write_shard(out, {"a": np.zeros((2, 2))})
    with h5py.File(f"{out}/{SHARD}", "r") as file:
        assert dict(file.attrs) == ATTRIBUTES


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_features_are_compressed_shuffled_and_checked(out, dtype):
    write_shard(out, {"a": np.zeros((2, 2), dtype)})
    with h5py.File(f"{out}/{SHARD}", "r") as file:
        features = file["features"]
        assert (features.compression, features.shuffle, features.fletcher32) == ("gzip", True, True)
        assert features.dtype == np.dtype(dtype).newbyteorder("<")


def test_no_time_is_written(out):
    write_shard(out, {"a": np.zeros((2, 2))})
    with h5py.File(f"{out}/{SHARD}", "r") as file:
        about = [h5py.h5o.get_info(file[name].id) for name in file]
    assert [(one.ctime, one.mtime) for one in about] == [(0, 0)] * 4


@pytest.mark.parametrize("time_axis", [0, 1])
@pytest.mark.parametrize(
    "num_features, num_frames, frames_per_chunk",
    [
        (80, 3, 3),  # a shard smaller than a chunk
        (80, 5000, CHUNK_BYTES // 320),
        (CHUNK_BYTES // 4, 2, 1),  # one frame fills a chunk
        (CHUNK_BYTES, 2, 1),  # and more than fills it
    ],
)
def test_chunks_hold_all_mels_of_some_frames(out, time_axis, num_features, num_frames, frames_per_chunk):
    features = np.moveaxis(np.zeros((num_features, num_frames), np.float32), 1, time_axis)
    write_shard(out, {"a": np.ascontiguousarray(features)}, time_axis)
    with h5py.File(f"{out}/{SHARD}", "r") as file:
        chunks = file["features"].chunks
    assert (chunks[time_axis], chunks[1 - time_axis]) == (frames_per_chunk, num_features)


def test_ids_are_the_bytes_of_the_names(out):
    write_shard(out, {item_id: np.zeros((1, 1)) for item_id in ODD_IDS})
    with h5py.File(f"{out}/{SHARD}", "r") as file:
        assert file["ids"][:].tolist() == sorted(map(os.fsencode, ODD_IDS))


def test_a_flipped_bit_among_the_numbers_is_refused(out):
    store = STORES["hdf5"]
    row = store.write(out, {"a": store.features(5000)})["a"]
    path = os.path.join(out, row.path)
    with h5py.File(path, "r") as file:
        chunk = file["features"].id.get_chunk_info(0)
    with open(path, "r+b") as file:
        file.seek(chunk.byte_offset + chunk.size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0x10]))
    with pytest.raises(StorageError, match=r"'a' cannot be read"):
        open_features(out)["a"]


def test_silence_takes_next_to_nothing(out):
    placed = write_shard(out, {"a": np.full((80, 100_000), -100.0, np.float32)})
    assert placed["a"].output_size < 0.01 * 80 * 100_000 * 4


# on the disk


def bytes_of(out):
    with open(f"{out}/{SHARD}", "rb") as file:
        return file.read()


@pytest.mark.parametrize("block_bytes", [1, 20_000, 10**9])
@pytest.mark.parametrize("time_axis", [0, 1])
@pytest.mark.parametrize("dtype", full_but(["float16", "float32", "float64"], "float32"))
def test_a_shard_built_on_the_disk_has_the_bytes_of_one_built_in_memory(
    tmp_path, dtype, time_axis, block_bytes, monkeypatch
):
    monkeypatch.setattr(hdf5, "BLOCK_BYTES", block_bytes)
    lengths = {"b": 1, "a/z": 3000, "c": 17, ODD_IDS[-3]: 500}
    items = {
        item_id: np.random.default_rng(length).normal(size=(length, 20) if time_axis == 0 else (20, length))
        for item_id, length in lengths.items()
    }
    items = {item_id: features.astype(dtype) for item_id, features in items.items()}
    max_bytes = sum(features.nbytes for features in items.values())
    here, there, from_disk = (str(tmp_path / name) for name in ("here", "there", "from_disk"))
    placed = write_shard(here, items, time_axis, max_bytes=max_bytes, chunk_frames=400)
    assert write_shard(there, items, time_axis, max_bytes=max_bytes - 1, chunk_frames=400) == placed
    folder = str(tmp_path / "spools")
    assert write_shard(from_disk, items, time_axis, max_bytes=0, chunk_frames=400, folder=folder) == placed
    assert bytes_of(here) == bytes_of(there) == bytes_of(from_disk)


@pytest.mark.parametrize("max_bytes, on_disk", [(8000, False), (7999, True)])
def test_what_is_larger_than_a_shard_is_built_on_the_disk(out, max_bytes, on_disk, monkeypatch):
    built = []
    right = Hdf5Sink._build_on_disk
    monkeypatch.setattr(Hdf5Sink, "_build_on_disk", lambda *arguments: built.append(right(*arguments)))
    write_shard(out, {"a": np.zeros((20, 40)), "b": np.zeros((20, 10))}, max_bytes=max_bytes)
    assert len(built) == on_disk
    assert names_below(out) == {SHARD}


@pytest.mark.full
def test_memory_does_not_grow_with_a_shard_on_the_disk(out, tmp_path):
    def peak_bytes(num_frames):
        features = np.zeros((80, num_frames), np.float32)
        made = stored(features, chunk_frames=10_000, folder=str(tmp_path))
        del features
        sink = Hdf5Sink(out, SHARD, time_axis=1, attributes=ATTRIBUTES, max_bytes=0)
        sink.put("a", made)
        tracemalloc.start()
        sink.commit()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_bytes(300_000) < 1.2 * peak_bytes(100_000) < 40_000_000


class Refusing(hdf5._DeferringFile, full_disks.Refusing):
    """The file under a disk that refuses all."""


def test_a_file_defers_what_its_disk_refuses_and_gives_zeros_for_what_is_not_there(tmp_path):
    """HDF5 would follow whatever stood in the memory that it wants filled, and crash now and then."""
    (tmp_path / "a").write_bytes(b"123")
    with hdf5._DeferringFile(tmp_path / "a", "r+b") as file:
        filled = bytearray(b"x" * 8)
        assert (file.readinto(filled), filled) == (8, b"123" + bytes(5))
        file.raise_error()
    with Refusing(tmp_path / "a", "r+b") as file:
        filled = bytearray(b"x" * 8)
        assert (file.readinto(filled), filled) == (8, bytes(8))
        assert (file.write(b"1234"), file.truncate(7)) == (4, 7)
        with pytest.raises(OSError, match="read"):  # the first of all
            file.raise_error()
    for call, arguments in (("write", [b"1"]), ("truncate", [1])):
        with Refusing(tmp_path / "a", "r+b") as file:
            getattr(file, call)(*arguments)
            with pytest.raises(OSError, match=call):
                file.raise_error()


@pytest.mark.full
@pytest.mark.parametrize("way", full_but(full_disks.WAYS, "limited_files"))
def test_a_disk_that_fills_up_under_hdf5_is_a_storage_error_and_no_crash(out, way):
    command = [sys.executable, "-W", "error", "-m", "tests.store.full_disks", out, way]
    ended = run(command, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    found = json.loads(ended.stdout)
    *outcomes, enough = found["outcomes"].items()
    assert enough == (str(10 * found["size"]), "written")
    assert outcomes
    for limit, outcome in outcomes:
        assert int(limit) < found["size"]
        assert outcome.startswith(f"StorageError, 0 left: cannot write {out}/features-00000.h5: "), limit


class OneBit(hdf5._DeferringFile):
    """A disk that keeps one bit of what is written to it otherwise than it was given."""

    at = 0

    def write(self, data):
        start, kept = self.tell(), bytearray(data)
        if start <= self.at < start + len(kept):
            kept[self.at - start] ^= 0x10
        super().write(kept)
        return len(kept)


@pytest.mark.full
def test_a_shard_with_a_flipped_bit_among_its_numbers_is_a_storage_error(out, monkeypatch):
    items = {"a": np.random.default_rng(0).normal(size=(80, 1000)).astype(np.float32)}
    write_shard(out, items)
    with h5py.File(f"{out}/{SHARD}") as file:
        features = file["features"].id
        chunks = [features.get_chunk_info(number) for number in range(features.get_num_chunks())]
    os.unlink(f"{out}/{SHARD}")
    monkeypatch.setattr(hdf5, "_DeferringFile", OneBit)
    assert len(chunks) == 3
    for chunk in chunks:
        for at in range(chunk.byte_offset, chunk.byte_offset + chunk.size, chunk.size // 20):
            monkeypatch.setattr(OneBit, "at", at)
            with pytest.raises(StorageError, match=rf"^cannot write .*{SHARD}: "):
                write_shard(out, items, max_bytes=0)
            assert names_below(out) == set()


def test_a_shard_that_cannot_be_opened_again_is_a_storage_error(out, monkeypatch):
    monkeypatch.setattr(hdf5, "_DeferringFile", OneBit)  # in the first byte of all
    with pytest.raises(StorageError, match=rf"^cannot write .*{SHARD}: "):
        write_shard(out, {"a": np.zeros((4, 10))}, max_bytes=0)
    assert names_below(out) == set()


def test_other_numbers_behind_a_right_checksum_are_noticed_too(out, monkeypatch):
    right = hdf5.ShardReader.read

    def read(self, start, num_frames):
        features = right(self, start, num_frames)
        features[-1, -1] += 1.0
        return features

    monkeypatch.setattr(hdf5.ShardReader, "read", read)
    said = rf"^cannot write {SHARD}: read back, frames 0 to 30 differ from what was written$"
    with pytest.raises(StorageError, match=said):
        write_shard(out, {"a": np.zeros((4, 10)), "b": np.zeros((4, 20))}, max_bytes=0)
    assert names_below(out) == set()


def test_many_short_items_are_written_together(out, monkeypatch):
    written = []
    right = h5py.Dataset.__setitem__
    monkeypatch.setattr(h5py.Dataset, "__setitem__", lambda *arguments: written.append(right(*arguments)))
    monkeypatch.setattr(hdf5, "BLOCK_BYTES", 4 * 2 * 8 * 10)
    write_shard(out, {f"{number:03d}": np.full((4, 2), float(number)) for number in range(95)})
    assert len(written) == 10
    with h5py.File(f"{out}/{SHARD}") as file:
        assert file["features"][0].tolist() == [number // 2 for number in range(190)]


# shards that somebody else made

SECRET = np.full((5, 40), 7.0, np.float32)


@pytest.fixture
def shard(out):
    """Write a shard, and beside it a file that is none of its reader's business."""
    write_shard(out, {"a": np.ones((5, 40), np.float32)})
    SECRET.tofile(f"{out}/secret.bin")
    with h5py.File(f"{out}/secret.h5", "w") as file:
        file["features"] = SECRET
    return f"{out}/{SHARD}"


def made(file, **options):
    """Put another dataset in the place of the features."""
    del file["features"]
    options = {"shape": (5, 40), "dtype": "<f4", "chunks": (5, 40), "shuffle": True, "fletcher32": True} | options
    dataset = file.create_dataset("features", compression=options.pop("compression", "gzip"), **options)
    dataset.attrs["time_axis"] = 1
    return dataset


def linked(file, link):
    del file["features"]
    file["features"] = link


def virtual(file):
    layout = h5py.VirtualLayout((5, 40), "<f4")
    layout[:] = h5py.VirtualSource(file.filename.replace(SHARD, "secret.h5"), "features", (5, 40))
    del file["features"]
    file.create_virtual_dataset("features", layout).attrs["time_axis"] = 1


def outside(file):
    del file["features"]
    where = [(file.filename.replace(SHARD, "secret.bin"), 0, h5py.h5f.UNLIMITED)]
    file.create_dataset("features", (5, 40), "<f4", external=where).attrs["time_axis"] = 1


HOSTILE = {
    "external link": (lambda file: linked(file, h5py.ExternalLink("secret.h5", "/features")), "is missing, or a link"),
    "soft link": (lambda file: linked(file, h5py.SoftLink("/start")), "is missing, or a link"),
    "external storage": (outside, "its numbers are in other files"),
    "virtual dataset": (virtual, "its numbers are in other files"),
    "a group": (lambda file: linked(file, file.create_group("g")), "features is not a dataset"),
    "no features": (lambda file: file.__delitem__("features"), "features is missing"),
    "other filter": (lambda file: made(file, compression="lzf")[:], "use the filters"),
    "no filter": (lambda file: made(file, compression=None, shuffle=False, fletcher32=False), "use the filters"),
    "huge chunks": (
        lambda file: made(file, shape=(5, 4_000_000), chunks=(5, 4_000_000))[:],
        "its chunks have 80000000",
    ),
    "huge shape": (lambda file: made(file, shape=(5, 2**40), chunks=(5, 1000)), "cannot be in a file of"),
    "no chunks written": (lambda file: made(file), "it contains 0 of 1 chunks"),
    "three axes": (lambda file: made(file, shape=(5, 4, 10), chunks=(5, 4, 10)), "not numbers in chunks"),
    "integers": (lambda file: made(file, dtype="<i4"), "not numbers in chunks"),
    "big-endian": (lambda file: made(file, dtype=">f4"), "not numbers in chunks"),
    "time axis 7": (lambda file: file["features"].attrs.modify("time_axis", 7), "time_axis is 7"),
    "time axis in words": (
        lambda file: file["features"].attrs.create("time_axis", "time"),
        "time_axis is not a number",
    ),
    "many time axes": (lambda file: file["features"].attrs.create("time_axis", [1, 1]), "time_axis is not a number"),
}


@pytest.mark.parametrize("arm, words", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_no_run_writes_is_refused_before_it_is_read(shard, out, arm, words):
    with h5py.File(shard, "r+") as file:
        arm(file)
    with pytest.raises((ValueError, TypeError), match=words):
        ShardReader(shard)
    os.unlink(shard)
    write_shard(out, {"a": SECRET})  # HDF5 would refuse, had the refused one been left open


LISTS = {
    "ids elsewhere": ("ids", lambda file: h5py.ExternalLink("secret.h5", "/features"), "is missing, or a link"),
    "ids that are numbers": ("ids", lambda file: np.zeros(1), "variable-length strings"),
    "more ids than items": ("ids", lambda file: ["a", "b"], "contains 2 ids, 1 starts and 1 lengths"),
    "starts that are no integers": ("start", lambda file: np.zeros(1), "not 64-bit integers"),
    "a start for each of many": ("start", lambda file: np.zeros((1, 1), "<i8"), "not a contiguous list"),
}


@pytest.mark.parametrize("name, make, words", LISTS.values(), ids=LISTS.keys())
def test_lists_that_no_run_writes_are_refused(shard, name, make, words):
    with h5py.File(shard, "r+") as file:
        del file[name]
        file[name] = make(file)
    with closing(ShardReader(shard)) as reader, pytest.raises((ValueError, TypeError), match=words):
        reader.index()


def test_a_list_that_says_that_it_is_endless_is_refused(shard):
    with h5py.File(shard, "r+") as file:
        del file["start"]
        file.create_dataset("start", (2**40,), "<i8")  # nothing is written of it
    with (
        closing(ShardReader(shard)) as reader,
        pytest.raises(ValueError, match="another number of bytes than its length requires"),
    ):
        reader.index()


def test_frames_that_are_not_there_are_refused_before_memory_is_asked_for(shard):
    with closing(ShardReader(shard)) as reader:
        assert reader.index() == {"a": (0, 40)}
        for start, num_frames in [(0, 41), (40, 1), (-1, 2), (0, 2**60), (5, -1)]:
            with pytest.raises(ValueError, match="the shard ends before frame"):
                reader.read(start, num_frames)


def test_a_named_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a named pipe"):
        ShardReader(str(tmp_path / "pipe"))
