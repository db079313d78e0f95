"""Filters against their definition, and groups of them against the dense product; test_parity.py has Keras's."""

import inspect
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.config.named_configs import named_configs
from melcli.config.resolve import resolve_config
from melcli.errors import ConfigError
from melcli.mel import filters
from melcli.mel.blocks import block_frames
from melcli.mel.filters import MAX_GROUP_PRODUCTS, FilterBank, linear_to_mel_weight_matrix, mel_filters
from melcli.mel.options import FeatureOptions
from melcli.mel.scales import hertz_to_mel, mel_to_hertz
from tests.mel import reference
from tests.mel.damages import DAMAGES
from tests.mel.legal_options import DTYPES, legal_options
from tests.mel.tolerance import slope_rounding
from tests.tiers import full_but

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
    assert str(refusal.value) == f"lower_edge_hertz={lower} must be in [0, {upper}), below upper_edge_hertz"


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"num_mel_bins": 0}, "num_mel_bins=0 must be an integer of 1 or more"),
        ({"num_mel_bins": 20.0}, "num_mel_bins=20.0 must be an integer of 1 or more"),
        ({"num_mel_bins": True}, "num_mel_bins=True must be an integer of 1 or more"),
        ({"num_spectrogram_bins": 0}, "num_spectrogram_bins=0 must be an integer of 1 or more"),
        ({"sampling_rate": -1}, "sampling_rate=-1 must be above 0 and finite"),
        ({"sampling_rate": 0}, "sampling_rate=0 must be above 0 and finite"),
        ({"sampling_rate": math.nan}, "sampling_rate=nan must be above 0 and finite"),
        ({"sampling_rate": math.inf}, "sampling_rate=inf must be above 0 and finite"),
        ({"upper_edge_hertz": math.inf}, "upper_edge_hertz=inf must be finite"),
        ({"dtype": "int32"}, "dtype='int32' must be a floating-point type, such as float32"),
        ({"dtype": "complex64"}, "dtype='complex64' must be a floating-point type, such as float32"),
    ],
    ids=str,
)
def test_an_argument_that_makes_no_filters_is_refused_in_one_sentence(arguments, sentence):
    with pytest.raises(ConfigError) as refusal:
        linear_to_mel_weight_matrix(**arguments)
    assert str(refusal.value) == sentence
    assert refusal.value.key in arguments


def test_numpy_s_numbers_are_numbers():
    expected = linear_to_mel_weight_matrix(20, 129, 8000)
    given = linear_to_mel_weight_matrix(np.int64(20), np.int32(129), np.float32(8000))
    assert given.tobytes() == expected.tobytes()
    assert linear_to_mel_weight_matrix(1, 1, dtype="float16").shape == (1, 1)


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


# groups

EDGES = {
    "one filter": {"num_mel_bins": 1},
    "two bins": {"fft_length": 2, "num_mel_bins": 3},
    "empty filters among others": {"fft_length": 256, "num_mel_bins": 128, "sampling_rate": 44_100},
    "all empty": {"fft_length": 16, "num_mel_bins": 4, "min_freq": 1.0, "max_freq": 50.0},
    "nothing above half the rate": {"max_freq": 40_000.0, "num_mel_bins": 300},
    "as wide as the spectrum": {"fft_length": 2**15, "num_mel_bins": 2, "min_freq": 0.0},
    "wider to the right": {"mel_triangles": "hz_symmetric", "num_mel_bins": 60, "fft_length": 4096},
    "many": {"num_mel_bins": 1024, "fft_length": 512},
}
EVERY_BANK = {
    **EDGES,
    **{name: resolve_config(name).features for name in named_configs()},
}


def bank_options(keys):
    return keys if isinstance(keys, FeatureOptions) else FeatureOptions(**keys)


def off_the_dense_product(options, spectrum):
    """Return by how many roundings of its sum each value is off, at most."""
    ours = FilterBank(options)(spectrum)
    assert ours.dtype == spectrum.dtype
    dense = spectrum.astype(np.float64) @ mel_filters(options).T.astype(np.float64)
    assert ours.shape == dense.shape
    assert (ours[dense == 0.0] == 0.0).all()  # an empty filter hears nothing, whatever stood there before
    roundings = np.finfo(spectrum.dtype).eps * options.num_bins * dense
    return np.divide(np.abs(ours - dense), roundings, out=np.zeros_like(dense), where=dense > 0.0).max()


def spectrum_of(options, num_frames, seed=0):
    powers = np.random.default_rng(seed).exponential(1.0, (num_frames, options.num_bins))
    return powers.astype(options.compute_dtype)


@pytest.mark.few(20)
@pytest.mark.parametrize("dtype", full_but(["float32", "float64"], "float32"))
@pytest.mark.parametrize("name", EVERY_BANK)
def test_a_bank_equals_the_dense_product(name, dtype):
    options = replace(bank_options(EVERY_BANK[name]), compute_dtype=dtype)
    assert off_the_dense_product(options, spectrum_of(options, 40)) < 1.0


@given(options=legal_options(), num_frames=st.integers(1, 20), most_products=st.integers(1, 2000), dtype=DTYPES)
def test_any_bank_in_any_groups_equals_the_dense_product(options, num_frames, most_products, dtype):
    options = FeatureOptions(**options, compute_dtype=dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filters, "MAX_GROUP_PRODUCTS", most_products * block_frames(options))
        assert off_the_dense_product(options, spectrum_of(options, num_frames)) < 2.0


@pytest.mark.parametrize("change", [(0, 1), (1, 0), (0, -1)], ids=str)
def test_the_comparison_would_notice_a_group_that_lies_a_bin_or_a_filter_off(change, monkeypatch):
    right = filters._groups

    def shifted(weights, most_weights):
        by_bins, by_filters = change
        for bins, mels in right(weights, most_weights):
            low, first = max(0, bins.start + by_bins), max(0, mels.start + by_filters)
            yield slice(low, bins.stop), slice(first, mels.stop)

    options = FeatureOptions()
    spectrum = spectrum_of(options, 40)
    assert off_the_dense_product(options, spectrum) < 1.0
    monkeypatch.setattr(filters, "_groups", shifted)
    try:
        with np.errstate(invalid="ignore", over="ignore"):  # memory that no group writes may contain any number
            noticed = not off_the_dense_product(options, spectrum) < 1.0
    except AssertionError:
        noticed = True
    assert noticed


def groups(options):
    """Return the bins, the filters and the weights of each group."""
    return FilterBank(options)._groups


@pytest.mark.few(20)
@pytest.mark.parametrize("name", EVERY_BANK)
def test_every_product_is_small_unless_one_filter_is_larger(name):
    options = bank_options(EVERY_BANK[name])
    for _, _, weights in groups(options):
        assert weights.size * block_frames(options) <= MAX_GROUP_PRODUCTS or weights.shape[1] == 1


@pytest.mark.few(20)
@pytest.mark.parametrize("name", EVERY_BANK)
def test_groups_have_each_filter_once_and_all_that_it_hears(name):
    options = bank_options(EVERY_BANK[name])
    dense = np.full((options.num_mel_bins, options.num_bins), -1.0, options.compute_dtype)
    for bins, mels, weights in groups(options):
        assert (dense[mels] == -1.0).all()
        dense[mels] = 0.0
        dense[mels, bins] = weights.T
    assert (dense == mel_filters(options)).all()


@given(options=legal_options(), most_weights=st.integers(1, 60))
def test_any_filters_are_cut_into_groups_that_have_each_of_them_once(options, most_weights):
    bank = mel_filters(FeatureOptions(**options))
    cut = list(filters._groups(bank, most_weights))
    assert [number for _, mels in cut for number in range(len(bank))[mels]] == list(range(len(bank)))
    for bins, mels in cut:
        heard = np.flatnonzero(bank[mels].any(axis=0))
        assert len(heard) == 0 or (bins.start, bins.stop) == (heard[0], heard[-1] + 1)
        assert bank[mels, bins].size <= most_weights or len(bank[mels]) == 1
