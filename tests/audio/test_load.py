"""From a file to signals."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from melcli.audio import decode as decode_module
from melcli.audio.load import load_audio
from melcli.audio.options import AudioOptions
from melcli.audio.resample import Resampler
from melcli.errors import AudioError
from tests.audio.sounds import music, reference, write


def resampled(signal: np.ndarray, source_hz: int, target_hz: int, method: str = "soxr_hq") -> np.ndarray:
    resample = Resampler(source_hz, target_hz, num_channels=signal.shape[1], method=method, dtype=signal.dtype.name)
    return resample(np.ascontiguousarray(signal), last=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sampling_rate", [16_000, 44_100])
@pytest.mark.parametrize("method", ["soxr_hq", "polyphase"])
@pytest.mark.parametrize("channels", ["mix", "each", 0, 2])
def test_decode_then_channels_then_resample(tmp_path, channels, method, sampling_rate, dtype):
    path = write(tmp_path / "a.wav", music(60_000, 3, 44_100), 44_100)
    audio = load_audio(
        str(path), AudioOptions(channels=channels, resampler=method), sampling_rate=sampling_rate, dtype=dtype
    )
    file = reference(path, dtype)
    chosen = {"mix": file.mean(axis=1, keepdims=True), "each": file}.get(
        channels, file[:, :1] if channels == 0 else file[:, 2:]
    )
    expected = chosen if sampling_rate == 44_100 else resampled(chosen, 44_100, sampling_rate, method)
    np.testing.assert_array_equal(audio.signals, expected.T)
    assert audio.signals.flags.c_contiguous
    assert audio.signals.dtype == dtype
    assert (audio.sampling_rate, audio.source_sampling_rate) == (sampling_rate, 44_100)
    assert (audio.source_channels, audio.source_num_samples, audio.flags) == (3, 60_000, ())


def test_mixing_before_resampling_is_mixing_after(tmp_path):
    path = str(write(tmp_path / "a.wav", music(20_000, 2, 44_100), 44_100))
    mix = load_audio(path, AudioOptions(), sampling_rate=16_000, dtype="float64").signals
    each = load_audio(path, AudioOptions(channels="each"), sampling_rate=16_000, dtype="float64").signals
    # soxr computes its hq in float32, whatever goes in.
    np.testing.assert_allclose(mix[0], each.mean(axis=0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("block_samples", [100, 4096, 10**6])
@pytest.mark.parametrize("channels", ["mix", "each"])
@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.ogg"])
def test_any_block_size_gives_the_same_bytes(tmp_path, monkeypatch, name, channels, block_samples):
    path = str(write(tmp_path / name, music(30_000, 2, 44_100), 44_100))
    usual = load_audio(path, AudioOptions(channels=channels), sampling_rate=16_000)
    monkeypatch.setattr(decode_module, "BLOCK_SAMPLES", block_samples)
    other = load_audio(path, AudioOptions(channels=channels), sampling_rate=16_000)
    np.testing.assert_array_equal(other.signals, usual.signals)


def test_flags_are_passed_on(tmp_path):
    path = write(tmp_path / "a.wav", np.zeros((100, 1))).rename(tmp_path / "a.mp3")
    assert load_audio(str(path), AudioOptions(), sampling_rate=16_000).flags == ("misnamed", "silent")


def test_a_channel_that_is_not_there(tmp_path):
    path = write(tmp_path / "a.wav", music(100, 2))
    with pytest.raises(AudioError) as caught:
        load_audio(str(path), AudioOptions(channels=2), sampling_rate=16_000)
    assert str(caught.value) == "unsupported_format: channels=2 must lie in [0, 2) for this file"


@pytest.mark.parametrize("num_samples, num_resampled", [(5, 0), (6, 1), (12, 1)])
def test_less_than_one_sample(tmp_path, num_samples, num_resampled):
    path = str(write(tmp_path / "a.wav", music(num_samples), 96_000))
    if num_resampled:
        assert load_audio(path, AudioOptions(), sampling_rate=8000).signals.shape == (1, num_resampled)
        return
    with pytest.raises(AudioError) as caught:
        load_audio(path, AudioOptions(), sampling_rate=8000)
    assert str(caught.value) == "too_short: 5 samples at 96000 Hz last less than one at 8000 Hz"


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
@pytest.mark.parametrize("sampling_rate", [16_000, 48_000])
def test_memory_stays_under_twice_the_signals(tmp_path, name, sampling_rate):
    path = str(write(tmp_path / name, music(48_000 * 40, 2, 48_000), 48_000))
    load_audio(path, AudioOptions(), sampling_rate=sampling_rate)  # imports soxr
    tracemalloc.start()
    audio = load_audio(path, AudioOptions(), sampling_rate=sampling_rate)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * audio.signals.nbytes + 2**20
