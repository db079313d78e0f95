"""What is stored of features, and what is written down about it."""

import json
import re
import zlib
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.errors import AudioError
from melcli.store.rows import row_of
from melcli.store.spool import Spool
from melcli.store.stored_array import as_stored
from tests.store.rows import make_row
from tests.store.stores import in_memory, stored

DTYPES = ["float16", "float32", "float64"]


def converted(features, dtype):
    """Return what is stored of one chunk."""
    (chunk,) = as_stored(in_memory(features), dtype, time_axis=1).chunks
    return chunk


# conversion


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("computed", ["float32", "float64"])
def test_values_are_rounded_to_nearest(dtype, computed):
    features = np.random.default_rng(0).normal(-40, 20, (80, 50)).astype(computed)
    for chunks in ([features], np.split(features, [7, 8], axis=1)):
        made = as_stored(in_memory(*chunks), dtype, time_axis=1)
        assert {chunk.dtype for chunk in made.chunks} == {made.dtype} == {np.dtype(dtype)}
        np.testing.assert_array_equal(np.concatenate(list(made.chunks), axis=1), features.astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_stored_is_contiguous_and_little_endian(dtype):
    features = np.arange(24, dtype=">f8").reshape(4, 6)[:, ::2].T
    chunk = converted(features, dtype)
    assert chunk.flags.c_contiguous
    assert chunk.tobytes() == features.astype(np.dtype(dtype).newbyteorder("<")).tobytes()


def test_what_needs_no_change_is_not_copied():
    features = np.zeros((80, 50), np.float32)
    assert converted(features, "float32") is features


def test_what_needs_no_change_is_not_written_anew(tmp_path, monkeypatch):
    spool = Spool(str(tmp_path), max_bytes=0)
    spool.append(np.zeros((80, 50), np.float32))
    monkeypatch.delattr("os.pwrite")
    assert as_stored(spool, "float32", time_axis=1).shape == (80, 50)


@pytest.mark.parametrize("value", [65504.0, -65504.0, 0.0, -0.0, 6e-8, 1e-30])
def test_float16_takes_all_up_to_its_largest(value):
    assert converted(np.array([[value]]), "float16")[0, 0] == np.float16(value)


@pytest.mark.parametrize(
    "dtype, value, said",
    [
        ("float16", 65505.0, "a value of 65505 cannot be stored as output.dtype=float16, whose maximum is 65504"),
        ("float16", -70000.0, "a value of 70000 cannot be stored as output.dtype=float16, whose maximum is 65504"),
        ("float16", np.inf, "a value of inf cannot be stored as output.dtype=float16, whose maximum is 65504"),
        ("float32", 1e39, "a value of 1e+39 cannot be stored as output.dtype=float32, whose maximum is 3.40282e+38"),
        ("float32", -np.inf, "a value of inf cannot be stored as output.dtype=float32, whose maximum is 3.40282e+38"),
        ("float64", np.inf, "a value of inf cannot be stored as output.dtype=float64, whose maximum is 1.79769e+308"),
    ],
)
def test_what_does_not_fit_is_refused_with_value_and_limit(dtype, value, said):
    with pytest.raises(AudioError, match=rf"^nonfinite: {re.escape(said)}$") as raised:
        converted(np.array([[0.0, value, 1.0]]), dtype)
    assert raised.value.reason == "nonfinite"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_what_is_no_number_is_refused_in_any_chunk(number, bad, dtype):
    chunks = [np.zeros((2, 3), np.float32) for _ in range(3)]
    chunks[number][1, 1] = bad
    with pytest.raises(AudioError, match=r"^nonfinite: a value of (nan|inf) cannot be stored as output\.dtype="):
        as_stored(in_memory(*chunks), dtype, time_axis=1)


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=8), st.sampled_from(DTYPES))
def test_whatever_is_stored_is_finite(values, dtype):
    features = np.array([values], np.float32)
    fits = np.abs(features.astype(np.float64)).max() <= np.finfo(dtype).max
    try:
        made = converted(features, dtype)
    except AudioError:
        assert not fits
    else:
        assert fits
        assert np.isfinite(made).all()


# the whole


LAYOUTS = [(1, None), (1, 7), (0, None), (0, 7)]


@pytest.mark.parametrize("time_axis, chunk_frames", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("on_disk", [False, True])
def test_the_whole_is_told_by_its_chunks(tmp_path, on_disk, dtype, time_axis, chunk_frames):
    features = np.random.default_rng(0).normal(-40, 20, (20, 30)).astype(dtype)
    made = stored(features, time_axis, chunk_frames=chunk_frames, folder=str(tmp_path) if on_disk else None)
    assert made.chunks.in_memory is not on_disk
    assert made.shape == features.shape
    assert made.num_frames == features.shape[time_axis]
    assert (made.dtype, made.num_bytes) == (features.dtype, features.nbytes)
    assert b"".join(made.pieces()) == features.tobytes()
    assert b"".join(made.pieces()) == features.tobytes()  # and again, as a checksum and a file need it


def test_no_piece_is_larger_than_a_chunk(tmp_path):
    features = np.zeros((20, 300), np.float32)
    made = stored(features, chunk_frames=100, folder=str(tmp_path))
    assert max(piece.nbytes for piece in made.pieces()) <= 20 * 100 * 4


# description


@pytest.mark.parametrize("time_axis, chunk_frames", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_description_is_of_the_stored_numbers(dtype, time_axis, chunk_frames):
    features = np.random.default_rng(0).normal(-40, 20, (80, 501)).astype(dtype)
    known = stored(features, time_axis, chunk_frames=chunk_frames).describe()
    assert known["dtype"] == dtype
    assert known["crc32"] == f"{zlib.crc32(features.tobytes()):08x}"
    assert known["min"] == sorted(features.ravel().tolist())[0]
    assert known["max"] == sorted(features.ravel().tolist())[-1]
    assert known["mean"] == pytest.approx(sum(features.ravel().tolist()) / features.size, rel=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_description_knows_what_rounding_made_of_the_numbers(dtype):
    features = np.array([[1 / 3, 2 / 3, -np.pi]])
    made = as_stored(in_memory(features), dtype, time_axis=1)
    rounded = features.astype(dtype).astype(float)
    assert (made.min, made.max) == (rounded.min(), rounded.max())
    assert made.mean == pytest.approx(rounded.mean(), rel=1e-15)


def test_chunks_on_a_disk_are_described_as_in_memory(tmp_path):
    features = np.random.default_rng(0).normal(-40, 20, (80, 501))
    chunks = np.split(features, [100, 200, 300], axis=1)
    spool = Spool(str(tmp_path), max_bytes=0)
    spool.extend(chunks)
    on_disk, here = (as_stored(chunks, "float32", time_axis=1) for chunks in (spool, in_memory(*chunks)))
    assert on_disk.describe() == here.describe()
    assert list(map(bytes, on_disk.pieces())) == list(map(bytes, here.pieces()))


def test_a_checksum_has_all_its_digits():
    (low,) = (number for number in range(4000) if zlib.crc32(np.float64(number).tobytes()) < 2**20)
    assert stored(np.array([[low]], np.float64)).describe()["crc32"].startswith("000")


def test_the_mean_of_many_float16_does_not_overflow():
    assert stored(np.full((80, 2000), 60_000, np.float16)).mean == 60_000


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_a_description_fits_a_row_and_survives_json(values):
    known = stored(np.array([values], np.float32)).describe()
    row = row_of(json.loads(make_row(**known).to_json()))
    assert {key: asdict(row)[key] for key in known} == known
