"""What is stored of an array, and what is written down about it."""

import json
import re
import zlib
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.errors import AudioError
from melcli.store.manifest import Row
from melcli.store.values import as_stored, describe
from tests.store.rows import make_row

DTYPES = ["float16", "float32", "float64"]


# conversion


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("computed", ["float32", "float64"])
def test_values_are_rounded_to_nearest(dtype, computed):
    features = np.random.default_rng(0).normal(-40, 20, (80, 50)).astype(computed)
    stored = as_stored(features, dtype)
    assert stored.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(stored, features.astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_stored_is_contiguous_and_little_endian(dtype):
    features = np.arange(24, dtype=">f8").reshape(4, 6)[:, ::2].T
    stored = as_stored(features, dtype)
    assert stored.flags.c_contiguous
    assert stored.tobytes() == features.astype(np.dtype(dtype).newbyteorder("<")).tobytes()


def test_what_needs_no_change_is_not_copied():
    features = np.zeros((80, 50), np.float32)
    assert np.shares_memory(as_stored(features, "float32"), features)


@pytest.mark.parametrize("value", [65504.0, -65504.0, 0.0, -0.0, 6e-8, 1e-30])
def test_float16_takes_all_up_to_its_largest(value):
    assert as_stored(np.array([[value]]), "float16")[0, 0] == np.float16(value)


@pytest.mark.parametrize(
    "dtype, value, said",
    [
        ("float16", 65505.0, "a value of 65505 cannot be stored as output.dtype=float16, which ends at 65504"),
        ("float16", -70000.0, "a value of 70000 cannot be stored as output.dtype=float16, which ends at 65504"),
        ("float16", np.inf, "a value of inf cannot be stored as output.dtype=float16, which ends at 65504"),
        ("float32", 1e39, "a value of 1e+39 cannot be stored as output.dtype=float32, which ends at 3.40282e+38"),
        ("float32", -np.inf, "a value of inf cannot be stored as output.dtype=float32, which ends at 3.40282e+38"),
        ("float64", np.inf, "a value of inf cannot be stored as output.dtype=float64, which ends at 1.79769e+308"),
    ],
)
def test_what_does_not_fit_is_refused_with_value_and_limit(dtype, value, said):
    with pytest.raises(AudioError, match=rf"^nonfinite: {re.escape(said)}$") as raised:
        as_stored(np.array([[0.0, value, 1.0]]), dtype)
    assert raised.value.reason == "nonfinite"


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_no_number_is_refused(dtype):
    with pytest.raises(AudioError) as raised:
        as_stored(np.array([[0.0, np.nan, 1.0]], np.float32), dtype)
    assert raised.value.reason == "nonfinite"


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=8), st.sampled_from(DTYPES))
def test_whatever_is_stored_is_finite(values, dtype):
    features = np.array([values], np.float32)
    fits = np.abs(features.astype(np.float64)).max() <= np.finfo(dtype).max
    try:
        stored = as_stored(features, dtype)
    except AudioError:
        assert not fits
    else:
        assert fits
        assert np.isfinite(stored).all()


# description


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_description_is_of_the_stored_numbers(dtype):
    stored = as_stored(np.random.default_rng(0).normal(-40, 20, (80, 501)), dtype)
    known = describe(stored)
    assert known["dtype"] == dtype
    assert known["crc32"] == f"{zlib.crc32(stored.tobytes()):08x}"
    assert known["min"] == sorted(stored.ravel().tolist())[0]
    assert known["max"] == sorted(stored.ravel().tolist())[-1]
    assert known["mean"] == pytest.approx(sum(stored.ravel().tolist()) / stored.size, rel=1e-12)


def test_a_checksum_has_all_its_digits():
    (low,) = (number for number in range(4000) if zlib.crc32(np.float64(number).tobytes()) < 2**20)
    assert describe(np.array([[low]], np.float64))["crc32"].startswith("000")


def test_the_mean_of_many_float16_does_not_overflow():
    assert describe(np.full((80, 2000), 60_000, np.float16))["mean"] == 60_000


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_a_description_fits_a_row_and_survives_json(values):
    known = describe(as_stored(np.array([values], np.float32), "float32"))
    row = Row.from_plain(json.loads(make_row(**known).to_json()))
    assert {key: asdict(row)[key] for key in known} == known
