"""An item's file is what numpy itself would have saved."""

import io

import numpy as np
import pytest

from melcli.store.npy import NpySink


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(80, 300), (1, 1), (300, 80)])
def test_a_file_is_byte_for_byte_that_of_numpy(out, dtype, shape):
    features = np.random.default_rng(0).normal(size=shape).astype(dtype)
    sink = NpySink(out)
    sink.put("x/a", features)
    placed = sink.commit()["x/a"]
    stream = io.BytesIO()
    np.save(stream, features)
    with open(f"{out}/x/a.npy", "rb") as file:
        assert file.read() == stream.getvalue()
    assert (placed.path, placed.start, placed.output_size) == ("x/a.npy", None, len(stream.getvalue()))


def test_a_file_can_be_mapped_into_memory(out):
    features = np.arange(12, dtype=np.float32).reshape(3, 4)
    sink = NpySink(out)
    sink.put("a", features)
    sink.commit()
    mapped = np.load(f"{out}/a.npy", mmap_mode="r")
    np.testing.assert_array_equal(mapped[:, 1:3], features[:, 1:3])
