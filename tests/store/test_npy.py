"""An item's file is what numpy itself would have saved."""

import io

import numpy as np
import pytest

from melcli.store.npy import NpySink
from tests.store.stores import stored
from tests.tiers import full_but


@pytest.mark.parametrize("chunk_frames", [None, 7, 1000])
@pytest.mark.parametrize("time_axis", [0, 1])
@pytest.mark.parametrize("dtype", full_but(["float16", "float32", "float64"], "float32"))
@pytest.mark.parametrize("shape", [(80, 300), (1, 1), (300, 80)])
def test_a_file_is_byte_for_byte_that_of_numpy(out, tmp_path, dtype, shape, time_axis, chunk_frames):
    features = np.random.default_rng(0).normal(size=shape).astype(dtype)
    sink = NpySink(out)
    sink.put("x/a", stored(features, time_axis, chunk_frames=chunk_frames, folder=str(tmp_path)))
    sink.put("b", stored(features, time_axis, chunk_frames=chunk_frames))
    placed = sink.commit()["x/a"]
    stream = io.BytesIO()
    np.save(stream, features)
    for name in ("x/a.npy", "b.npy"):
        with open(f"{out}/{name}", "rb") as file:
            assert file.read() == stream.getvalue()
    assert (placed.path, placed.start, placed.output_size) == ("x/a.npy", None, len(stream.getvalue()))


def test_a_file_can_be_mapped_into_memory(out):
    features = np.arange(12, dtype=np.float32).reshape(3, 4)
    sink = NpySink(out)
    sink.put("a", stored(features))
    sink.commit()
    mapped = np.load(f"{out}/a.npy", mmap_mode="r")
    np.testing.assert_array_equal(mapped[:, 1:3], features[:, 1:3])
