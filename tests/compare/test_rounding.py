"""Telling narrow types by their numbers."""

import numpy as np
import pytest

from melcli.compare.rounding import half_steps, narrow_type
from tests.compare.mels import log_mels


def to_bfloat16(values):
    bits = np.asarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


@pytest.mark.parametrize(
    "rounded, name",
    [
        (lambda values: values.astype(np.float16), "float16"),
        (to_bfloat16, "bfloat16"),
        (lambda values: values.astype(np.float32), None),
    ],
)
def test_values_tell_their_type_whatever_they_are_stored_in(rounded, name):
    assert narrow_type(rounded(log_mels()).astype(np.float64)) == name


def test_one_value_off_the_grid_is_enough():
    values = log_mels().astype(np.float16).astype(np.float64)
    values[-1, -1] += 1e-5
    assert narrow_type(values) is None


@pytest.mark.parametrize("size", [1e5, 1e40])
def test_values_beyond_a_type_are_not_of_it(size):
    assert narrow_type(np.array([size])) is None


def test_half_steps_are_half_of_numpys_spacing():
    values = np.array([0.0, 1.0, 1.5, -11.7, 60000.0, 2.0**-14, 2.0**-20])
    expected = np.spacing(np.abs(values).astype(np.float16)).astype(float) / 2
    assert (half_steps(values, "float16") == expected).all()
