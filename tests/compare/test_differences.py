"""Counts, maxima and percentiles of differences, of two arrays and of many pairs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from melcli.compare.differences import Difference, Spread, Tolerance, WholeDifference, find_gaps, measure
from melcli.errors import ConfigError

EXACT = Tolerance()


def between(a, b, tolerance=EXACT):
    return measure(find_gaps(np.asarray(a), np.asarray(b), tolerance))


def whole_of(pairs):
    whole = WholeDifference()
    for a, b in pairs:
        gaps = find_gaps(a, b, EXACT)
        whole.add(gaps, measure(gaps))
    return whole.result()


def test_a_small_pair_by_hand():
    assert between([[1.0, 2.0], [0.0, 8.0]], [[1.0, 4.0], [0.5, 0.0]]) == Difference(
        num_values=4,
        num_unequal=3,
        num_beyond=3,
        num_nonfinite_a=0,
        num_nonfinite_b=0,
        num_apart=0,
        absolute=Spread(max=8.0, p999=8.0, mean=2.625),
        relative=Spread(max=1.0, p999=1.0, mean=0.5),  # not of the one where b is 0
        worst=(1, 1),
    )


def test_a_sum_beyond_float64_makes_the_mean_infinite_and_nothing_else():
    found = between(np.full(4, 1.5e308), np.full(4, 1e307))
    assert found.absolute == Spread(max=1.4e308, p999=1.4e308, mean=math.inf)


def test_equal_arrays_have_no_worst_place():
    found = between(np.ones((2, 3), np.float16), np.ones((2, 3), np.float64))
    assert (found.num_unequal, found.num_beyond, found.worst) == (0, 0, None)
    assert found.absolute == Spread(max=0.0, p999=0.0, mean=0.0)


@pytest.mark.parametrize("num_values, rank", [(999, 998), (1000, 998), (1999, 1997), (2000, 1997)])
def test_the_percentile_leaves_one_in_a_thousand_above_it(num_values, rank):
    values = np.random.default_rng(0).permutation(num_values).astype(float)
    assert between(values, np.zeros(num_values)).absolute.p999 == rank


def test_nan_and_infinities_at_the_same_place_are_equal_and_elsewhere_apart():
    a = [np.nan, np.inf, -np.inf, np.inf, np.nan, 1.0, 5.0]
    b = [np.nan, np.inf, -np.inf, -np.inf, 1.0, np.inf, 4.0]
    found = between(a, b, Tolerance(atol=10.0))
    assert (found.num_nonfinite_a, found.num_nonfinite_b) == (5, 5)
    assert (found.num_unequal, found.num_apart, found.num_beyond) == (4, 3, 3)
    assert found.absolute == Spread(max=1.0, p999=1.0, mean=1.0)
    assert found.worst == (3,)


@given(
    arrays.arrays(np.float64, 20, elements=st.floats(-10, 10)),
    arrays.arrays(np.float64, 20, elements=st.floats(-10, 10)),
    st.floats(0, 2),
    st.floats(0, 1),
)
def test_the_tolerance_is_that_of_numpy(a, b, atol, rtol):
    beyond = between(a, b, Tolerance(atol=atol, rtol=rtol)).num_beyond
    assert beyond == np.count_nonzero(~np.isclose(a, b, atol=atol, rtol=rtol))


@pytest.mark.parametrize("key", ["atol", "rtol"])
@pytest.mark.parametrize("number", [-1e-9, math.nan, math.inf])
def test_a_tolerance_that_is_none_is_refused(key, number):
    with pytest.raises(ConfigError, match=rf"^{key}={number!r} must be finite, and 0 or more$"):
        Tolerance(**{key: number})


def test_differences_beyond_float64_are_infinite_and_no_warning():
    assert between([1e308], [-1e308]).absolute.max == math.inf


def test_no_values_at_all():
    found = between(np.zeros((80, 0)), np.zeros((80, 0)))
    assert (found.num_values, found.absolute, found.relative, found.worst) == (0, None, None, None)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"^shapes \(2,\) and \(3,\) differ$"):
        between([1, 2], [1, 2, 3])


@pytest.mark.parametrize("seed", range(5))
def test_the_whole_is_that_of_all_values_at_once_but_for_a_thousandth_of_the_percentile(seed):
    generator = np.random.default_rng(seed)
    scales = 10.0 ** generator.uniform(-12, 3, 8)
    pairs = [(generator.normal(0, scale, (7, 400)), generator.normal(0, scale, (7, 400))) for scale in scales]
    whole = whole_of(pairs)
    exact = between(np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs]))
    for found, wanted in ((whole.absolute, exact.absolute), (whole.relative, exact.relative)):
        assert found.max == wanted.max
        assert found.mean == pytest.approx(wanted.mean, rel=1e-12)
        assert wanted.p999 * (1 - 1e-7) <= found.p999 <= wanted.p999 * 1.001
    assert (whole.num_values, whole.num_unequal) == (exact.num_values, exact.num_unequal)
    assert whole.worst is None


def test_the_whole_of_one_pair_is_that_pair():
    generator = np.random.default_rng(1)
    a, b = generator.normal(size=(2, 30, 50))
    assert whole_of([(a, b)]).absolute == between(a, b).absolute


@pytest.mark.parametrize("size", [0.0, 1e-300, 1e-40, 3e38, 1e300])
def test_the_whole_of_differences_beyond_float32_stays_between_its_parts(size):
    a = np.full(2000, size)
    assert whole_of([(a, np.zeros(2000)), (a, np.zeros(2000))]).absolute.p999 == size


def test_the_whole_of_nothing():
    assert whole_of([]).absolute is None
