"""Windows against SciPy's and their definitions."""

import numpy as np
import pytest
from scipy.signal import get_window

from melcli.mel import spectrogram
from melcli.mel.options import FeatureOptions
from melcli.mel.windows import analysis_window
from tests.mel import reference
from tests.mel.damages import DAMAGES

LENGTHS = [1, 2, 3, 400, 401, 2048]


def options_of(length, **keys):
    return FeatureOptions(fft_length=max(length, 2), sequence_length=length, **keys)


@pytest.mark.parametrize("name", ["hann", "hamming", "blackman"])
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("length", LENGTHS)
def test_equal_those_of_scipy(name, length, periodic):
    window = analysis_window(options_of(length, window=name, window_periodic=periodic))
    assert window.dtype == np.float64
    np.testing.assert_allclose(window, get_window(name, length, fftbins=periodic), rtol=0, atol=1e-15)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("length", LENGTHS)
def test_povey_is_a_hann_window_to_the_0_85(length, periodic):
    window = analysis_window(options_of(length, window="povey", window_periodic=periodic))
    np.testing.assert_allclose(window, get_window("hann", length, fftbins=periodic) ** 0.85, rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", ["hann", "hamming", "povey", "blackman"])
@pytest.mark.parametrize("periodic", [True, False])
def test_equal_the_reference(name, periodic):
    keys = {"fft_length": 61, "sequence_length": 60, "window": name, "window_periodic": periodic}
    expected = reference.window(reference.Keys(**keys))
    np.testing.assert_allclose(analysis_window(FeatureOptions(**keys)), expected, rtol=0, atol=1e-14)


WINDOW_DAMAGES = [name for name, damage in DAMAGES.items() if damage.key in ("window", "window_periodic")]


@pytest.mark.parametrize("name", WINDOW_DAMAGES)
def test_the_comparison_would_notice(name, monkeypatch):
    DAMAGES[name](monkeypatch)
    keys = {"fft_length": 64, **DAMAGES[name].shown_by}
    broken, right = spectrogram.analysis_window(FeatureOptions(**keys)), reference.window(reference.Keys(**keys))
    assert broken.shape != np.shape(right) or np.abs(broken - right).max() > 1e-3


@pytest.mark.parametrize("periodic", [True, False])
def test_numbers_are_taken_as_they_are(periodic):
    window = analysis_window(options_of(3, window=(0.5, -1.0, 7.0), window_periodic=periodic))
    assert window.tolist() == [0.5, -1.0, 7.0]


@pytest.mark.parametrize(
    "padding, length", [("center", 8), ("same", 8), ("valid", 3), ("kaldi", 3), ((1, 2), 3)], ids=str
)
def test_no_window_is_as_long_as_the_fft_where_frames_are_centered(padding, length):
    options = FeatureOptions(fft_length=8, sequence_length=3, sequence_stride=4, padding=padding, window=None)
    assert analysis_window(options).tolist() == [1.0] * length
