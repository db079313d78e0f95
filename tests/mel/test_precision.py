"""float32 against float64 on speech, over the whole key space."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.mel import MelSpectrogram, filters
from tests.golden.answers import LIMITS_DB, LIMITS_LINEAR
from tests.golden.signals import load_signals
from tests.mel import reference
from tests.mel.legal_options import REAL, legal_options
from tests.tiers import examples

UNITS_PER_DB = {"dB": 1.0, "log10": 0.1, "ln": np.log(10.0) / 10.0}
LAST_DIGIT = np.finfo(np.float32).eps  # what a float32 of a large value cannot hold, however it was computed
FEATURES_ALONE = {"mean": 0.0, "std": 1.0, "std_eps": 0.0, "clip": None, "time_major": False}


def allowed(features, key):
    """Return how far float32 may lie off at p99.9, for each feature before mean and std, (features, 1).

    What is promised for a level holds for each level that a coefficient sums; their roundings do not know of each
    other, so that squares are added.
    """
    if key.unit is None:
        return LIMITS_LINEAR.p999 * np.abs(features).max()
    per_level = LIMITS_DB.p999 * UNITS_PER_DB[key.unit] * max(1.0, key.mag_exp / 2)
    if key.num_ceps is None:
        return per_level
    gains = [np.linalg.norm(reference.cosines(i, key)) * abs(reference.lifter(i, key)) for i in range(key.num_ceps)]
    if key.use_energy:
        gains[0] = 1.0
    return per_level * np.array(gains)[:, np.newaxis]


def divisor(features, key):
    """Return what each feature is divided by, (features, 1)."""
    if not isinstance(key.std, str):
        return np.reshape(key.std, (-1, 1)) + key.std_eps
    axes = -1 if key.std == "bin" else (-2, -1)
    return features.std(axis=axes, keepdims=True) + key.std_eps


@settings(max_examples=examples(100))
@given(options=legal_options(REAL), start=st.integers(1600, 5000))
def test_float32_lies_within_the_limits_of_float64_on_speech(options, start):
    speech = load_signals()["speech"][start : start + 4500]
    assert excess(options, speech) <= 0.0


def excess(options, signal):
    """Return by how much the difference is above what is allowed, at the 99.9th percentile.

    A deviation of the signal is off by as much as a level is; that shows in y times as much.
    """
    key = reference.Keys(**options)
    single, double = (MelSpectrogram(**options, compute_dtype=dtype)(signal) for dtype in ("float32", "float64"))
    features = MelSpectrogram(**{**options, **FEATURES_ALONE}, compute_dtype="float64")(signal)
    difference = np.abs(single - double) - LAST_DIGIT * np.abs(double)
    times = 1.0 + np.abs(double) if isinstance(key.std, str) else np.ones_like(double)
    if key.time_major:
        difference, times = difference.T, times.T
    return np.percentile(difference * divisor(features, key) - allowed(features, key) * times, 99.9)


@pytest.mark.parametrize("log", [None, "ln", "log10"])
def test_the_comparison_would_notice_half_a_thousandth_more(log, monkeypatch):
    options = {"fft_length": 512, "sequence_stride": 160, "num_mel_bins": 40, "power_to_db": False, "log": log}
    speech = load_signals()["speech"]
    assert excess(options, speech) <= 0.0
    right = filters.mel_filters

    def louder(options):
        return right(options) * np.float32(1.0005 if options.compute_dtype == "float32" else 1.0)

    monkeypatch.setattr(filters, "mel_filters", louder)
    assert excess(options, speech) > 0.0
