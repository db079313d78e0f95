"""What was found, told by the nearest named config, and what the clip cannot tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from melcli.identify.clip import open_clips
from melcli.identify.naming import name
from melcli.identify.observation import observe
from melcli.identify.refine import Settling
from melcli.mel.options import FeatureOptions
from tests.identify.sounds import KNOWN, made, named

LN = FeatureOptions(fft_length=512, sequence_stride=160, num_mel_bins=40, power_to_db=False, top_db=None, log="ln")


def settling_of(clip: Path, features: np.ndarray, *, time_major: bool = False) -> Settling:
    return Settling(open_clips(str(clip))[0], observe(features, time_major=time_major), list(KNOWN.values()))


def test_the_nearest_config_is_told_with_what_differs(clip: Path) -> None:
    options = named("hifigan", sampling_rate=16_000, fft_length=512)
    answer = name(options, settling_of(clip, made(clip, options)), KNOWN)
    assert answer is not None
    assert answer.base == "hifigan"
    assert dict(answer.changed) == {"fft_length": 512, "sampling_rate": 16_000}
    assert answer.difference.maximum < 1e-5


def test_keys_that_say_nothing_here_are_those_of_the_config(clip: Path) -> None:
    options = named("kaldi_80", num_mel_bins=40)
    roundabout = replace(options, pad_mode="constant", mag_floor=1e-30, max_freq=8000.0)
    answer = name(roundabout, settling_of(clip, made(clip, options), time_major=True), KNOWN)
    assert answer is not None
    assert "pad_mode" not in answer.changed
    assert "max_freq" not in answer.changed


def test_a_config_that_is_named_is_told_by_its_name(clip: Path) -> None:
    options = KNOWN["keras"]
    settling = settling_of(clip, made(clip, options))
    answer = name(options, settling, KNOWN, base="librosa")
    assert answer is not None
    assert (answer.base, "mel_scale" in answer.changed) == ("librosa", True)


def test_options_of_another_shape_have_no_name(clip: Path) -> None:
    settling = settling_of(clip, made(clip, KNOWN["keras"]))
    assert name(KNOWN["whisper"], settling, KNOWN, base="whisper") is None
