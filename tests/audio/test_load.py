"""From a file to signals."""

from __future__ import annotations

import os
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from melcli.audio import decode as decode_module
from melcli.audio.load import AudioStream, load_audio
from melcli.audio.options import AudioOptions
from melcli.audio.resample import Resampler
from melcli.errors import AudioError
from melcli.stopwatch import Stopwatch
from tests.audio.mpeg_bytes import tagged, uncounted
from tests.audio.sounds import flac_claiming, music, reference, write
from tests.messages import names
from tests.tiers import full_but


def resampled(signal: np.ndarray, source_hz: int, target_hz: int, method: str = "soxr_hq") -> np.ndarray:
    resample = Resampler(source_hz, target_hz, num_channels=signal.shape[1], method=method, dtype=signal.dtype.name)
    return resample(np.ascontiguousarray(signal), last=True)


@pytest.mark.few(10)
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
    assert (audio.source_channels, audio.flags) == (3, ())


def test_mixing_before_resampling_is_mixing_after(tmp_path):
    path = str(write(tmp_path / "a.wav", music(20_000, 2, 44_100), 44_100))
    mix = load_audio(path, AudioOptions(), sampling_rate=16_000, dtype="float64").signals
    each = load_audio(path, AudioOptions(channels="each"), sampling_rate=16_000, dtype="float64").signals
    # soxr computes its hq in float32, whatever goes in.
    np.testing.assert_allclose(mix[0], each.mean(axis=0), rtol=0, atol=1e-6)


@pytest.mark.few(5)
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


@pytest.mark.parametrize("channels, expected", [("mix", ("silent_mix",)), ("each", ()), (0, ())])
@pytest.mark.parametrize("silent_channels", [0, 1])
def test_channels_that_cancel_each_other(tmp_path, channels, expected, silent_channels):
    left = music(100_000)
    path = write(
        tmp_path / "a.wav", np.hstack([left, -left, *[np.zeros_like(left)] * silent_channels]), 16_000, "FLOAT"
    )
    assert load_audio(str(path), AudioOptions(channels=channels), sampling_rate=16_000).flags == expected


def test_channels_that_cancel_each_other_for_a_while_only(tmp_path):
    left = music(100_000)
    right = -left
    right[-1] += 0.25
    path = write(tmp_path / "a.wav", np.hstack([left, right]), 16_000, "FLOAT")
    assert load_audio(str(path), AudioOptions(), sampling_rate=16_000).flags == ()


@pytest.mark.parametrize("num_channels", [1, 2])
def test_silence_is_no_silent_mix(tmp_path, num_channels):
    path = write(tmp_path / "a.wav", np.zeros((1_000, num_channels)))
    assert load_audio(str(path), AudioOptions(), sampling_rate=16_000).flags == ("silent",)


def test_a_channel_that_is_not_there(tmp_path):
    path = write(tmp_path / "a.wav", music(100, 2))
    with pytest.raises(AudioError) as caught:
        load_audio(str(path), AudioOptions(channels=2), sampling_rate=16_000)
    assert names(caught.value, "unsupported_format", "channels=2", "[0, 2)")


@pytest.mark.parametrize("num_samples, num_resampled", [(5, 0), (6, 1), (12, 1)])
def test_less_than_one_sample(tmp_path, num_samples, num_resampled):
    path = str(write(tmp_path / "a.wav", music(num_samples), 96_000))
    if num_resampled:
        assert load_audio(path, AudioOptions(), sampling_rate=8000).signals.shape == (1, num_resampled)
        return
    with pytest.raises(AudioError) as caught:
        load_audio(path, AudioOptions(), sampling_rate=8000)
    assert names(caught.value, "too_short", "5 samples at 96000 Hz", "8000 Hz")


@pytest.mark.full
@pytest.mark.parametrize("name", full_but(["a.wav", "a.flac"], "a.flac"))
@pytest.mark.parametrize("sampling_rate", full_but([16_000, 48_000], 16_000))
def test_memory_stays_under_twice_the_signals(tmp_path, name, sampling_rate):
    path = str(write(tmp_path / name, music(48_000 * 40, 2, 48_000), 48_000))
    load_audio(path, AudioOptions(), sampling_rate=sampling_rate)  # imports soxr
    tracemalloc.start()
    audio = load_audio(path, AudioOptions(), sampling_rate=sampling_rate)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * audio.signals.nbytes + 2**20


# block by block


def stream(path: Path, sampling_rate: int = 16_000, **more: Any) -> AudioStream:
    options = AudioOptions(channels=more.pop("channels", "mix"))
    return AudioStream(str(path), options, sampling_rate=sampling_rate, **more)


@pytest.mark.parametrize("channels", full_but(["mix", "each", 1], "each"))
@pytest.mark.parametrize("sampling_rate", [16_000, 44_100])
@pytest.mark.parametrize("name", full_but(["a.wav", "a.flac", "a.mp3", "a.ogg"], "a.flac", "a.mp3"))
def test_blocks_are_the_whole_one_after_another(tmp_path, name, sampling_rate, channels):
    path = write(tmp_path / name, music(150_000, 2, 44_100), 44_100)
    whole = load_audio(str(path), AudioOptions(channels=channels), sampling_rate=sampling_rate)
    with stream(path, sampling_rate, channels=channels) as audio:
        blocks, counted = [], []
        for block in audio.blocks():
            blocks.append(block)
            counted.append(audio.num_samples)
    assert len(blocks) > 1
    assert all(len(block) for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks), whole.signals.T)
    assert counted == np.cumsum([len(block) for block in blocks]).tolist()
    assert audio.num_samples == whole.signals.shape[1]
    assert (audio.num_outputs, audio.flags) == (len(whole.signals), whole.flags)
    assert (audio.source_sampling_rate, audio.source_channels) == (44_100, 2)


def test_blocks_are_the_caller_s_own(tmp_path):
    """What a block holds does not change when the next one is read: a stream of levels keeps views of it."""
    path = write(tmp_path / "a.wav", music(300_000, 1))
    with stream(path) as audio:
        blocks = list(audio.blocks())
    np.testing.assert_array_equal(np.concatenate(blocks), reference(path))
    assert not any(np.shares_memory(one, other) for one, other in pairwise(blocks))


@pytest.mark.parametrize("sampling_rate, expected", [(8000, 30_000), (16_000, 60_000), (48_000, 180_000)])
def test_how_many_samples_to_expect_is_what_the_header_says(tmp_path, sampling_rate, expected):
    with stream(write(tmp_path / "a.wav", music(60_000)), sampling_rate) as audio:
        assert audio.expected_samples == expected
        assert audio.num_samples == 0


def test_a_header_that_leaves_the_length_open_makes_nobody_expect_much(tmp_path):
    path = write(tmp_path / "a.au", music(60_000), subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[8:12] = b"\xff" * 4  # AU's way of saying that it does not know
    path.write_bytes(content)
    with stream(path) as audio:
        assert 0 < audio.expected_samples <= 2**20
        assert sum(map(len, audio.blocks())) == 60_000


def test_errors_come_at_the_latest_after_the_last_block(tmp_path):
    path = write(tmp_path / "a.wav", music(300_000))
    content = path.read_bytes()
    path.write_bytes(content[:-4])
    with pytest.raises(AudioError, match=r"^truncated: "), stream(path) as audio:
        list(audio.blocks())


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_the_file_is_closed_at_the_end_and_where_opening_fails(tmp_path):
    path = write(tmp_path / "a.wav", music(1000, 2))
    before = open_files()
    with stream(path):
        assert open_files() > before
    assert open_files() == before
    for refused in ({"channels": 2}, {"sampling_rate": 2**31 - 1}):
        with pytest.raises(AudioError):
            stream(path, **refused)
        assert open_files() == before


# longer than allowed


def test_a_header_that_tells_of_more_than_is_allowed_is_refused_at_once(tmp_path):
    path = write(tmp_path / "a.wav", music(96_000, rate_hz=8000), 8000)
    before = open_files()
    with pytest.raises(AudioError) as caught:
        stream(path, max_duration_s=10)
    assert names(caught.value, "too_long", "12.000 s by its header", " 10 s")
    assert open_files() == before


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3"])
@pytest.mark.parametrize("max_duration_s", [None, 4.0, 1e9])
def test_what_lasts_no_longer_than_is_allowed_is_read_whole(tmp_path, name, max_duration_s):
    """At its own rate: what comes out at another one is no longer in seconds."""
    path = write(tmp_path / name, music(32_000, rate_hz=8000), 8000)
    with stream(path, 48_000, max_duration_s=max_duration_s) as audio:
        assert sum(map(len, audio.blocks())) == 192_000


@pytest.mark.parametrize("claim", [0, 2**36 - 1])
@pytest.mark.parametrize("sampling_rate", [8000, 16_000])
def test_a_header_that_is_silent_or_lies_helps_no_longer_file(tmp_path, claim, sampling_rate):
    path = tmp_path / "a.flac"
    content = write(path, music(400_000, rate_hz=8000), 8000).read_bytes()
    path.write_bytes(flac_claiming(content, claim))
    with stream(path, sampling_rate, max_duration_s=10) as audio:
        with pytest.raises(AudioError) as caught:
            list(audio.blocks())
        # Blocks of 32,768 samples: the third one ends after 12.288 s.
        assert names(caught.value, "too_long", "continues after 12.288 s", " 10 s")
        assert 0 < audio.num_samples <= 10 * sampling_rate


@pytest.mark.parametrize("min_duration_s", [None, 0.5, 12.0])
def test_what_lasts_long_enough_is_read_whole(tmp_path, min_duration_s):
    path = write(tmp_path / "a.wav", music(96_000, rate_hz=8000), 8000)
    with stream(path, 4000, min_duration_s=min_duration_s) as audio:
        assert sum(map(len, audio.blocks())) == 48_000


@pytest.mark.parametrize("claim", [None, 0])
def test_a_shorter_file_is_too_short_whatever_its_header_says(tmp_path, claim):
    path = tmp_path / "a.flac"
    content = write(path, music(95_999, rate_hz=8000), 8000).read_bytes()
    if claim is not None:
        path.write_bytes(flac_claiming(content, claim))
    with stream(path, min_duration_s=12.0) as audio, pytest.raises(AudioError) as caught:
        list(audio.blocks())
    assert names(caught.value, "too_short", "11.9999 s", "the minimum is 12 s")


def test_a_header_that_claims_too_little_makes_no_file_too_short(tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(flac_claiming(write(path, music(96_000, rate_hz=8000), 8000).read_bytes(), 0))
    with stream(path, min_duration_s=12.0) as audio:
        assert sum(map(len, audio.blocks())) == 192_000


@pytest.mark.parametrize("channels", ["mix", "each", 1])
def test_levels_are_those_of_the_file_before_channels_and_rate(tmp_path, channels):
    signal = np.stack([np.full(8000, 0.5), np.full(8000, -0.25)], axis=1)
    path = write(tmp_path / "a.wav", signal, 8000)
    for sampling_rate in (8000, 16_000):
        with stream(path, sampling_rate, channels=channels) as audio:
            list(audio.blocks())
        assert audio.levels.describe() == {
            "peak": 0.5,
            "rms_db": round(10 * np.log10((0.25 + 0.0625) / 2), 3),
            "clipped_fraction": 0.0,
            "dc_offset": 0.125,
        }


def test_an_mp3_whose_header_says_nothing_is_stopped_too(tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(uncounted(tagged(12.5)))
    with stream(path, max_duration_s=5.5) as audio, pytest.raises(AudioError) as caught:
        list(audio.blocks())
    assert names(caught.value, "too_long", "continues after 6.144 s", " 5.5 s")


@pytest.mark.parametrize("sampling_rate", [8000, 16_000])
def test_the_stopwatch_is_told_decoding_and_resampling(tmp_path, sampling_rate):
    laps = []

    class Listening(Stopwatch):
        def lap(self, stage: str) -> None:
            laps.append(stage)

    with stream(write(tmp_path / "a.wav", music(200_000)), sampling_rate, stopwatch=Listening()) as audio:
        num_blocks = len(list(audio.blocks()))
    assert num_blocks > 1
    assert laps[:2] == ["decode", "resample"]
    assert laps[::2] == ["decode"] * (len(laps) // 2)
    assert laps[1::2] == ["resample"] * (len(laps) // 2)


@pytest.mark.full
@pytest.mark.parametrize("name", full_but(["a.wav", "a.flac"], "a.flac"))
@pytest.mark.parametrize("sampling_rate", full_but([16_000, 48_000], 16_000))
def test_memory_of_a_stream_does_not_grow_with_the_file(tmp_path, name, sampling_rate):
    def peak_bytes(seconds: int) -> int:
        path = write(tmp_path / name, music(48_000 * seconds, 2, 48_000), 48_000)
        tracemalloc.start()
        with stream(path, sampling_rate) as audio:
            for _ in audio.blocks():
                pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    load_audio(str(write(tmp_path / name, music(9000, 2, 48_000), 48_000)), AudioOptions(), sampling_rate=sampling_rate)
    assert peak_bytes(60) < 1.1 * peak_bytes(15) < 10_000_000
