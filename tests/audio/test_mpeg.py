"""The end of MPEG streams, with frames of LAME through libsndfile."""

from __future__ import annotations

import random
import time

import pytest

from melcli.audio.mpeg import counts_itself, end_of_mpeg, goes_on
from tests.audio.sounds import frames_of, music, untagged, write

RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)  # MPEG-2.5, MPEG-2, MPEG-1


def reader(data: bytes):
    return lambda offset, size: data[offset : offset + size]


def ending_of(data: bytes):
    return end_of_mpeg(reader(data), len(data))


@pytest.fixture(scope="module", params=[(rate, mode) for rate in RATES_HZ for mode in ("CONSTANT", "VARIABLE")])
def mp3(request, tmp_path_factory) -> bytes:
    rate_hz, mode = request.param
    path = tmp_path_factory.mktemp("mp3") / "a.mp3"
    return write(path, music(3 * rate_hz, 2, rate_hz), rate_hz, bitrate_mode=mode, compression_level=0.5).read_bytes()


def test_a_tag_finds_every_cut(mp3):
    ending = ending_of(mp3)
    assert (ending.shortfall, ending.counts_frames, ending.audio_end) == ("", True, len(mp3))
    for size in (len(mp3) - 1, len(mp3) // 2, 3_000):
        assert ending_of(mp3[:size]).shortfall == (
            f"the first frame claims {len(mp3):,} bytes of audio and {size:,} follow"
        )


def test_without_a_tag_a_cut_inside_a_frame_is_found(mp3):
    plain = untagged(mp3)
    ending = ending_of(plain)
    assert (ending.shortfall, ending.counts_frames) == ("", False)
    cuts = random.Random(1).sample(range(4_000, len(plain)), 60)
    found = [ending_of(plain[:size]).shortfall == "the file ends inside an MPEG frame" for size in cuts]
    assert sum(found) >= 57  # the rest fell between two frames


def test_a_tag_is_read_where_damage_follows_soon(mp3):
    whole = ending_of(mp3)
    frames = frames_of(mp3)
    for at in (1, 2, 3, 5):
        damaged = bytearray(mp3)
        damaged[frames[at] : frames[at] + 4] = bytes(4)
        ending = ending_of(bytes(damaged))
        assert (
            (ending.num_frames, ending.num_bytes) == (whole.num_frames, whole.num_bytes) == (len(frames) - 1, len(mp3))
        )
        told = f"the first frame claims {len(frames) - 1:,} frames of audio and no frame follows it"
        assert ending.shortfall == (told if at == 1 else "")
        assert ending_of(bytes(damaged[:-1])).shortfall.startswith("the first frame claims ")


def test_a_tag_that_counts_its_own_frame(mp3):
    at = mp3.find(b"Xing" if b"Xing" in mp3[:200] else b"Info") + 8
    counting = bytearray(mp3)
    counting[at : at + 4] = len(frames_of(mp3)).to_bytes(4, "big")
    without_bytes = bytearray(counting)
    without_bytes[at - 1] = 1
    damaged = bytearray(counting)
    damaged[frames_of(mp3)[-1]] = 0
    for data, expected in ((counting, True), (mp3, False), (without_bytes, False), (damaged, False)):
        assert counts_itself(reader(bytes(data)), ending_of(bytes(data))) == expected


@pytest.mark.parametrize("tagged", [True, False])
def test_tags_at_the_end_are_no_audio(mp3, tagged):
    frames = mp3 if tagged else untagged(mp3)
    ape = b"APETAGEX" + (2000).to_bytes(4, "little") + (40).to_bytes(4, "little")  # version; size without header
    ape_footer = b"APETAGEX" + bytes(4) + (40).to_bytes(4, "little") + bytes(7) + b"\x80" + bytes(8)
    ape_tag = ape.ljust(32, b"\0") + bytes(8) + ape_footer
    id3v1 = b"TAG" + bytes(125)
    for tags in (id3v1, ape_tag, ape_tag + id3v1):
        ending = ending_of(frames + tags)
        assert (ending.shortfall, ending.audio_end) == ("", len(frames))


def test_vbri_counts_bytes_but_not_for_mpg123(mp3):
    plain = bytearray(untagged(mp3))
    plain[36:54] = b"VBRI" + bytes(6) + len(plain).to_bytes(4, "big") + bytes(4)
    ending = ending_of(bytes(plain))
    assert (ending.shortfall, ending.counts_frames) == ("", False)
    assert "claims" in ending_of(bytes(plain[:-1])).shortfall


def test_less_than_two_frames():
    frame = b"\xff\xfb\x90\x00" + bytes(413)  # 128 kbit/s at 44.1 kHz
    assert ending_of(frame[:300]).cut_header
    assert ending_of(b"\xff\xfb is no long text" * 100) is None


def test_what_follows_the_first_of_two_files(mp3):
    both = mp3 + mp3
    assert goes_on(reader(both), len(mp3) - 500, len(both))
    assert not goes_on(reader(mp3), len(mp3) - 500, len(mp3))
    assert not goes_on(reader(mp3 + bytes(50_000)), len(mp3), len(mp3) + 50_000)


def test_headers_that_all_lead_to_one_break_are_followed_once():
    """Each of 2,700 headers began a run of up to 340 frames; now each frame is looked at once."""
    frame_of_24_bytes = b"\xff\xf3\x14"
    data = frame_of_24_bytes * 2690 + bytes(122)
    started_s = time.process_time()
    assert ending_of(data) is None
    assert time.process_time() - started_s < 0.25  # 0.01 s; it was 0.58 s
