"""Logarithm, floor and normalization: the truth is among what is worked out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from melcli.identify.clip import open_clips
from melcli.identify.levels import Line, level_keys, plain_number
from melcli.identify.observation import observe
from melcli.identify.refine import Settling, linear
from melcli.mel.options import FeatureOptions
from tests.identify.sounds import KNOWN, made

BASE = FeatureOptions(fft_length=512, sequence_stride=160, num_mel_bins=40, power_to_db=False, top_db=None)
LEVELS: dict[str, dict[str, Any]] = {
    "dB": {"power_to_db": True, "min_power": 1e-10},
    "dB of the loudest": {"power_to_db": True, "top_db": 70.0, "ref_power": "max"},
    "dB from 0 to 1": {"power_to_db": True, "top_db": 80.0, "ref_power": "max", "mean": -80.0, "std": 80.0},
    "ln with a floor": {"log": "ln", "min_power": 1e-5},
    "ln with a floor of nobody's": {"log": "ln", "min_power": 3.7e-4},
    "ln of an offset": {"log": "ln", "log_offset": 1e-6, "min_power": 1e-30},
    "log10 of Whisper": {"log": "log10", "top_db": 80.0, "mean": -4.0, "std": 4.0},
    "16-bit samples": {"log": "ln", "input_scale": 32768.0, "min_power": 1.1920928955078125e-07},
    "mean of bins": {"log": "ln", "min_power": 1e-7, "mean": "bin"},
    "bins": {"log": "ln", "log_offset": 2.0**-24, "mean": "bin", "std": "bin", "std_eps": 1e-5},
    "all": {"power_to_db": True, "mean": "all", "std": "all", "std_ddof": 0},
    "linear": {},
    "linear, scaled": {"std": 0.25},
}


@pytest.mark.few(4)
@pytest.mark.parametrize("keys", LEVELS.values(), ids=LEVELS)
def test_the_truth_is_among_them(clip: Path, keys: dict[str, Any]) -> None:
    truth = replace(BASE, **keys)
    features = made(clip, truth)
    seen = observe(features, time_major=False, linear=truth.logarithm is None)
    settling = Settling(open_clips(str(clip))[0], seen, list(KNOWN.values()))
    spectral = linear(BASE)
    mels = settling.mels(spectral)
    assert mels is not None

    found = level_keys(seen, mels.astype(np.float64), spectral, KNOWN.values())

    distances = [settling.difference(replace(spectral, time_major=False, **each)) for each in found]
    best = min(distance.relative for distance in distances if distance is not None)
    assert best < 2e-5


def test_usual_offsets_are_among_them_where_no_value_is_quiet_enough_to_tell_one(clip: Path) -> None:
    truth = replace(BASE, log="ln", log_offset=2.0**-23, min_power=1e-30)
    features = made(clip, truth)
    frames = np.flatnonzero((features > np.log(1e-5)).all(axis=0))  # far above the offset
    seen = observe(features[:, frames], time_major=False)
    mels = Settling(open_clips(str(clip))[0], observe(features, time_major=False), []).mels(linear(BASE))
    assert mels is not None

    found = level_keys(seen, mels[frames].astype(np.float64), linear(BASE), KNOWN.values())

    assert any(keys["log_offset"] == 2.0**-23 and keys["log"] == "ln" and keys["std"] == 1.0 for keys in found)


def test_the_loudest_as_reference_is_one_of_them(clip: Path) -> None:
    seen = observe(made(clip, replace(BASE, **LEVELS["dB of the loudest"])), time_major=False)
    settling = Settling(open_clips(str(clip))[0], seen, list(KNOWN.values()))
    mels = settling.mels(linear(BASE))
    assert mels is not None
    found = level_keys(seen, mels.astype(np.float64), linear(BASE), KNOWN.values())
    assert {**LEVELS["dB of the loudest"], "mean": 0.0}.items() <= next(
        keys.items() for keys in found if keys.get("ref_power") == "max" and keys["top_db"] == 70.0
    )


def test_the_lowest_value_as_a_floor_is_one_of_them(clip: Path) -> None:
    seen = observe(made(clip, replace(BASE, log="ln", min_power=3.7e-4)), time_major=False)
    settling = Settling(open_clips(str(clip))[0], seen, list(KNOWN.values()))
    mels = settling.mels(linear(BASE))
    assert mels is not None
    floors = [keys["min_power"] for keys in level_keys(seen, mels.astype(np.float64), linear(BASE), KNOWN.values())]
    assert 3.7e-4 in floors


def test_the_plainest_comes_first(clip: Path) -> None:
    truth = replace(BASE, log="ln", min_power=1e-5)
    seen = observe(made(clip, truth), time_major=False)
    settling = Settling(open_clips(str(clip))[0], seen, list(KNOWN.values()))
    mels = settling.mels(linear(BASE))
    assert mels is not None
    first = level_keys(seen, mels.astype(np.float64), linear(BASE), KNOWN.values())[0]
    assert (first["std"], first["mean"], first["input_scale"]) == (1.0, 0.0, 1.0)


@pytest.mark.parametrize(
    "value, plain",
    [
        (0.0, 0.0),
        (float("inf"), 0.0),
        (1.00004e-5, 1e-5),
        (-80.003, -80.0),
        (0.09999, 0.1),
        (2.0**-24 * 1.00005, 2.0**-24),
        (-(2.0**-23), -(2.0**-23)),
        (1.2345678, 1.23457),
        (12.04, 12.04),
        (12.3, 12.3),
    ],
)
def test_a_number_is_taken_for_the_plainest_near_it(value: float, plain: float) -> None:
    assert plain_number(value) == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize("normalize", [False, True], ids=["levels", "each bin"])
def test_a_floor_that_each_bin_reaches_once_is_told(clip: Path, normalize: bool) -> None:
    """Speech reaches 60 dB below its loudest level in single values."""
    mels = np.exp(np.random.default_rng(2).uniform(-6.0, 0.0, size=(60, 12)))
    mels[np.arange(12) + 20, np.arange(12)] = 1e-9
    levels = 10 * np.log10(np.maximum(mels, 1e-6 * mels.max()))
    features = (levels - levels.mean(axis=0)) / levels.std(axis=0) if normalize else levels
    options = replace(linear(BASE), num_mel_bins=12)

    found = level_keys(observe(features, time_major=True), mels, options, KNOWN.values())

    assert 60.0 in {keys["top_db"] for keys in found}


def test_a_line_turns_about_the_middle_of_its_values() -> None:
    line = Line(factor=0.999, term=-20.0, middle=-18.0)
    turned = line.turned(1.0)
    assert turned.factor == 1.0
    assert turned.term + turned.factor * -18.0 == pytest.approx(line.term + line.factor * -18.0)
