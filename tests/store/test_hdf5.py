"""A shard as DESIGN.md lays it out, read with h5py alone."""

import os

import h5py
import numpy as np
import pytest

from melcli.errors import StorageError
from melcli.store.hdf5 import CHUNK_BYTES, Hdf5Sink
from melcli.store.reader import open_features
from tests.store.rows import ODD_IDS
from tests.store.stores import STORES

SHARD = "features-00007.h5"
ATTRIBUTES = {"config": '{"audio": {"channels": "mix"}}', "config_id": "0123456789abcdef", "melcli": "0.1.0"}


def write_shard(out, items, time_axis=1):
    sink = Hdf5Sink(out, SHARD, time_axis=time_axis, attributes=ATTRIBUTES)
    for item_id, features in items.items():
        sink.put(item_id, features)
    return sink.commit()


@pytest.mark.parametrize("time_axis", [0, 1])
def test_items_stand_one_after_another_along_time(out, time_axis):
    items = {"b": np.full((4, 3), 1.0), "a": np.full((4, 1), 2.0), "c": np.full((4, 5), 3.0)}
    items = {item_id: np.moveaxis(features, 1, time_axis) for item_id, features in items.items()}
    placed = write_shard(out, items, time_axis)
    with h5py.File(f"{out}/{SHARD}", "r") as file:
        assert sorted(file) == ["features", "ids", "num_frames", "start"]
        assert file["features"].attrs["time_axis"] == time_axis
        assert file["features"].shape[time_axis] == 9
        assert file["ids"].asstr()[:].tolist() == ["b", "a", "c"]
        assert file["start"][:].tolist() == [placed[item_id].start for item_id in "bac"] == [0, 3, 4]
        assert file["num_frames"][:].tolist() == [3, 1, 5]
        np.testing.assert_array_equal(file["features"][:], np.concatenate(list(items.values()), axis=time_axis))


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
        assert file["ids"][:].tolist() == [os.fsencode(item_id) for item_id in ODD_IDS]


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
