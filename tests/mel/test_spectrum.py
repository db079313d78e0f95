"""Powers of the spectrum against the discrete Fourier transform written out."""

import numpy as np
import pytest

from melcli.mel.options import FeatureOptions
from melcli.mel.spectrum import magnitude_spectrum


def written_out(frames, mag_exp, mag_floor=0.0, mag_eps=0.0):
    samples = frames.shape[-1]
    turns = np.outer(np.arange(samples // 2 + 1), np.arange(samples)) / samples
    power = np.abs(frames.astype(np.float64) @ np.exp(-2j * np.pi * turns).T) ** 2
    return np.sqrt(np.maximum(power, mag_floor) + mag_eps) ** mag_exp


@pytest.mark.parametrize("mag_exp", [0.5, 1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("fft_length", [2, 3, 16, 61, 400])
@pytest.mark.parametrize("dtype, rtol", [("float32", 2e-6), ("float64", 1e-13)])
def test_equals_the_transform_written_out(dtype, rtol, fft_length, mag_exp):
    frames = np.random.default_rng(5).standard_normal((3, fft_length)).astype(dtype)
    untouched = frames.copy()
    spectrum = magnitude_spectrum(frames, FeatureOptions(mag_exp=mag_exp))
    expected = written_out(frames, mag_exp)
    assert spectrum.dtype == dtype
    assert spectrum.shape == (3, fft_length // 2 + 1)
    np.testing.assert_allclose(spectrum, expected, rtol=0, atol=rtol * max(1.0, mag_exp) * expected.max())
    assert (frames == untouched).all()


@pytest.mark.parametrize("exponent, other", [(1.0, 2.0), (2.0, 1.0), (1.5, 2.0)])
def test_the_comparison_would_notice_another_exponent(exponent, other):
    frames = np.random.default_rng(5).standard_normal((3, 16))
    assert np.abs(magnitude_spectrum(frames, FeatureOptions(mag_exp=other)) - written_out(frames, exponent)).max() > 0.1


@pytest.mark.parametrize("mag_exp", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("keys", [{"mag_floor": 9.0}, {"mag_eps": 2.0}, {"mag_floor": 9.0, "mag_eps": 2.0}], ids=str)
@pytest.mark.parametrize("dtype, rtol", [("float32", 1e-5), ("float64", 1e-12)])
def test_the_floor_comes_before_what_is_added_and_both_within_the_root(dtype, rtol, keys, mag_exp):
    frames = np.random.default_rng(5).standard_normal((3, 16)).astype(dtype)
    spectrum = magnitude_spectrum(frames, FeatureOptions(mag_exp=mag_exp, **keys))
    assert spectrum.dtype == dtype
    np.testing.assert_allclose(spectrum, written_out(frames, mag_exp, **keys), rtol=rtol)


@pytest.mark.parametrize(
    "keys, value",
    [({}, 0.0), ({"mag_floor": 4.0}, 2.0), ({"mag_eps": 9.0}, 3.0), ({"mag_floor": 16.0, "mag_eps": 9.0}, 5.0)],
)
def test_silence_is_what_stands_under_the_root(keys, value):
    frames = np.zeros((2, 16), dtype=np.float32)
    assert np.unique(magnitude_spectrum(frames, FeatureOptions(mag_exp=1.0, **keys))).tolist() == [value]
