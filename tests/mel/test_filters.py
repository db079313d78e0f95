"""Filters against their definition, and the sparse form against the dense one; test_parity.py has Keras's."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.errors import ConfigError
from melcli.mel.filters import hertz_to_mel, linear_to_mel_weight_matrix, sparse_filters
from melcli.mel.options import FeatureOptions
from tests.mel import reference

KERAS = {
    "num_mel_bins": 20,
    "num_spectrogram_bins": 129,
    "sampling_rate": 8000,
    "lower_edge_hertz": 125.0,
    "upper_edge_hertz": 3800.0,
    "dtype": "float32",
}


def straight_in_hertz(bins, sampling_rate, edges_hz):
    hertz = np.linspace(0, sampling_rate / 2, bins)[:, np.newaxis]
    lower, center, upper = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    return np.maximum(0, np.minimum((hertz - lower) / (center - lower), (upper - hertz) / (upper - center)))


def test_the_signature_is_that_of_keras():
    parameters = inspect.signature(linear_to_mel_weight_matrix).parameters
    assert {name: parameter.default for name, parameter in parameters.items()} == KERAS


def test_the_mel_scale_is_that_of_htk():
    assert hertz_to_mel(0.0) == 0.0
    np.testing.assert_allclose(
        hertz_to_mel(np.array([700.0, 6300.0])), [1127 * np.log(2), 1127 * np.log(10)], rtol=1e-15
    )
    assert hertz_to_mel(np.float32(700)).dtype == np.float64


@given(
    num_mel_bins=st.integers(1, 40),
    bins=st.integers(2, 130),
    rate=st.integers(100, 96_000),
    low=st.floats(0.0, 0.5),
    width=st.floats(0.05, 0.8),
)
def test_equal_the_definition_in_float64(num_mel_bins, bins, rate, low, width):
    lower, upper = low * rate / 2, (low + width) * rate / 2
    ours = linear_to_mel_weight_matrix(num_mel_bins, bins, rate, lower, upper, dtype="float64")
    theirs = np.array(reference.filters(num_mel_bins, bins, rate, lower, upper)).T
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)
    assert ours.shape == (bins, num_mel_bins)
    assert not ours[0].any()
    assert 0.0 <= ours.min() <= ours.max() <= 1.0
    assert np.count_nonzero(ours, axis=1).max() <= 2


def test_the_comparison_would_notice_slopes_straight_in_hertz_and_one_bin_shift():
    mels = np.linspace(reference.mel(125.0), reference.mel(3800.0), 22)
    straight = straight_in_hertz(129, 8000, 700.0 * (10.0 ** (mels / 2595.0) - 1.0))
    ours = linear_to_mel_weight_matrix(dtype="float64")
    assert np.abs(ours - straight).max() > 1e-3
    theirs = np.array(reference.filters(20, 129, 8000, 125.0, 3800.0)).T
    assert np.abs(np.roll(ours, 1, axis=0) - theirs).max() > 0.1


def test_bins_end_at_half_the_rate_for_odd_ffts_too():
    # 511 points have their last bin at 255/511 of the rate; Keras, and so melcli, has it at one half.
    last = linear_to_mel_weight_matrix(1, 256, 1000, 400.0, 600.0, dtype="float64")[-1, 0]
    edges = hertz_to_mel(np.array([400.0, 600.0, 500.0]))
    rising = (edges[2] - edges[0]) / ((edges[1] - edges[0]) / 2)
    np.testing.assert_allclose(last, min(rising, 2 - rising), rtol=1e-12)


@pytest.mark.parametrize("lower, upper", [(-1.0, 100.0), (100.0, 100.0), (200.0, 100.0), (float("nan"), 100.0)])
def test_edges_out_of_order_are_refused(lower, upper):
    with pytest.raises(ConfigError) as refusal:
        linear_to_mel_weight_matrix(lower_edge_hertz=lower, upper_edge_hertz=upper)
    assert str(refusal.value) == f"lower_edge_hertz={lower} must lie in [0, {upper}), below upper_edge_hertz"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sparse_filters_are_the_same_numbers(dtype):
    options = FeatureOptions(fft_length=512, num_mel_bins=128, sampling_rate=11_025, compute_dtype=dtype)
    sparse = sparse_filters(options)
    dense = linear_to_mel_weight_matrix(128, 257, 11_025, 20.0, 5512.0, dtype)
    assert sparse.dtype == dtype
    assert (sparse.toarray() == dense.T).all()
    assert sparse.nnz == np.count_nonzero(dense)
