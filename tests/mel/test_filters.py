"""Filters against their definition, and the sparse form against the dense one; test_parity.py has Keras's."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.errors import ConfigError
from melcli.mel import filters
from melcli.mel.filters import linear_to_mel_weight_matrix, mel_filters, sparse_filters
from melcli.mel.options import FeatureOptions
from melcli.mel.scales import hertz_to_mel, mel_to_hertz
from tests.mel import reference
from tests.mel.damages import DAMAGES
from tests.mel.legal_options import legal_options
from tests.mel.tolerance import slope_rounding

KERAS = {
    "num_mel_bins": 20,
    "num_spectrogram_bins": 129,
    "sampling_rate": 8000,
    "lower_edge_hertz": 125.0,
    "upper_edge_hertz": 3800.0,
    "dtype": "float32",
}
FILTER_KEYS = {
    "fft_length",
    "sampling_rate",
    "num_mel_bins",
    "min_freq",
    "max_freq",
    "mel_scale",
    "mel_norm",
    "mel_triangles",
}


def test_the_signature_is_that_of_keras():
    parameters = inspect.signature(linear_to_mel_weight_matrix).parameters
    assert {name: parameter.default for name, parameter in parameters.items()} == KERAS


def reference_filters(**keys):
    return np.array(reference.filters(reference.Keys(**keys)))


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
    theirs = reference_filters(
        num_mel_bins=num_mel_bins, fft_length=2 * bins - 2, sampling_rate=rate, min_freq=lower, max_freq=upper
    )
    np.testing.assert_allclose(ours.T, theirs, rtol=0, atol=1e-10)
    assert ours.shape == (bins, num_mel_bins)
    assert not ours[0].any()
    assert 0.0 <= ours.min() <= ours.max() <= 1.0
    assert np.count_nonzero(ours, axis=1).max() <= 2


@given(options=legal_options())
def test_equal_the_reference_on_every_scale_axis_and_norm(options):
    key = reference.Keys(**options)
    ours, expected = mel_filters(FeatureOptions(**options, compute_dtype="float64")), np.array(reference.filters(key))
    assert ours.shape == expected.shape == (key.num_mel_bins, key.fft_length // 2 + 1)
    assert (np.abs(ours - expected) <= slope_rounding(key) + 1e-12 * expected).all()


@pytest.mark.parametrize("name", [name for name, damage in DAMAGES.items() if damage.key in FILTER_KEYS])
def test_the_comparison_would_notice(name, monkeypatch):
    keys = {"fft_length": 64, "num_mel_bins": 6, "sampling_rate": 8000, **DAMAGES[name].shown_by}
    DAMAGES[name](monkeypatch)
    ours = filters.mel_filters(FeatureOptions(**keys, compute_dtype="float64"))
    assert not np.allclose(ours, reference_filters(**keys), rtol=1e-5, atol=0)


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


def test_those_of_the_defaults_are_keras_s():
    options = FeatureOptions(fft_length=512, num_mel_bins=40)
    assert (mel_filters(options) == linear_to_mel_weight_matrix(40, 257, 16_000, 20.0, 8000.0).T).all()


def test_slaneys_filters_have_the_same_area_in_hertz():
    options = FeatureOptions(
        fft_length=2**14,
        num_mel_bins=20,
        mel_scale="slaney",
        mel_norm="slaney",
        mel_triangles="hz",
        compute_dtype="float64",
    )
    np.testing.assert_allclose(mel_filters(options).sum(axis=1) * 16_000 / 2**14, 1.0, rtol=1e-3)


def test_symmetric_triangles_are_as_wide_to_the_right_as_to_the_left():
    keys = {"fft_length": 2**14, "num_mel_bins": 5, "compute_dtype": "float64"}
    both, left = (mel_filters(FeatureOptions(**keys, mel_triangles=axis)) for axis in ("hz_symmetric", "hz"))
    for one, other in zip(both, left, strict=True):
        peak = one.argmax()
        reach = peak - one.nonzero()[0][0]
        np.testing.assert_allclose(one[:peak], other[:peak], rtol=1e-12)
        assert abs(one.nonzero()[0][-1] - peak - reach) <= 1
        assert other.nonzero()[0][-1] > peak + reach + 1


def test_in_float32_triangles_are_rounded_before_their_norm_and_after_it():
    keys = {"fft_length": 400, "num_mel_bins": 80, "min_freq": 0.0, "mel_scale": "slaney", "mel_triangles": "hz"}
    edges_hz = mel_to_hertz(np.linspace(0.0, hertz_to_mel(8000.0, "slaney"), 82), "slaney")
    norm = 2.0 / (edges_hz[2:] - edges_hz[:-2])[:, np.newaxis]
    single, double = (mel_filters(FeatureOptions(**keys, compute_dtype=dtype)) for dtype in ("float32", "float64"))
    normed = mel_filters(FeatureOptions(**keys, mel_norm="slaney"))
    assert normed.dtype == np.float32
    assert (normed == (single * norm).astype(np.float32)).all()
    assert (normed != (double * norm).astype(np.float32)).any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sparse_filters_are_the_same_numbers(dtype):
    options = FeatureOptions(fft_length=512, num_mel_bins=128, sampling_rate=11_025, compute_dtype=dtype)
    sparse = sparse_filters(options)
    dense = linear_to_mel_weight_matrix(128, 257, 11_025, 20.0, 5512.0, dtype)
    assert sparse.dtype == dtype
    assert (sparse.toarray() == dense.T).all()
    assert sparse.nnz == np.count_nonzero(dense)
