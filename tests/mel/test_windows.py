"""Windows against their definition, and where they stand under the FFT."""

import numpy as np
import pytest
from scipy.signal import get_window

from melcli.mel.options import FeatureOptions
from melcli.mel.windows import analysis_window
from tests.mel import reference
from tests.mel.damages import DAMAGES


@pytest.mark.parametrize("name", ["hann", "hamming"])
@pytest.mark.parametrize("length", [1, 2, 3, 400, 401, 2048])
def test_named_windows_are_periodic(name, length):
    options = FeatureOptions(window=name, fft_length=max(length, 2), sequence_length=length)
    window = analysis_window(options)
    assert window.dtype == np.float64
    before = (options.fft_length - length) // 2
    np.testing.assert_allclose(window[before : before + length], get_window(name, length, fftbins=True), atol=1e-15)


def test_the_comparison_would_notice_a_symmetric_window(monkeypatch):
    DAMAGES["symmetric_window"](monkeypatch)
    window = analysis_window(FeatureOptions())
    assert np.abs(window - get_window("hann", 2048, fftbins=True)).max() > 1e-4


@pytest.mark.parametrize("fft_length, length", [(512, 400), (512, 399), (511, 400), (511, 399), (4, 3), (2, 1)])
@pytest.mark.parametrize("name", ["hann", "hamming"])
def test_a_short_window_stands_in_the_middle_and_a_sample_to_the_left_of_it(name, fft_length, length):
    window = analysis_window(FeatureOptions(window=name, fft_length=fft_length, sequence_length=length))
    np.testing.assert_allclose(window, reference.padded_window(name, length, fft_length), atol=1e-15)
    before = (fft_length - length) // 2
    assert not window[:before].any()
    assert not window[before + length :].any()


def test_numbers_are_taken_as_they_are():
    window = analysis_window(FeatureOptions(fft_length=8, sequence_length=3, window=(0.5, -1.0, 7.0)))
    assert window.tolist() == [0.0, 0.0, 0.5, -1.0, 7.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("sequence_length", [None, 8, 3])
def test_no_window_is_as_long_as_the_fft_whatever_the_sequence_length(sequence_length):
    options = FeatureOptions(fft_length=8, sequence_length=sequence_length, window=None)
    assert analysis_window(options).tolist() == [1.0] * 8
