"""Levels: three logarithms, what is added and the floor under them, the reference, and what hangs from the loudest."""

import numpy as np
import pytest

from melcli.mel.log_compression import mels_to_levels, raise_to_top_db, to_levels
from melcli.mel.options import FeatureOptions

UNITS_PER_DB = {"db": 1.0, "log10": 0.1, "ln": np.log(10.0) / 10.0}
LOGARITHMS = list(UNITS_PER_DB)


def levels_of(powers, logarithm="db", dtype="float64", **keys):
    levels = np.array(powers, dtype=dtype)
    assert to_levels(levels, logarithm, **{"min_power": 1e-10, **keys}) is None
    assert levels.dtype == dtype
    return levels


@pytest.mark.parametrize("logarithm", LOGARITHMS)
@pytest.mark.parametrize("dtype, atol", [("float32", 1e-5), ("float64", 1e-13)])
def test_the_logarithm_and_the_floor_under_it(dtype, atol, logarithm):
    powers = [0.0, 1e-12, 1e-10, 1e-3, 0.5, 1.0, 2.0, 1e4]
    decibels = np.array([-100.0, -100.0, -100.0, -30.0, -3.010299956639812, 0.0, 3.010299956639812, 40.0])
    expected = decibels * UNITS_PER_DB[logarithm]
    np.testing.assert_allclose(levels_of(powers, logarithm, dtype), expected, rtol=0, atol=atol)


@pytest.mark.parametrize("logarithm, silence", [("db", -100.0), ("log10", -10.0)])
def test_silence_is_a_round_number(logarithm, silence):
    assert levels_of([0.0], logarithm, "float32").tolist() == [silence]


@pytest.mark.parametrize(
    "power, log_offset, min_power, expected",
    [
        (0.9, 0.1, 1e-10, 0.0),
        (0.0, 0.01, 1e-10, -20.0),
        (0.0, 0.01, 0.1, -10.0),  # the floor is above what was added
        (0.06, 0.04, 0.1, -10.0),  # and is not added to
    ],
)
def test_the_offset_is_added_before_the_floor(power, log_offset, min_power, expected):
    levels = levels_of([power], log_offset=log_offset, min_power=min_power)
    np.testing.assert_allclose(levels, [expected], rtol=0, atol=1e-12)


@pytest.mark.parametrize("logarithm", LOGARITHMS)
@pytest.mark.parametrize(
    "ref_power, min_power, decibels",
    [(100.0, 1e-10, -20.0), (-100.0, 1e-10, -20.0), (1e-9, 1e-6, 60.0), (0.0, 1e-6, 60.0), (1.0, 10.0, 0.0)],
)
def test_the_reference_counts_by_its_absolute_value_and_not_below_min_power(ref_power, min_power, decibels, logarithm):
    levels = levels_of([1.0], logarithm, min_power=min_power, ref_power=ref_power)
    np.testing.assert_allclose(levels, [decibels * UNITS_PER_DB[logarithm]], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "keys, expected",
    [
        ({}, [-100.0, 0.0, 20.0]),
        ({"power_to_db": False}, [0.0, 1.0, 100.0]),
        ({"power_to_db": False, "log": "log10"}, [-10.0, 0.0, 2.0]),
        ({"log_offset": 0.01, "min_power": 1e-3}, [-20.0, 10 * np.log10(1.01), 10 * np.log10(100.01)]),
        ({"ref_power": 10.0}, [-110.0, -10.0, 10.0]),
        ({"ref_power": "max"}, [-100.0, 0.0, 20.0]),  # the loudest is known at the end of the call alone
        ({"top_db": 30.0}, [-100.0, 0.0, 20.0]),
    ],
)
def test_mels_become_levels_but_for_what_hangs_from_the_loudest(keys, expected):
    mels = np.array([[0.0, 1.0, 100.0]])
    assert mels_to_levels(mels, FeatureOptions(**keys)) is None
    np.testing.assert_allclose(mels, [expected], rtol=1e-14)


def test_top_db_hangs_from_the_loudest_that_it_is_told():
    levels = np.array([[0.0, -50.0], [-30.0, -90.0]], dtype=np.float32)
    raise_to_top_db(levels, np.float32(5.0), 40.0)
    assert levels.tolist() == [[0.0, -35.0], [-30.0, -35.0]]
    assert levels.dtype == np.float32


@pytest.mark.parametrize("logarithm", LOGARITHMS)
def test_top_db_is_in_db_whatever_the_levels_are_in(logarithm):
    levels = np.array([-3.0, -50.0, -84.0, -99.0]) * UNITS_PER_DB[logarithm]
    raise_to_top_db(levels, levels[0], 80.0, logarithm)
    expected = np.array([-3.0, -50.0, -83.0, -83.0]) * UNITS_PER_DB[logarithm]
    np.testing.assert_allclose(levels, expected, rtol=1e-14)


def test_top_db_of_zero_leaves_only_the_loudest():
    levels = np.array([[-3.0, -7.0]])
    raise_to_top_db(levels, levels.max(), 0.0)
    assert levels.tolist() == [[-3.0, -3.0]]
