"""The end of MPEG streams, with frames of LAME through libsndfile."""

from __future__ import annotations

import random
from itertools import product

import pytest

from melcli.audio.mpeg import end_of_mpeg, first_break_s, has_more_frames, tag_counts_itself, with_frames
from melcli.audio.mpeg_header import Header
from melcli.errors import AudioError
from tests.audio.mpeg_bytes import ID3V1, LYRICS3, NOISE, ape, bare, reader, tagged, vbri
from tests.audio.sounds import frames_of, music, untagged, write
from tests.messages import names
from tests.tiers import full_but

RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)  # MPEG-2.5, MPEG-2, MPEG-1


def ending_of(data: bytes):
    return end_of_mpeg(reader(data), len(data))


def followed(data: bytes):
    return with_frames(reader(data), ending_of(data))


# One of each version of MPEG, with both modes; the others run with --all.
IN_MP3_BY_DEFAULT = [
    (11_025, "CONSTANT"),
    (11_025, "VARIABLE"),
    (16_000, "VARIABLE"),
    (44_100, "CONSTANT"),
    (44_100, "VARIABLE"),
]


@pytest.fixture(scope="module", params=full_but(product(RATES_HZ, ("CONSTANT", "VARIABLE")), *IN_MP3_BY_DEFAULT))
def mp3(request, tmp_path_factory) -> bytes:
    rate_hz, mode = request.param
    path = tmp_path_factory.mktemp("mp3") / "a.mp3"
    return write(path, music(3 * rate_hz, 2, rate_hz), rate_hz, bitrate_mode=mode, compression_level=0.5).read_bytes()


def test_a_tag_finds_every_cut(mp3):
    ending = ending_of(mp3)
    assert (ending.shortfall, ending.counts_frames, ending.audio_end) == ("", True, len(mp3))
    for size in (len(mp3) - 1, len(mp3) // 2, 3_000):
        assert names(ending_of(mp3[:size]).shortfall, f"{len(mp3):,} bytes", f"{size:,} bytes")


def test_without_a_tag_a_cut_inside_a_frame_is_found(mp3):
    plain = untagged(mp3)
    ending = ending_of(plain)
    assert (ending.shortfall, ending.counts_frames) == ("", False)
    cuts = random.Random(1).sample(range(4_000, len(plain)), 60)
    found = [followed(plain[:size]).shortfall == "the file ends inside an MPEG frame" for size in cuts]
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
        assert names(ending.shortfall, f"{len(frames) - 1:,} frames") if at == 1 else ending.shortfall == ""
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
        assert tag_counts_itself(reader(bytes(data)), ending_of(bytes(data))) == expected


def test_vbri_counts_bytes_but_not_for_mpg123(mp3):
    counting = vbri(mp3)
    ending = ending_of(counting)
    assert (ending.shortfall, ending.counts_frames, ending.tag_bytes) == ("", False, frames_of(mp3)[1])
    assert "claims" in ending_of(counting[:-1]).shortfall


@pytest.mark.parametrize("junk", [b"\0", bytes(4096), NOISE[:4096]])
@pytest.mark.parametrize("form", [lambda mp3: mp3, untagged, bare, vbri])
def test_the_first_frame_is_found_behind_junk(mp3, form, junk):
    data = form(mp3)
    found, expected = ending_of(junk + data), ending_of(data)
    assert (found.audio_start, found.audio_end, found.has_junk) == (len(junk), len(junk) + len(data), True)
    assert (found.num_frames, found.num_bytes, found.tag_bytes) == (
        expected.num_frames,
        expected.num_bytes,
        expected.tag_bytes,
    )
    assert found.shortfall == ""
    assert followed(junk + data[:-1]).shortfall


def test_an_id3_tag_behind_junk_may_be_large(mp3):
    picture = NOISE + NOISE
    id3 = b"ID3\4\0\0" + bytes(len(picture) >> shift & 0x7F for shift in (21, 14, 7, 0)) + picture
    data = b"\0" + id3 + mp3
    assert ending_of(data).audio_start == 1 + len(id3)
    frames = bare(mp3)
    assert ending_of(b"\0" + frames + id3 + frames).audio_start == 1


@pytest.mark.parametrize(
    "head",
    [
        b"%PDF-1.4",
        b"PK\3\4",
        b"\x1a\x45\xdf\xa3",
        b"\0\0\0\x20ftypM4A ",
        b"\0\0\x01\xba",
        b"RIFF\0\0\0\0AVI ",
        b"text\n" * 200,
        b"a.mp3".ljust(257, b"\0") + b"ustar",
        b"PAR1",
        b"Rar!\x1a\x07",
        b"7z\xbc\xaf\x27\x1c",
        b"SQLite format 3\0",
    ],
    ids=["PDF", "zip", "Matroska", "MP4", "MPEG-PS", "AVI", "text", "tar", "Parquet", "rar", "7z", "SQLite"],
)
def test_frames_inside_other_files_are_not_taken_for_audio(mp3, head):
    assert ending_of(head.ljust(600, b"\0" if b"text" not in head else b"x") + mp3) is None


def test_noise_is_no_audio():
    assert ending_of(NOISE) is None


@pytest.mark.parametrize("behind", [b"", bytes(5000), NOISE[:5000], LYRICS3, ape(3000) + ID3V1])
@pytest.mark.parametrize("form", [untagged, bare])
def test_all_frames_are_followed_where_no_tag_counts_them(mp3, form, behind):
    data = form(mp3)
    ending = followed(data + behind)
    assert ending.frames.runs[0][:2] == (0, len(data))
    assert ending.shortfall == ""
    assert followed(data[:-1] + behind[:0]).shortfall == "the file ends inside an MPEG frame"


def test_frames_that_are_counted_are_not_followed(mp3):
    assert followed(mp3) == ending_of(mp3)


def test_a_cut_is_found_before_a_tag(mp3):
    assert followed(bare(mp3)[:-1] + ID3V1).shortfall == "the file ends inside an MPEG frame"


def test_damage_is_placed_where_it_is(mp3):
    frames = bare(mp3)
    at = frames_of(frames)[30]
    header = Header.read(frames)
    place = f"{30 * header.num_samples / header.sampling_rate:.3f} s"
    with pytest.raises(AudioError) as caught:
        followed(frames[:at] + bytes(3000) + frames[at:])
    assert str(caught.value) == (
        f"unreadable: the audio is damaged after about {place}: "
        "3,000 bytes between two MPEG frames are neither a frame nor a tag"
    )


def test_a_file_that_is_mostly_junk_is_damaged(mp3):
    frames = bare(mp3)
    with pytest.raises(AudioError, match=r"^unreadable: the audio is damaged after about .* bytes are neither"):
        followed(frames + NOISE[: len(frames) + 2**14])


def test_where_the_frames_of_a_counted_file_break_off(mp3):
    at = frames_of(mp3)[31]
    header = Header.read(mp3)
    damaged = mp3[:at] + b"\0" + mp3[at + 1 :]
    assert first_break_s(reader(damaged), ending_of(damaged)) == 30 * header.num_samples / header.sampling_rate
    assert first_break_s(reader(mp3), ending_of(mp3)) is None


@pytest.mark.parametrize(
    "rate_hz, num_channels, change",
    [
        (48_000, 1, "the sampling rate changes from 16000 Hz to 48000 Hz"),
        (16_000, 2, "the number of channels changes from 1 to 2"),
    ],
)
def test_a_stream_that_changes_names_both(rate_hz, num_channels, change):
    data = bare(tagged(2.16)) + bare(tagged(1.0, rate_hz, num_channels))
    with pytest.raises(AudioError) as caught:
        followed(data)
    assert str(caught.value) == f"unsupported_format: {change} after about 2.232 s"


def test_less_than_two_frames():
    frame = b"\xff\xfb\x90\x00" + bytes(413)  # 128 kbit/s at 44.1 kHz
    assert ending_of(frame[:300]).incomplete_header
    assert ending_of(b"\xff\xfb is no long text" * 100) is None


def test_what_follows_the_first_of_two_files(mp3):
    both = mp3 + mp3
    assert has_more_frames(reader(both), len(mp3) - 500, len(both))
    assert not has_more_frames(reader(mp3), len(mp3) - 500, len(mp3))
    assert not has_more_frames(reader(mp3 + bytes(50_000)), len(mp3), len(mp3) + 50_000)
