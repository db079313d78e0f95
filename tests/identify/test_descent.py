"""Spectrum and filters, found from the features of a few frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from melcli.identify.band_sums import Band
from melcli.identify.clip import open_clips
from melcli.identify.descent import MAX_EXACT_MISFIT, Descent
from melcli.identify.observation import observe
from melcli.identify.refine import linear
from melcli.identify.search import identify
from melcli.mel.options import FeatureOptions
from tests.identify.sounds import made, named
from tests.tiers import full_but

TRUTHS = {
    "hop and mels": named("librosa", sampling_rate=16_000, sequence_stride=200, num_mel_bins=60, min_freq=50),
    "window": named("kaldi_80", window="hamming", sequence_length=512),
    "triangles": named("hifigan", sampling_rate=16_000, fft_length=512, sequence_stride=160, mel_triangles="mel"),
    "round edges": named("torchaudio_db", num_mel_bins=40, min_freq=90.0, max_freq=7450.0),
    "any upper edge": named("torchaudio_db", num_mel_bins=40, min_freq=60.0, max_freq=7421.0),
}


def descent_to(clip: Path, truth: FeatureOptions) -> Descent:
    seen = observe(made(clip, truth), time_major=truth.time_major)
    return Descent(open_clips(str(clip))[0], seen, seen.telling_frames(48))


@pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS)
def test_the_truth_has_no_misfit(clip: Path, truth: FeatureOptions) -> None:
    assert descent_to(clip, truth).misfit(linear(truth)) < MAX_EXACT_MISFIT


@pytest.mark.parametrize(
    "keys",
    [
        {"mel_triangles": "mel"},
        {"window_periodic": False},
        {"min_freq": 60.0},
        {"mag_exp": 1.0},
        {"mel_norm": None},
        {"padding": "kaldi"},
        {"fft_length": 1024},
    ],
    ids=repr,
)
def test_what_is_not_the_truth_has_one(clip: Path, keys: dict[str, Any]) -> None:
    truth = TRUTHS["hop and mels"]
    assert descent_to(clip, truth).misfit(replace(linear(truth), **keys)) > 5 * MAX_EXACT_MISFIT


@pytest.mark.parametrize(
    "keys", [None, {"sequence_stride": 4000}, {"padding": "valid", "num_samples": 100}], ids=["illegal", "few", "none"]
)
def test_what_cannot_be_has_the_largest(clip: Path, keys: dict[str, Any] | None) -> None:
    truth = TRUTHS["hop and mels"]
    options = None if keys is None else replace(linear(truth), **keys)
    assert descent_to(clip, truth).misfit(options) == 1.0


# A descent from the spectrum of Keras stays in a valley of its own; the search begins with other spectra too.
OUT_OF_REACH = "hop and mels"


@pytest.mark.full
def test_the_search_finds_what_a_descent_from_keras_does_not(clip: Path) -> None:
    truth = TRUTHS[OUT_OF_REACH]
    found = identify(str(clip), made(clip, truth))
    assert (found.certainty, found.options) == ("exact", truth)


@pytest.mark.parametrize("name", full_but([name for name in TRUTHS if name != OUT_OF_REACH], "window", "round edges"))
def test_it_comes_to_the_truth_from_the_spectrum_of_keras(clip: Path, name: str) -> None:
    truth = TRUTHS[name]
    start = FeatureOptions(
        fft_length=512,
        power_to_db=False,
        top_db=None,
        time_major=truth.time_major,
        **{key: getattr(truth, key) for key in ("sequence_stride", "num_mel_bins", "padding", "pad_mode")},
    )
    descent = descent_to(clip, truth)
    assert descent.misfit(start) > 100 * MAX_EXACT_MISFIT
    found, misfit = descent.run(start)
    assert misfit < MAX_EXACT_MISFIT
    for key in ("window", "window_periodic", "mel_scale", "mel_norm", "mel_triangles", "mag_exp"):
        assert getattr(found, key) == getattr(truth, key)
    assert found.min_freq == pytest.approx(truth.min_freq, abs=1)
    assert found.upper_edge_hz == pytest.approx(truth.upper_edge_hz, abs=1)


def test_edges_alone_are_brought_near_the_features(clip: Path) -> None:
    descent, start = descent_to(clip, TRUTHS["hop and mels"]), linear(TRUTHS["hop and mels"])
    start = replace(start, min_freq=300.0, max_freq=4000.0)
    found, misfit = descent.with_usual_bands(start)
    assert found.min_freq == pytest.approx(50.0, abs=5)
    assert found.upper_edge_hz == pytest.approx(8000.0, abs=100)
    assert misfit < 0.3 * descent.misfit(start)


def test_many_options_are_measured_as_each_of_them(clip: Path) -> None:
    truth = linear(TRUTHS["hop and mels"])
    others = [replace(truth, min_freq=60.0), replace(truth, mag_exp=1.0), replace(truth, log_offset=1e-3), None, truth]
    together = descent_to(clip, TRUTHS["hop and mels"]).misfits(others)
    alone = [descent_to(clip, TRUTHS["hop and mels"]).misfit(other) for other in others]
    assert together == pytest.approx(alone, rel=1e-4, abs=5e-6)
    assert together[-1] < MAX_EXACT_MISFIT < min(together[:-1])


def test_a_scan_keeps_the_offset_and_brings_the_best_band(clip: Path) -> None:
    truth = linear(TRUTHS["hop and mels"])
    bands = [
        Band.of(replace(truth, min_freq=low, mel_scale=scale)) for low in (0.0, 50.0) for scale in ("htk", "slaney")
    ]
    found, misfit = descent_to(clip, TRUTHS["hop and mels"]).scan(replace(truth, min_freq=0.0), bands, 0.0)
    assert (found.min_freq, found.mel_scale, found.log_offset) == (50.0, "slaney", 0.0)
    assert misfit < MAX_EXACT_MISFIT
    _, with_offset = descent_to(clip, TRUTHS["hop and mels"]).scan(truth, bands, 1.0)
    assert with_offset > 100 * MAX_EXACT_MISFIT


def test_what_is_hopeless_is_given_up_after_one_round(clip: Path) -> None:
    truth = TRUTHS["hop and mels"]
    _, misfit = descent_to(clip, truth).run(replace(linear(truth), sequence_stride=113))
    assert misfit > 0.1
