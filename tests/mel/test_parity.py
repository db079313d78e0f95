"""Every number that Keras gave, on four backends, against ours; and what a small mistake would do.

The goldens and their limits are in tests/golden; docs/parity.md shows the figures.
"""

import re

import numpy as np
import pytest

from melcli.mel import MelSpectrogram, filters, linear_to_mel_weight_matrix
from tests.golden.answers import BACKENDS, LIMITS_DB, LIMITS_LINEAR, limits, read_answers, worst_distance
from tests.golden.report import NOTES, PAGE, with_tables
from tests.golden.signals import load_signals
from tests.mel.damages import DAMAGES, KERAS_DAMAGES, leaves_its_mark
from tests.tiers import full_but

KERAS = read_answers("numpy")
ANSWERED = [
    (backend, setting)
    for backend in BACKENDS
    for setting in read_answers(backend).settings
    if read_answers(backend).settings[setting]["cases"]
]
ALIKE = [pair for pair in ANSWERED if pair not in NOTES]

# Keras builds its filters in float32; for these arguments 2.0e-5 at most, on four backends (2026-11-22).
FILTERS_ATOL = 5e-5


def spectrogram_of(answers, setting):
    return MelSpectrogram.from_config(answers.settings[setting]["config"])


@pytest.mark.parametrize("backend, setting", ALIKE)
def test_equals_keras(backend, setting):
    answers = read_answers(backend)
    distance = worst_distance(answers, setting, spectrogram_of(answers, setting))
    assert distance.within(limits(answers, setting)), distance


# Each damage is noticed in at least one of them; the others run with --all.
NOTICED_BY_DEFAULT = (
    "defaults",
    "speech",
    "hamming_in_longer_fft",
    "odd_fft",
    "magnitude_db",
    "wide_top_db",
    "float64",
)


@pytest.mark.parametrize("damage", KERAS_DAMAGES)
@pytest.mark.parametrize("setting", full_but(KERAS.settings, *NOTICED_BY_DEFAULT))
def test_the_comparison_would_notice(damage, setting, monkeypatch):
    batch = any("+" in case for case in KERAS.settings[setting]["cases"])
    marks = leaves_its_mark(damage, spectrogram_of(KERAS, setting).options, batch=batch)
    DAMAGES[damage](monkeypatch)
    distance = worst_distance(KERAS, setting, spectrogram_of(KERAS, setting))
    assert distance.within(limits(KERAS, setting)) is not marks, distance


def test_the_settings_cover_every_parameter_of_keras():
    config = KERAS.settings["defaults"]["config"]
    parameters = set(config) - {"name", "trainable", "dtype"}
    assert len(parameters) == 13
    assert len(KERAS.settings) >= 20
    assert set().union(*(setting["options"] for setting in KERAS.settings.values())) == parameters


def test_the_signals_are_what_their_names_say():
    signals = load_signals()
    assert not signals["silence"].any()
    assert np.count_nonzero(signals["impulse"]) == 1
    assert np.count_nonzero(np.abs(signals["clipped"]) > 0.9999) > 400
    assert 0 < np.abs(signals["faint"]).max() < 1e-4
    assert 0.2 < np.abs(signals["speech"]).max() < 1.0


def test_the_goldens_say_what_made_them():
    for backend in BACKENDS:
        made_by = read_answers(backend).made_by
        assert made_by["backend"] == backend
        assert {"keras", "numpy", "scipy"} < set(made_by)


def test_torch_has_a_rectangle_as_long_as_the_sequence():
    torch, setting = read_answers("torch"), "rectangle_in_longer_fft"
    options = torch.settings[setting]["options"]
    assert not worst_distance(torch, setting, MelSpectrogram(**options)).within(LIMITS_DB)
    ones = {"window": [1.0] * options["sequence_length"]}
    assert worst_distance(torch, setting, MelSpectrogram(**{**options, **ones})).within(LIMITS_DB)


@pytest.mark.parametrize("setting", ["hamming_in_longer_fft", "odd_fft", "prime_fft"])
def test_tensorflow_has_symmetric_windows_where_their_length_is_odd(setting, monkeypatch):
    tensorflow = read_answers("tensorflow")
    options = tensorflow.settings[setting]["options"]
    assert (options.get("sequence_length") or options["fft_length"]) % 2 == 1
    assert not worst_distance(tensorflow, setting, MelSpectrogram(**options)).within(LIMITS_DB)
    DAMAGES["symmetric_window"](monkeypatch)
    assert worst_distance(tensorflow, setting, MelSpectrogram(**options)).within(LIMITS_DB)


def test_torch_and_tensorflow_refuse_signals_of_half_an_fft_and_less_and_numpy_and_jax_do_not():
    samples = {name: len(signal) for name, signal in load_signals().items()}
    for backend in BACKENDS:
        for setting in read_answers(backend).settings.values():
            if setting["config"]["dtype"]["config"]["name"] == "float64":
                continue
            for case in [*setting["cases"], *setting["refused"]]:
                name, _, cut = case.partition(":")
                short = (int(cut) if cut else samples[name.split("+")[0]]) <= setting["config"]["fft_length"] // 2
                assert (case in setting["refused"]) == (short and backend in ("torch", "tensorflow"))


def test_only_tensorflow_refuses_float64():
    refused = [backend for backend in BACKENDS if not read_answers(backend).settings["float64"]["cases"]]
    assert refused == ["tensorflow"]


@pytest.mark.parametrize("number, arguments", list(enumerate(KERAS.facts["weights"])))
@pytest.mark.parametrize("backend", BACKENDS)
def test_filters_equal_those_of_keras(backend, number, arguments):
    theirs = read_answers(backend).arrays[f"weights/{number}"]
    ours = linear_to_mel_weight_matrix(**arguments)
    assert ours.dtype == theirs.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=FILTERS_ATOL)
    assert np.abs(np.roll(ours, 1, axis=0) - theirs).max() > 100 * FILTERS_ATOL


@pytest.mark.parametrize("backend", BACKENDS)
def test_with_the_filters_of_keras_the_numbers_come_nearer(backend, monkeypatch):
    answers = read_answers(backend)
    apart = worst_distance(answers, "defaults", MelSpectrogram())
    theirs = answers.arrays["weights/1"]
    monkeypatch.setattr(filters, "mel_filters", lambda _: theirs.T)
    nearer = worst_distance(answers, "defaults", MelSpectrogram())
    assert theirs.shape == (1025, 128)
    assert nearer.maximum < 0.8 * apart.maximum


@pytest.mark.parametrize("shape", KERAS.facts["shapes"], ids=str)
def test_shapes_are_those_that_keras_computes_and_not_those_that_it_predicts(shape):
    fft_length, stride, samples = shape["fft_length"], shape["sequence_stride"], shape["samples"]
    spectrogram = MelSpectrogram(fft_length=fft_length, sequence_stride=stride, num_mel_bins=2)
    assert spectrogram.compute_output_shape((samples,)) == (2, shape["frames"])
    too_long = (samples + 1) % stride == 0 or (fft_length % 2 == 1 and samples % stride == 0)
    assert shape["predicted"] - shape["frames"] == too_long


def test_the_page_has_the_figures_of_the_goldens():
    page = PAGE.read_text(encoding="utf-8")
    fresh = with_tables(page)
    figure = re.compile(r"\d\.\de[+-]\d\d")
    assert figure.sub("figure", page) == figure.sub("figure", fresh), "run python -m tests.golden.report"
    # Rounding in float32 differs from machine to machine: a figure may be double, and the least ones say nothing.
    stated, found = (np.array(figure.findall(text), dtype=float) for text in (page, fresh))
    assert (found <= 2 * stated + 1e-4).all()
    assert (stated <= 2 * found + 1e-4).all()


def test_the_page_states_every_setting_and_the_limits():
    page = PAGE.read_text(encoding="utf-8")
    assert [f"| `{setting}` |" in page for setting in KERAS.settings] == [True] * len(KERAS.settings)
    for limit in (*LIMITS_DB, *LIMITS_LINEAR):
        assert f"{limit:.0e}" in page


def test_a_page_without_markers_is_refused():
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the whole message is held below
        with_tables("")
    assert str(refusal.value) == "parity.md must have '<!-- versions -->' and '<!-- end of versions -->' once each"
