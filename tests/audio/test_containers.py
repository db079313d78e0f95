"""Cuts at random places must be noticed, and whole files must not be suspected."""

from __future__ import annotations

import random

import pytest

from melcli.audio.containers import examine
from melcli.audio.decode import AudioFile
from melcli.errors import AudioError
from tests.audio.sounds import LOSSLESS, LOSSY, music, write
from tests.tiers import full_but

SMALLEST_HEADER = 12  # bytes; in less, hardly a format can be told


def reason_of(path) -> str:
    try:
        with AudioFile(str(path)) as file:
            for _ in file.blocks():
                pass
    except AudioError as error:
        return error.reason
    return "ok"


def reader(data: bytes):
    return lambda offset, size: data[offset : offset + size]


# One of each container; the others run with --all.
CUT_BY_DEFAULT = [
    *[(f"a.{name}", "PCM_16") for name in ("wav", "wavex", "rf64", "w64", "aiff", "au", "caf", "nist", "flac")],
    *[("a.wav", "IMA_ADPCM"), ("a.ogg", "VORBIS"), ("a.ogg", "OPUS"), ("a.mp3", "MPEG_LAYER_III")],
]


@pytest.mark.parametrize("name, subtype", full_but(LOSSLESS + LOSSY, *CUT_BY_DEFAULT, unpack=True))
def test_random_cuts_are_noticed(tmp_path, name, subtype):
    rate_hz = 48_000 if subtype == "OPUS" else 16_000
    data = write(tmp_path / name, music(20_001, 2 if subtype == "PCM_16" else 1), rate_hz, subtype).read_bytes()
    cuts = random.Random(7).sample(range(SMALLEST_HEADER, len(data)), 20)
    cut = tmp_path / "cut"
    reasons = {}
    for size in [*cuts, len(data) - 2, len(data) // 2]:
        cut.write_bytes(data[:size])
        reasons[size] = reason_of(cut)
    assert set(reasons.values()) == {"truncated"}, reasons


@pytest.mark.parametrize("name, subtype", LOSSLESS + LOSSY)
@pytest.mark.parametrize("num_samples", [1, 4_000])
def test_whole_files_are_not_suspected(tmp_path, name, subtype, num_samples):
    path = write(tmp_path / name, music(num_samples), 48_000 if subtype == "OPUS" else 16_000, subtype)
    ending = examine(reader(path.read_bytes()), path.stat().st_size)
    assert (ending.shortfall, ending.incomplete_header, ending.open_ended) == ("", False, False)
    assert reason_of(path) == "ok"


def test_an_id3_tag_in_front_moves_everything(tmp_path):
    tag = b"ID3\x04\x00\x00\x00\x00\x02\x01" + bytes(257)
    flac = tag + write(tmp_path / "a.flac", music(4_000)).read_bytes()
    mp3 = tag + write(tmp_path / "a.mp3", music(4_000)).read_bytes()
    assert examine(reader(flac), len(flac)).format == "FLAC"
    ending = examine(reader(mp3), len(mp3))
    assert (ending.format, ending.shortfall, ending.audio_end) == ("MP3", "", len(mp3))
    assert "claims" in examine(reader(mp3), len(mp3) - 1).shortfall
    assert examine(reader(tag[:100]), 100).incomplete_header


@pytest.mark.parametrize("data", [b"RIFF\0\0\0\0AVI ", b"text", b"\xff\xf1 not a frame", bytes(5000), b"\xff" * 5000])
def test_what_is_no_container_of_ours(data):
    assert examine(reader(data), len(data)) is None


@pytest.mark.parametrize(
    "head, piece",
    [
        (b"", b"ID3\4\0\0\0\0\0\0"),
        (b"fLaC", b"\0\0\0\0"),
        (b"", b"OggS\0\2" + bytes(21)),
        (b"RIFF\0\0\0\0WAVE", b"abcd\0\0\0\0"),
    ],
    ids=["ID3", "FLAC", "Ogg", "WAV"],
)
def test_a_file_of_many_small_pieces_is_not_walked_to_its_end(head, piece):
    """A hostile gigabyte of them would take minutes, before any deadline of the decoder's."""
    data = head + piece * 20_000 + b"OggS\0\4" + bytes(21)
    reads = []
    examine(lambda offset, size: reads.append(offset) or data[offset : offset + size], len(data))
    assert len(reads) < 1100
