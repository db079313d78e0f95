"""Decibels: the reference, the two floors, and that both work in place."""

import numpy as np
import pytest

from melcli.mel.levels import power_to_db, raise_to_top_db


def levels_of(powers, dtype="float64", min_power=1e-10, ref_power=1.0):
    levels = np.array(powers, dtype=dtype)
    assert power_to_db(levels, min_power=min_power, ref_power=ref_power) is None
    assert levels.dtype == dtype
    return levels


@pytest.mark.parametrize("dtype, atol", [("float32", 1e-5), ("float64", 1e-13)])
def test_ten_times_the_logarithm_to_base_ten(dtype, atol):
    powers = [0.0, 1e-12, 1e-10, 1e-3, 0.5, 1.0, 2.0, 1e4]
    expected = [-100.0, -100.0, -100.0, -30.0, -3.010299956639812, 0.0, 3.010299956639812, 40.0]
    np.testing.assert_allclose(levels_of(powers, dtype), expected, rtol=0, atol=atol)


@pytest.mark.parametrize(
    "ref_power, min_power, expected",
    [(100.0, 1e-10, -20.0), (-100.0, 1e-10, -20.0), (1e-9, 1e-6, 60.0), (0.0, 1e-6, 60.0)],
)
def test_the_reference_counts_by_its_absolute_value_and_not_below_min_power(ref_power, min_power, expected):
    np.testing.assert_allclose(levels_of([1.0], min_power=min_power, ref_power=ref_power), [expected], atol=1e-12)


def test_top_db_hangs_from_the_loudest_of_the_whole_array():
    levels = np.array([[[0.0, -50.0]], [[-30.0, -90.0]]], dtype=np.float32)
    raise_to_top_db(levels, 40.0)
    assert levels.tolist() == [[[0.0, -40.0]], [[-30.0, -40.0]]]
    assert levels.dtype == np.float32


def test_top_db_of_zero_leaves_only_the_loudest():
    levels = np.array([[-3.0, -7.0]])
    raise_to_top_db(levels, 0.0)
    assert levels.tolist() == [[-3.0, -3.0]]
