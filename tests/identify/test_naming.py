"""What was found, told by the nearest named config, and what the clip cannot tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from melcli.identify.clip import open_clips
from melcli.identify.naming import name, untold
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


def test_a_config_that_is_named_is_told_by_its_name(clip: Path) -> None:
    options = KNOWN["keras"]
    settling = settling_of(clip, made(clip, options))
    answer = name(options, settling, KNOWN, base="librosa")
    assert answer is not None
    assert (answer.base, "mel_scale" in answer.changed) == ("librosa", True)


def test_options_of_another_shape_have_no_name(clip: Path) -> None:
    settling = settling_of(clip, made(clip, KNOWN["keras"]))
    assert name(KNOWN["whisper"], settling, KNOWN, base="whisper") is None


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
    answer = name(options, settling, KNOWN, base="keras")
    assert answer is not None
    said = untold(answer, settling, KNOWN)
    assert (key in said) is is_untold
    assert getattr(options, key) not in said.get(key, [])


def test_linear_values_have_no_floor_to_speak_of(clip: Path) -> None:
    options = replace(LN, log=None)
    settling = settling_of(clip, made(clip, options))
    answer = name(options, settling, KNOWN, base="keras")
    assert answer is not None
    assert not {"min_power", "log_offset", "top_db"} & set(untold(answer, settling, KNOWN))


def test_usual_depths_that_no_config_has_are_told_where_no_value_is_so_deep(clip: Path) -> None:
    """In run 18 of the blind set, ``top_db: 60`` was not among them, and the next clip reached that floor."""
    options = replace(LN, power_to_db=True, log=None, top_db=None, min_power=1e-3)
    settling = settling_of(clip, made(clip, options))
    answer = name(options, settling, KNOWN)
    assert answer is not None
    range_db = np.ptp(made(clip, options))
    told = untold(answer, settling, KNOWN)["top_db"]
    assert {depth for depth in (60.0, 70.0, 90.0) if depth > range_db} <= {*told, answer.options.top_db}
    assert 20.0 not in told
