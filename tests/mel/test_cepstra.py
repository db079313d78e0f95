"""Cepstral coefficients: the cosine transform written out, its two norms, and the lifter."""

import math

import numpy as np
import pytest

from melcli.mel.cepstra import cepstra, lifter
from tests.mel import reference

LEVELS = np.random.default_rng(3).uniform(-80.0, 0.0, (2, 7, 5))


@pytest.mark.parametrize("num_ceps", [1, 4, 7])
@pytest.mark.parametrize("norm", ["ortho", "none"])
@pytest.mark.parametrize("dtype, atol", [("float32", 1e-3), ("float64", 1e-11)])
def test_equal_the_transform_written_out(dtype, atol, norm, num_ceps):
    levels = LEVELS.astype(dtype)
    coefficients = cepstra(levels, num_ceps, norm=norm)
    key = reference.Keys(num_mel_bins=7, num_ceps=num_ceps, cepstral_norm=norm)
    rows = np.array([reference.cosines(i, key) for i in range(num_ceps)])
    assert coefficients.dtype == dtype
    assert coefficients.flags.c_contiguous
    np.testing.assert_allclose(coefficients, rows @ LEVELS, rtol=0, atol=atol)
    assert (levels == LEVELS.astype(dtype)).all()


@pytest.mark.parametrize("norm, first", [("ortho", math.sqrt(7) * -40.0), ("none", 2 * 7 * -40.0)])
def test_equal_levels_have_only_coefficient_0(norm, first):
    coefficients = cepstra(np.full((7, 1), -40.0), 3, norm=norm)
    np.testing.assert_allclose(coefficients[:, 0], [first, 0.0, 0.0], rtol=1e-14, atol=1e-12)


def test_all_orthonormal_coefficients_keep_the_energy():
    coefficients = cepstra(LEVELS, 7)
    np.testing.assert_allclose((coefficients**2).sum(axis=1), (LEVELS**2).sum(axis=1), rtol=1e-13)


def test_the_lifter_counts_from_0_as_in_kaldi():
    expected = [1.0, 1 + 11 * math.sin(math.pi / 22), 12.0, 1.0]
    np.testing.assert_allclose(lifter(23, 22.0)[[0, 1, 11, 22]], expected, rtol=1e-13)


def test_the_lifter_multiplies_the_coefficients():
    liftered = cepstra(LEVELS, 5, cepstral_lifter=22.0)
    np.testing.assert_allclose(liftered, cepstra(LEVELS, 5) * lifter(5, 22.0)[:, np.newaxis], rtol=1e-14)
    assert cepstra(LEVELS.astype(np.float32), 5, cepstral_lifter=22.0).dtype == np.float32
