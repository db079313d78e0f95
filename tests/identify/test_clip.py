"""The audio at the rates and with the channels that it may have been read with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from melcli.errors import AudioError
from melcli.identify.clip import MAX_SECONDS, RATES_HZ, open_clips
from melcli.mel.frames import frame_signal, window_frames
from melcli.mel.options import FeatureOptions
from melcli.mel.signals import prepare_signal
from melcli.mel.spectrum import magnitude_spectrum
from melcli.mel.windows import analysis_window
from tests.run.corpus import noise

FRAMES = np.array([2, 3, 9])


def test_its_own_rate_comes_first_and_none_twice(clip: Path) -> None:
    rates = open_clips(str(clip))[0].rates()
    assert rates[0] == 16_000
    assert sorted(rates) == sorted(RATES_HZ)


def test_rates_that_it_cannot_be_read_at_are_left_out(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "slow.wav", noise(0), 30)
    rates = open_clips(str(tmp_path / "slow.wav"))[0].rates()
    assert rates == [30, 16_000, 22_050, 24_000, 8_000]


def test_at_another_rate_it_is_resampled(clip: Path) -> None:
    opened = open_clips(str(clip))[0]
    assert len(opened.at(8_000)) == len(opened.at(16_000)) // 2
    assert opened.at(8_000) is opened.at(8_000)


@pytest.mark.parametrize(
    "channels, ways", [(1, ["mix"]), (2, ["mix", 0, 1]), (6, ["mix", 0, 1])], ids=["mono", "stereo", "surround"]
)
def test_channels_are_taken_in_every_way(tmp_path: Path, channels: int, ways: list[Any]) -> None:
    samples = noise(1, channels=channels)
    soundfile.write(tmp_path / "a.wav", samples, 8_000, subtype="FLOAT")
    clips = open_clips(str(tmp_path / "a.wav"))

    assert [opened.audio.channels for opened in clips] == ways
    expected = [samples.mean(axis=1), *samples.T][: len(ways)]
    for opened, signal in zip(clips, expected, strict=True):
        np.testing.assert_allclose(opened.at(8_000), signal, atol=1e-7)


def test_a_long_file_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.zeros(100 * (MAX_SECONDS + 1)), 100, subtype="PCM_U8")
    with pytest.raises(AudioError, match=r"too_long: it lasts 301 s, and 300 s are the maximum"):
        open_clips(str(tmp_path / "long.wav"))


@pytest.mark.parametrize("padding", ["center", "same", "valid", "kaldi", (5, 700)])
@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"sequence_length": 200, "window": "povey"},
        {"num_samples": 3000},
        {"num_samples": 20_000},
        {"pad_end": -700},
        {"pad_end": 700},
        {"preemphasis": 0.97, "preemphasis_mode": "signal_valid"},
        {"preemphasis": 0.97, "preemphasis_mode": "frame", "remove_dc_offset": True, "input_scale": 32768.0},
    ],
    ids=repr,
)
def test_the_spectrum_of_some_frames_is_that_of_the_whole_signal(
    clip: Path, padding: Any, keys: dict[str, Any]
) -> None:
    options = FeatureOptions(fft_length=512, sequence_stride=160, padding=padding, **keys)
    opened = open_clips(str(clip))[0]
    frames = frame_signal(prepare_signal(opened.at(16_000), options), options)
    windowed = np.zeros((len(frames), options.fft_length), dtype=np.float32)
    window = analysis_window(options).astype(np.float32)
    window_frames(frames, window, options, out=windowed[:, : options.frame_length])

    powers = opened.powers(options, FRAMES)

    assert powers is not None
    np.testing.assert_array_equal(powers, magnitude_spectrum(windowed, options)[FRAMES])


def test_frames_that_are_not_there_have_no_spectrum(clip: Path) -> None:
    opened = open_clips(str(clip))[0]
    options = FeatureOptions(fft_length=512, sequence_stride=160)
    last = len(opened.at(16_000)) // 160
    assert opened.powers(options, np.array([last])) is not None
    assert opened.powers(options, np.array([last + 1])) is None
