"""Runs of MPEG frames in files."""

from __future__ import annotations

import time

import pytest

from melcli.audio import mpeg_frames
from melcli.audio.mpeg_frames import begins_run, find_run, follow_frames
from tests.audio.mpeg_bytes import ID3V1, ID3V2, LYRICS3, NOISE, ape, bare, reader, silence, tagged
from tests.audio.sounds import frames_of

SAMPLES = 576  # of a frame at 16 kHz


@pytest.fixture(scope="module")
def frames() -> bytes:
    return bare(tagged())


def follow(data: bytes, first: int = 0):
    return follow_frames(reader(data), first, len(data))


def split(frames: bytes, number: int) -> tuple[bytes, bytes]:
    at = frames_of(frames)[number]
    return frames[:at], frames[at:]


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("rate_hz, samples", [(8_000, 576), (22_050, 576), (44_100, 1152)])
def test_all_frames_of_lame(rate_hz, samples, mode):
    data = bare(tagged(2.0, rate_hz, 2, mode))
    found = follow(data)
    (run,) = found.runs
    assert run == (0, len(data), len(frames_of(data)), False)
    assert found.num_samples == samples * len(frames_of(data))
    assert found.broken is None
    assert found.complete
    assert found.junk_bytes == 0


@pytest.mark.parametrize("window", [4, 100, 1000])
def test_pieces_of_any_size_give_the_same(frames, monkeypatch, window):
    expected = follow(frames)
    monkeypatch.setattr(mpeg_frames, "WINDOW_BYTES", window)
    assert follow(frames) == expected


def test_a_last_frame_that_is_cut(frames):
    *_, last = frames_of(frames)
    found = follow(frames[:-1])
    assert found.runs[-1] == (0, last, len(frames_of(frames)) - 1, True)


@pytest.mark.parametrize("gap", [b"\0", bytes(100), NOISE[:1000], ID3V1, ID3V2, LYRICS3, ape(9000), ID3V1 + ID3V2])
def test_tags_and_what_mpg123_passes_over_join_runs(frames, gap):
    before, after = split(frames, 40)
    found = follow(before + gap + after)
    assert [(run.offset, run.end) for run in found.runs] == [
        (0, len(before)),
        (len(before) + len(gap), len(frames) + len(gap)),
    ]
    assert found.num_samples == follow(frames).num_samples
    assert found.broken is None


@pytest.mark.parametrize("gap", [bytes(1025), NOISE[:20_000], ID3V1 + NOISE[:2000]])
def test_more_between_two_frames_is_damage(frames, gap):
    before, after = split(frames, 40)
    broken = follow(before + gap + after).broken
    assert (broken.kind, broken.offset, broken.num_samples) == ("damage", len(before), 40 * SAMPLES)


def test_a_frame_whose_header_is_damaged_is_damage(frames):
    at, end = frames_of(frames)[40:42]
    broken = follow(frames[:at] + b"\0" + frames[at + 1 :]).broken
    assert (broken.kind, broken.offset, broken.gap_bytes, broken.num_samples) == ("damage", at, end - at, 40 * SAMPLES)


@pytest.mark.parametrize("rate_hz, num_channels", [(22_050, 1), (44_100, 1), (16_000, 2)])
@pytest.mark.parametrize("between", [b"", ID3V1, ID3V2])
def test_frames_of_another_stream_are_a_change(frames, rate_hz, num_channels, between):
    broken = follow(frames + between + bare(tagged(1.0, rate_hz, num_channels))).broken
    assert (broken.kind, broken.num_samples) == ("change", follow(frames).num_samples)
    assert (broken.before.sampling_rate, broken.before.num_channels) == (16_000, 1)
    assert (broken.after.sampling_rate, broken.after.num_channels) == (rate_hz, num_channels)


@pytest.mark.parametrize("size", [1, 1024, 5000, 500_000])
@pytest.mark.parametrize("kind", [bytes, lambda size: NOISE[:size], lambda size: b"\xff" * size])
def test_junk_behind_the_last_frame_is_counted(frames, kind, size):
    found = follow(frames + kind(size))
    assert [run.end for run in found.runs] == [len(frames)]
    assert (found.junk_bytes, found.broken) == (size, None)


def test_no_frame_at_the_beginning(frames):
    assert follow(frames, 1) is None
    assert begins_run(reader(frames), 0, len(frames))
    assert not begins_run(reader(frames), 1, len(frames))
    assert not begins_run(reader(frames[:200]), 0, 200)


@pytest.mark.parametrize("junk", [b"\0", bytes(4096), NOISE[:4096], NOISE[:700_000], b"\xff" * 4096])
def test_a_run_is_found_behind_junk(frames, junk):
    data = junk + frames
    assert find_run(reader(data), 0, len(data), max_bytes=2**20)[0] == len(junk)
    assert find_run(reader(data), 0, len(data), max_bytes=len(junk)) is None


@pytest.mark.parametrize(
    "number, behind, is_found", [(7, b"\0", False), (8, b"\0", True), (2, b"", False), (3, b"", True)]
)
def test_few_frames_prove_nothing_unless_the_audio_ends_with_them(number, behind, is_found):
    data = b"\0" + silence(b"\xff\xfd\x84\xc0", number) + behind * 1000
    assert (find_run(reader(data), 0, len(data), max_bytes=2**20) is not None) == is_found


def test_noise_holds_no_run():
    data = NOISE * 4
    assert find_run(reader(data), 0, len(data), max_bytes=len(data)) is None


def test_headers_that_all_lead_to_one_break_are_followed_once():
    """Each of 2,700 headers began a run of up to 340 frames; now each frame is looked at once."""
    frame_of_24_bytes = b"\xff\xf3\x14"
    data = frame_of_24_bytes * 2690 + bytes(122)
    started_s = time.process_time()
    assert find_run(reader(data), 0, len(data), max_bytes=len(data)) is not None  # 340 frames, and libsndfile agrees
    assert find_run(reader(data), len(data) - 200, len(data), max_bytes=len(data)) is None
    assert time.process_time() - started_s < 0.25


@pytest.mark.full
def test_a_hostile_search_ends():
    """Headers without a frame behind them, 3 million in all."""
    data = b"\xff\xfb\x90\0\1" * 3_000_000
    started_s = time.process_time()
    assert find_run(reader(data), 0, len(data), max_bytes=2**24) is None
    assert time.process_time() - started_s < 4.0  # 0.6 s


def test_a_file_of_many_runs_is_not_followed_to_its_end(frames):
    few = frames[: frames_of(frames)[3]]
    data = (few + b"\0") * 5000
    reads = []
    found = follow_frames(lambda offset, size: reads.append(size) or data[offset : offset + size], 0, len(data))
    assert not found.complete
    assert len(reads) < 5000
    assert max(reads) <= 2**17


def test_a_file_of_many_frames_is_not_followed_to_its_end(frames, monkeypatch):
    monkeypatch.setattr(mpeg_frames, "MAX_FRAMES", 20)
    assert not follow(frames).complete
