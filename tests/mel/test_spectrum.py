"""Powers of the spectrum against the discrete Fourier transform written out."""

import numpy as np
import pytest

from melcli.mel.spectrum import magnitude_spectrum

RANDOM = np.random.default_rng(5)


def written_out(frames, mag_exp):
    samples = frames.shape[-1]
    turns = np.outer(np.arange(samples // 2 + 1), np.arange(samples)) / samples
    return np.abs(frames.astype(np.float64) @ np.exp(-2j * np.pi * turns).T) ** mag_exp


@pytest.mark.parametrize("mag_exp", [0.5, 1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("fft_length", [2, 3, 16, 61, 400])
@pytest.mark.parametrize("dtype, rtol", [("float32", 2e-6), ("float64", 1e-13)])
def test_equals_the_transform_written_out(dtype, rtol, fft_length, mag_exp):
    frames = RANDOM.standard_normal((3, fft_length)).astype(dtype)
    untouched = frames.copy()
    spectrum = magnitude_spectrum(frames, mag_exp)
    expected = written_out(frames, mag_exp)
    assert spectrum.dtype == dtype
    assert spectrum.shape == (3, fft_length // 2 + 1)
    np.testing.assert_allclose(spectrum, expected, rtol=0, atol=rtol * max(1.0, mag_exp) * expected.max())
    assert (frames == untouched).all()


@pytest.mark.parametrize("exponent, other", [(1.0, 2.0), (2.0, 1.0), (1.5, 2.0)])
def test_the_comparison_would_notice_another_exponent(exponent, other):
    frames = RANDOM.standard_normal((3, 16))
    assert np.abs(magnitude_spectrum(frames, other) - written_out(frames, exponent)).max() > 0.1


def test_silence_has_no_power():
    assert not magnitude_spectrum(np.zeros((2, 16), dtype=np.float32), 1.5).any()
