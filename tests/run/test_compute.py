"""From a source to features: a source of many channels is opened as often as needed, and closed each time."""

from __future__ import annotations

import numpy as np
import pytest

from melcli.audio.array_source import ArraySource
from melcli.audio.load import AudioStream
from melcli.audio.options import AudioOptions
from melcli.config.config import Config
from melcli.errors import AudioError
from melcli.mel.options import FeatureOptions
from melcli.run.compute import compute_outputs
from melcli.stopwatch import STAGES, Stopwatch
from tests.run.corpus import noise

FEATURES = FeatureOptions(sampling_rate=8000, fft_length=512, sequence_stride=256, num_mel_bins=20)


@pytest.mark.parametrize("at_a_time, times", [(1, 5), (2, 3), (5, 1), (16, 1)])
def test_a_source_is_opened_once_for_some_of_its_outputs(
    at_a_time: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("melcli.run.compute.OUTPUTS_PER_PASS", at_a_time)
    config = Config(audio=AudioOptions(channels="each"), features=FEATURES)
    samples = noise(1, seconds=1.0, channels=5)
    opened: list[AudioStream] = []

    def open_audio() -> AudioStream:
        opened.append(AudioStream(ArraySource(samples, 8000, dtype="float32"), config.audio, sampling_rate=8000))
        return opened[-1]

    stopwatch = Stopwatch()
    audio, outputs = compute_outputs(open_audio, config, scratch="/none", stopwatch=stopwatch)
    assert (len(opened), audio) == (times, opened[-1])
    assert len(outputs) == 5
    assert len({next(iter(output.pieces())).tobytes() for output in outputs}) == 5
    assert set(stopwatch.seconds) <= set(STAGES)


def test_what_cannot_be_opened_or_is_too_short_is_raised() -> None:
    config = Config(features=FeatureOptions(padding="valid"))

    def open_audio() -> AudioStream:
        return AudioStream(ArraySource(np.zeros(9), 16_000, dtype="float32"), config.audio, sampling_rate=16_000)

    with pytest.raises(AudioError, match=r"^too_short"):
        compute_outputs(open_audio, config, scratch="/none", stopwatch=Stopwatch())
