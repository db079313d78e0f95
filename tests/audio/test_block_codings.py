"""How much blocks hold: as many samples come out as bytes are there, whatever libsndfile rounds."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from melcli.audio.block_codings import wave_samples
from melcli.audio.block_views import au_views
from melcli.audio.containers import examine
from melcli.audio.wave_format import WaveFormat
from tests.audio.sounds import decode, music, write
from tests.audio.waves import chunk, data_at, form, noise, wav

# Samples that ffmpeg 9.0 decodes of so many bytes of audio; block sizes are those that libsndfile writes at 8 kHz.
CASES = [
    ("a.wav", "GSM610", 1, {64: 0, 65: 320, 66: 320, 130: 640, 194: 640, 195: 960, 260: 1280, 325: 1600, 327: 1600}),
    ("a.w64", "GSM610", 1, {65: 320, 66: 320, 194: 640, 195: 960, 227: 960}),
    ("a.aiff", "GSM610", 1, {33: 160, 34: 160, 98: 320, 99: 480, 106: 480, 165: 800}),
    ("a.wav", "IMA_ADPCM", 1, {128: 249, 255: 497, 256: 505, 257: 505, 767: 1507, 772: 1516, 775: 1516, 776: 1524}),
    ("a.wav", "IMA_ADPCM", 2, {256: 249, 511: 497, 513: 505, 1540: 1515, 1544: 1516, 1792: 1764}),
    ("a.w64", "IMA_ADPCM", 1, {256: 505, 257: 505, 896: 1764}),
    ("a.aiff", "IMA_ADPCM", 1, {34: 64, 35: 64, 101: 128, 102: 192, 119: 192}),
    ("a.aiff", "IMA_ADPCM", 2, {68: 64, 69: 64, 203: 128, 204: 192, 238: 192}),
    ("a.wav", "MS_ADPCM", 1, {128: 244, 255: 498, 256: 500, 257: 500, 775: 1502, 776: 1504, 896: 1744}),
    ("a.wav", "MS_ADPCM", 2, {256: 244, 511: 499, 513: 500, 1535: 1499, 1792: 1744}),
    ("a.w64", "MS_ADPCM", 1, {255: 498, 256: 500, 896: 1744}),
    ("a.wav", "G721_32", 1, {1: 2, 30: 60, 60: 120, 61: 122, 301: 602}),
    ("a.wav", "NMS_ADPCM_32", 1, {82: 160, 83: 160, 246: 480, 287: 480}),
    ("a.au", "G721_32", 1, {1: 2, 30: 60, 61: 122, 302: 604}),
    ("a.au", "G723_24", 1, {22: 58, 45: 120, 46: 122, 227: 605}),
    ("a.au", "G723_40", 1, {37: 59, 75: 120, 232: 371, 377: 603}),
]
PARTS = [
    pytest.param(*case[:3], size, num_samples, marks=[] if place in (0, 3) else [pytest.mark.full])
    for case in CASES
    for place, (size, num_samples) in enumerate(case[3].items())
]


def cut_to(path, num_bytes: int) -> None:
    """Leave so many bytes of audio, and have the header claim them."""
    data = path.read_bytes()
    at, length_at, length_form, more = data_at(data, path.name)
    padding = b"" if path.suffix == ".au" else bytes(num_bytes % 2)
    shorter = bytearray(data[: at + num_bytes] + padding)
    struct.pack_into(length_form, shorter, length_at, num_bytes + more)
    path.write_bytes(shorter)


@pytest.mark.parametrize("name, subtype, num_channels, num_bytes, num_samples", PARTS)
def test_as_many_samples_as_the_blocks_hold(tmp_path, name, subtype, num_channels, num_bytes, num_samples):
    path = write(tmp_path / name, music(5_000, num_channels, 8_000), 8_000, subtype)
    whole = decode(path)[0]
    cut_to(path, num_bytes)
    if not num_samples:
        return
    signal, file = decode(path)
    assert (len(signal), file.flags) == (num_samples, ())
    np.testing.assert_array_equal(signal, whole[:num_samples])


def test_gsm_of_an_odd_number_of_blocks_as_it_is_written(tmp_path):
    """libsndfile gives 1,280 samples, the last 320 of them noise."""
    path = write(tmp_path / "a.wav", music(960, rate_hz=8_000), 8_000, "GSM610")
    assert decode(path)[1].num_samples == 960


@pytest.mark.parametrize("tag, block, extra", [(0x11, 256, 400), (0x11, 0, 505), (0x02, 256, 400), (0x31, 66, 320)])
def test_blocks_of_another_size_than_the_format_has_are_not_counted(tag, block, extra):
    content = form(tag, 1, block, 4, struct.pack("<HH", 2, extra))[8:]
    coding = WaveFormat.read(content)
    assert coding is not None
    assert wave_samples(coding, 1000) is None


def test_pcm_is_not_counted_in_blocks(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(form(), chunk(b"data", noise(100).tobytes() + b"\1")))
    assert decode(path)[1].num_samples == 100


def test_an_au_header_that_leads_beyond_the_file():
    data = b".snd" + struct.pack(">IIIII", 2**24, 240, 23, 8_000, 1)
    ending = examine(lambda offset, size: data[offset : offset + size], len(data))
    (view,) = au_views(lambda offset, size: data[offset : offset + size], len(data), ending)
    assert view.num_samples == 0
