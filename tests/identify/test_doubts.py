"""An answer with numbers of the clip itself is never a sure one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from melcli.identify.clip import open_clips
from melcli.identify.doubts import doubts, is_of_each_range
from melcli.identify.observation import observe
from melcli.identify.refine import Settling
from melcli.identify.search import Identification, identify
from melcli.mel.options import FeatureOptions
from tests.identify.sounds import KNOWN, made

FEW = {config: KNOWN[config] for config in ("keras", "librosa", "torchaudio", "kaldi_80", "hifigan")}
KERAS = KNOWN["keras"]
LN = replace(KERAS, fft_length=512, sequence_stride=160, num_mel_bins=40, power_to_db=False, top_db=None, log="ln")


def found(clip: Path, features: np.ndarray) -> Identification:
    return identify(str(clip), features.astype(np.float32), known=FEW)


def options_of(identification: Identification) -> FeatureOptions:
    assert identification.options is not None
    return identification.options


@pytest.mark.full
def test_a_floor_below_the_loudest_is_told_as_such(clip: Path) -> None:
    """It was told as the power that lay 40 dB below the loudest of this clip."""
    told = found(clip, made(clip, replace(KERAS, top_db=40.0)))
    assert (told.certainty, options_of(told).top_db) == ("exact", 40.0)


@pytest.mark.parametrize("mean, std", [(-80.0, 80.0), pytest.param(-40.0, 40.0, marks=pytest.mark.full)])
def test_levels_of_the_loudest_are_told_with_round_numbers(clip: Path, mean: float, std: float) -> None:
    """They were told with the loudest level of this clip as their mean."""
    told = found(clip, made(clip, replace(KERAS, ref_power="max", mean=mean, std=std)))
    options = options_of(told)
    assert (told.certainty, options.ref_power, options.mean, options.std) == ("exact", "max", mean, std)


@pytest.mark.full
@pytest.mark.parametrize("ddof", [0, pytest.param(1, marks=pytest.mark.full)])
def test_standardization_of_each_file_is_told_as_such(clip: Path, ddof: int) -> None:
    """It was told with the mean and the deviation of this clip."""
    levels = made(clip, replace(LN, min_power=1e-5)).astype(np.float64)
    told = found(clip, (levels - levels.mean()) / levels.std(ddof=ddof))
    options = options_of(told)
    assert (told.certainty, options.mean, options.std, options.std_ddof) == ("exact", "all", "all", ddof)


def test_min_max_of_each_file_is_undecided(clip: Path) -> None:
    levels = made(clip, replace(LN, min_power=1e-30))
    told = found(clip, (levels - levels.min()) / np.ptp(levels))
    assert told.certainty == "undecided"
    assert "after min-max scaling of each file, which no config has" in told.doubts[0]


@pytest.mark.full
def test_constants_that_nobody_could_know_are_undecided(clip: Path) -> None:
    told = found(clip, made(clip, replace(LN, min_power=1e-5, mean=-5.8123, std=4.3017)))
    assert told.certainty == "undecided"
    assert "mean=-5.8123, std=4.3017: constants of a data set, or a statistic of this file" in told.doubts[0]


@pytest.mark.full
def test_samples_scaled_to_their_peak_are_undecided(clip: Path) -> None:
    view = Settling(open_clips(str(clip))[0], observe(made(clip, LN), time_major=False), list(FEW.values()))
    peak = float(np.abs(view.clip.at(16_000)).max())
    told = doubts(replace(LN, input_scale=1 / peak), view, FEW.values())
    assert "the samples of this file were scaled to a peak of 1" in told[0]


@pytest.mark.parametrize(
    "values, keys, scaled",
    [
        ([0.0, 0.5, 1.0], {}, True),
        ([-1.0, 0.5, 1.0], {}, True),
        ([0.0, 0.5, 0.99], {}, False),
        ([0.0, 0.5, 1.0], {"clip": (0.0, 1.0)}, False),
        ([0.0, 0.5, 1.0], {"clip": (-4.0, 4.0)}, True),
        ([0.0, 0.5, 1.0], {"mean": "all", "std": "all"}, False),
    ],
)
def test_both_ends_of_a_usual_range_are_reached(values: list[float], keys: dict[str, Any], scaled: bool) -> None:
    assert is_of_each_range(np.array(values), replace(KERAS, **keys)) is scaled
