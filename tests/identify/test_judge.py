"""The cases say what is true, and the judge knows right answers from wrong ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from melcli.mel.options import FeatureOptions
from tests.identify.judge import FOLDER, Known, made_by, read_cases, tolerance, wrong_keys

CASES = read_cases(FOLDER)
LARGEST_MISFIT = (
    2.0  # times what counts as the same; 1.7 at the 99.9th percentile on 2026-11-22, torchaudio and BigVGAN
)
OTHER_RESAMPLER = "torchaudio_resampled"  # close to 8 kHz far from soxr's
# said otherwise, and said about what this clip does not show
AS_GOOD: dict[str, tuple[str, dict[str, Any]]] = {
    "another logarithm": ("librosa_amplitude_db", {"power_to_db": False, "log": "log10", "std": 0.05}),
    "no scale but an offset": ("torchaudio_normalized", {"input_scale": 1.0, "mean": 28.8536122, "min_power": 7.68e-8}),
    "a floor that is not reached": ("librosa_sixty_db", {"min_power": 1e-9}),
    "the top edge by its number": ("kaldi_40", {"max_freq": 8000.0}),
    "a number that is estimated": ("librosa_ln_eps", {"log_offset": 1.0004e-6}),
    "samples outside that no frame sees": ("kaldi_hamming", {"pad_mode": "constant"}),
    "what the resampler covers": (OTHER_RESAMPLER, {"log_offset": 0.0, "pad_mode": "constant"}),
}
NOT_AS_GOOD: dict[str, tuple[str, dict[str, Any]]] = {
    "triangles": ("kaldi_40", {"mel_triangles": "hz"}),
    "triangles in half precision": ("whisper_128_half_precision", {"mel_triangles": "mel"}),
    "symmetry": ("torchaudio_byol", {"window_periodic": False}),
    "padding": ("hifigan_16k", {"padding": "center"}),
    "pad mode": ("librosa_older", {"pad_mode": "constant"}),
    "floor": ("librosa_not_centered", {"min_power": 1.01e-5}),
    "offset": ("nemo_streaming", {"log_offset": 0.0}),
    "in the root": ("matcha_16k", {"mag_eps": 0.0}),
    "degrees of freedom": ("nemo_all_features", {"std_ddof": 0}),
    "edge": ("kaldi_telephone", {"max_freq": 3710.0}),
    "other shape": ("speechbrain_60", {"time_major": False}),
    "logarithm alone": ("librosa_amplitude_db", {"power_to_db": False, "log": "log10"}),
}


@pytest.mark.parametrize(
    "case", [case for name, case in CASES.items() if name != OTHER_RESAMPLER], ids=lambda c: c.name
)
def test_the_options_of_a_case_give_its_features(case: Known) -> None:
    made = made_by(case.options, case.audio)

    assert made.shape == case.features.shape
    difference = np.percentile(np.abs(made - case.features.astype(np.float64)), 99.9)
    assert difference <= LARGEST_MISFIT * tolerance(case.features)
    assert wrong_keys(case, case.options) == []


@pytest.mark.parametrize("name, keys", AS_GOOD.values(), ids=AS_GOOD)
def test_what_does_the_same_is_right(name: str, keys: dict[str, Any]) -> None:
    assert wrong_keys(CASES[name], _with(CASES[name].options, keys)) == []


@pytest.mark.parametrize("name, keys", NOT_AS_GOOD.values(), ids=NOT_AS_GOOD)
def test_what_does_something_else_is_wrong(name: str, keys: dict[str, Any]) -> None:
    assert set(wrong_keys(CASES[name], _with(CASES[name].options, keys))) == set(keys)


def _with(options: FeatureOptions, keys: dict[str, Any]) -> FeatureOptions:
    return replace(options, **keys)
