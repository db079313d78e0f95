"""The whole core against the plain reference, over the whole key space; and what a small mistake would do."""

from dataclasses import asdict
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings

from melcli.mel import MelSpectrogram
from melcli.mel.options import FeatureOptions
from melcli.options import to_plain
from tests.golden.answers import read_answers
from tests.mel import reference
from tests.mel.damages import DAMAGES
from tests.mel.legal_options import calls, noise
from tests.mel.tolerance import RELATIVE, tolerance
from tests.tiers import examples, full_but

KERAS = read_answers("numpy")

# Of three signals of unlike loudness, with an offset: what a batch shares, and what it does not, can be told apart.
SMALL = {"fft_length": 64, "sequence_stride": 20, "num_mel_bins": 6, "sampling_rate": 8000}
SMALL_BATCH = noise(250, 2, (3,)) * [[1.0], [0.1], [0.001]] + 0.01


def equals_reference(signal, options):
    """Compare float64 with the reference, shape and every value; infinities and NaN are never equal."""
    ours = MelSpectrogram(**options, compute_dtype="float64")(signal)
    expected = reference.mel_spectrogram(signal, **options)
    if ours.shape != expected.shape or not np.isfinite(ours).all():
        return False
    return bool((np.abs(ours - expected) <= tolerance(signal, **options)).all())


def test_the_reference_has_every_key_with_its_default():
    defaults = to_plain(FeatureOptions())
    assert defaults.pop("compute_dtype") == "float32"
    assert len(defaults) == 41
    assert list(asdict(reference.Keys()).items()) == list(defaults.items())


@settings(max_examples=examples(250))
@given(call=calls())
def test_any_options_equal_the_reference_in_float64(call):
    options, signal = call
    assert equals_reference(signal, options)


@pytest.mark.few(12)
@pytest.mark.parametrize("name", DAMAGES)
def test_the_comparison_would_notice(name, monkeypatch):
    options = {**SMALL, **DAMAGES[name].shown_by}
    assert equals_reference(SMALL_BATCH, options)
    DAMAGES[name](monkeypatch)
    assert not equals_reference(SMALL_BATCH, options)


def test_there_is_a_damage_for_every_key():
    assert {damage.key for damage in DAMAGES.values()} == set(asdict(reference.Keys()))


def test_the_tolerance_is_what_is_promised_where_nothing_is_ill_conditioned():
    loud = SMALL_BATCH[0]
    assert tolerance(loud, **SMALL).max() < 3 * RELATIVE * 10 / np.log(10.0)
    linear = {**SMALL, "power_to_db": False}
    assert (tolerance(loud, **linear) / reference.mel_spectrogram(loud, **linear)).max() < 3 * RELATIVE
    normalized = {**SMALL, "num_ceps": 4, "mean": "bin", "std": "bin"}
    assert tolerance(loud, **normalized).max() < 1e-7


@cache
def written_out(setting):
    """Return each signal of one of Keras's settings with what the reference makes of it."""
    options = KERAS.settings[setting]["options"]
    return [(signal, reference.mel_spectrogram(signal, **options)) for signal, _ in KERAS.cases(setting)]


@pytest.mark.parametrize(
    "setting",
    full_but(KERAS.settings, "speech", "rectangle_in_longer_fft", "prime_fft", "empty_filters", "magnitude_db"),
)
def test_float64_equals_the_reference_on_the_signals_of_the_goldens(setting):
    compute = MelSpectrogram(**KERAS.settings[setting]["options"], compute_dtype="float64")
    for signal, expected in written_out(setting):
        ours = compute(signal)
        assert ours.dtype == np.float64
        if KERAS.is_linear(setting):
            np.testing.assert_allclose(ours, expected, rtol=RELATIVE, atol=0)
        else:
            np.testing.assert_allclose(ours, expected, rtol=0, atol=RELATIVE * 10.0 / np.log(10.0))
