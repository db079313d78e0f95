"""Limits that a clip does not reach: which values are stated, and which others are listed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from melcli.identify.doubts import doubts
from melcli.identify.limits import untold, with_usual_limits
from melcli.identify.naming import name
from melcli.identify.refine import Settling
from melcli.mel.options import FeatureOptions
from tests.identify.sounds import KNOWN, RATE_HZ, made, named
from tests.identify.test_naming import LN, settling_of

LOUD = replace(LN, power_to_db=True, log=None, min_power=1e-10, top_db=80.0, ref_power="max")


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0.5 s of noise, whose mels span about 20 dB."""
    path = tmp_path_factory.mktemp("limits") / "noise.wav"
    soundfile.write(path, np.random.default_rng(5).normal(0, 0.05, RATE_HZ // 2), RATE_HZ, subtype="PCM_16")
    return path


def left_open(options: FeatureOptions, settling: Settling) -> dict[str, list[Any]]:
    """Return what a clip does not tell."""
    return dict(untold(options, settling, KNOWN.values(), residual=0.0).values)


@pytest.mark.parametrize("unit", [{"power_to_db": True}, {"power_to_db": False, "log": "log10"}], ids=["dB", "log10"])
def test_below_the_loudest_the_usual_limits_are_stated_in_any_unit(noise: Path, unit: dict[str, Any]) -> None:
    """In run 21 of the blind set, decibels over 40 were told as log10, with the limits of voxtral_realtime."""
    reached = replace(LOUD, **unit, min_power=3.1622776601683797e-07, top_db=None)
    found = with_usual_limits(reached, settling_of(noise, made(noise, reached)))
    assert (found.min_power, found.top_db) == (1e-10, 80.0)


def test_limits_that_the_clip_reaches_stay(noise: Path) -> None:
    reached = replace(LOUD, min_power=1e-3, top_db=10.0)
    assert with_usual_limits(reached, settling_of(noise, made(noise, reached))) == replace(reached, min_power=1e-10)


def test_values_that_fit_in_any_combination_are_told_as_such(noise: Path) -> None:
    told = untold(LOUD, settling_of(noise, made(noise, LOUD)), KNOWN.values(), residual=0.0)
    assert {60.0, 50.0} <= set(told.values["top_db"])
    assert 1e-8 in told.values["min_power"]
    assert (told.together, told.one_is_reached) == (True, False)


def test_offsets_that_fit_only_alone_leave_no_doubt(noise: Path) -> None:
    """The lowest values fit at once, so the answer that states them is right on this clip and on any other."""
    options = replace(LN, log_offset=0.0, min_power=1e-30)
    settling = settling_of(noise, made(noise, options))
    least = float(np.exp(made(noise, options).min()))
    step = 1.9e-5 * settling.range  # what each of them changes the lowest level by, as a share of the range
    known = [replace(options, log_offset=step * least), replace(options, mag_eps=1e-9)]
    told = untold(options, settling, known, residual=0.0)
    assert "log_offset" in told.values
    assert not told.one_is_reached


def test_values_that_fit_only_alone_are_told_as_such(noise: Path) -> None:
    """Of two limits at the same level, each can be left out, but not both; and then no answer is sure."""
    loudest = float(10 ** (made(noise, replace(LOUD, ref_power=1.0)).max() / 10))
    both = replace(LOUD, min_power=loudest * 1e-1, top_db=10.0)
    settling = settling_of(noise, made(noise, both))
    told = untold(both, settling, KNOWN.values(), residual=0.0)
    assert 1e-10 in told.values["min_power"]
    assert 80.0 in told.values["top_db"]
    assert (told.together, told.one_is_reached) == (False, True)
    said = doubts(both, settling, KNOWN.values(), told)
    assert any("min_power" in doubt and "the clip cannot tell which" in doubt for doubt in said)


def test_limits_that_the_features_do_not_reach_are_not_those_of_the_nearest_config(clip: Path) -> None:
    coqui = KNOWN["coqui"]
    assert coqui.clip is not None
    other = named("coqui", num_mel_bins=40, fft_length=512, mean="all", std="all", clip=None, min_power=1e-20)
    answer = name(replace(other, clip=coqui.clip), settling_of(clip, made(clip, other)), KNOWN)
    assert answer is not None
    assert answer.options.clip is None
    assert answer.options.min_power == 1e-20  # which the silence in the clip reaches
    itself = name(coqui, settling_of(clip, made(clip, coqui)), KNOWN)
    assert itself is not None
    assert (itself.base, dict(itself.changed)) == ("coqui", {})


@pytest.mark.parametrize(
    "keys, key, is_untold",
    [
        ({"min_power": 1e-15}, "min_power", False),  # true silence reaches any floor
        ({"min_power": 1e-15, "log_offset": 1e-3}, "min_power", True),
        ({"log_offset": 1e-3}, "log_offset", False),
        ({"padding": "valid"}, "pad_mode", False),  # which does nothing there
        ({}, "pad_mode", False),
        ({"mean": "bin"}, "std_eps", False),
        ({"mean": "bin", "std": "bin", "std_eps": 1e-9}, "std_eps", True),
        ({"mean": "bin", "std": "bin", "std_eps": 0.1}, "std_eps", False),
        ({"mag_eps": 1e-6}, "mag_eps", False),
        ({"window": None}, "window_periodic", False),
    ],
    ids=repr,
)
def test_what_the_clip_does_not_come_to_is_said(clip: Path, keys: dict[str, object], key: str, is_untold: bool) -> None:
    options = replace(LN, **keys)  # type: ignore[arg-type]
    settling = settling_of(clip, made(clip, options))
    said = left_open(options, settling)
    assert (key in said) is is_untold
    assert getattr(options, key) not in said.get(key, [])


def test_linear_values_have_no_floor_to_speak_of(clip: Path) -> None:
    options = replace(LN, log=None)
    settling = settling_of(clip, made(clip, options))
    assert not {"min_power", "log_offset", "top_db"} & set(left_open(options, settling))


def test_usual_depths_that_no_config_has_are_told_where_no_value_is_so_deep(clip: Path) -> None:
    """In run 18 of the blind set, ``top_db: 60`` was not among them, and the next clip reached that floor."""
    options = replace(LN, power_to_db=True, log=None, top_db=None, min_power=1e-3)
    settling = settling_of(clip, made(clip, options))
    answer = name(options, settling, KNOWN)
    assert answer is not None
    range_db = np.ptp(made(clip, options))
    told = left_open(answer.options, settling)["top_db"]
    assert {depth for depth in (60.0, 70.0, 90.0) if depth > range_db} <= {*told, answer.options.top_db}
    assert 20.0 not in told
