"""Headers of FLAC frames, and streams that change."""

from __future__ import annotations

import time

import numpy as np
import pytest

from melcli.audio.decode import AudioFile
from melcli.audio.flac_frames import STRIDE_BYTES, Change, FrameHeader, find_change, frame_headers
from melcli.errors import AudioError
from tests.audio.flac_bytes import crc, flac_of, frame
from tests.audio.mpeg_bytes import ID3V1, ID3V2, NOISE, reader
from tests.audio.sounds import decode, music, reference, write
from tests.tiers import full_but

HEADER_BYTES = 42  # fLaC and STREAMINFO
NUM_SAMPLES = 4096


def noise(num_channels: int = 1, num_samples: int = NUM_SAMPLES) -> np.ndarray:
    return np.random.default_rng(num_channels).integers(-3000, 3000, (num_samples, num_channels))


def change_in(data: bytes, rate_hz: int = 16_000, num_channels: int = 1, **options) -> Change | None:
    return find_change(
        reader(data), HEADER_BYTES, len(data), sampling_rate=rate_hz, num_channels=num_channels, **options
    )


@pytest.mark.parametrize("rate_hz", [8_000, 12_345, 44_100])
@pytest.mark.parametrize("num_channels", [1, 2, 8])
def test_a_header(rate_hz, num_channels):
    data = b"x" + frame(300, noise(num_channels, 16), rate_hz)
    assert FrameHeader.read(data, 1) == FrameHeader(rate_hz, num_channels)
    assert FrameHeader.read(data, 0) is None
    for damaged in range(1, 8):
        assert FrameHeader.read(data[:damaged] + bytes((data[damaged] ^ 1,)) + data[damaged + 1 :], 1) is None


@pytest.mark.parametrize("num_channels", [1, 2, 6])
@pytest.mark.parametrize("rate_hz", full_but([8_000, 11_025, 12_345, 16_000, 44_100, 96_000, 655_350], 12_345, 44_100))
def test_files_of_libflac_do_not_change(tmp_path, rate_hz, num_channels):
    path = write(tmp_path / "a.flac", music(60_000, num_channels, rate_hz), rate_hz)
    content = path.read_bytes()
    assert change_in(content, rate_hz, num_channels, stride_bytes=2**15) is None
    num_frames = sum(1 for _ in frame_headers(content))
    assert num_frames == -(-60_000 // 4096)
    np.testing.assert_array_equal(decode(path)[0], reference(path))


@pytest.mark.parametrize("rate_hz", [48_000, 12_345, 8_000])
@pytest.mark.parametrize("tail", [b"", ID3V1])
def test_a_rate_that_changes_for_good(tmp_path, rate_hz, tail):
    path = tmp_path / "a.flac"
    path.write_bytes(flac_of([(noise(), 16_000), (noise(), rate_hz)], tail=tail))
    with pytest.raises(AudioError) as caught:
        decode(path)
    at = HEADER_BYTES + sum(len(frame(number, noise()[:1024], 16_000)) for number in range(4))
    assert str(caught.value) == (
        f"unsupported_format: the sampling rate changes from 16000 Hz to {rate_hz} Hz "
        f"at byte {at:,} of {path.stat().st_size:,}"
    )


def test_a_rate_that_changes_for_one_frame(tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(ID3V2 + flac_of([(noise(), 16_000), (noise()[:1024], 48_000), (noise(), 16_000)]))
    with pytest.raises(AudioError, match="the sampling rate changes from 16000 Hz to 48000 Hz at byte 8,"):
        decode(path)


def test_a_change_in_a_large_file_that_lasts(tmp_path):
    part = noise(2, 40_000)
    data = flac_of([(part, 44_100), (part, 48_000), (part, 44_100)])
    assert len(part) * 4 > STRIDE_BYTES
    found = change_in(data, 44_100, 2)
    assert (found.what, found.before, found.after) == ("sampling rate", 44_100, 48_000)
    assert len(part) * 4 < found.offset < len(part) * 8 + 2000


@pytest.mark.parametrize("before, after", [(1, 2), (2, 1), (2, 6)])
def test_a_number_of_channels_that_changes(tmp_path, before, after):
    path = tmp_path / "a.flac"
    path.write_bytes(flac_of([(noise(before), 16_000), (noise(after), 16_000)]))
    expected = f"^unsupported_format: the number of channels changes from {before} to {after} at byte "
    with pytest.raises(AudioError, match=expected):
        decode(path)


def test_a_sample_size_may_change(tmp_path):
    # libsndfile scales each frame by its own size.
    path = tmp_path / "a.flac"
    wide = frame(4, noise()[:1024] << 8, 16_000, bits=24)
    path.write_bytes(flac_of([(noise(), 16_000)], tail=wide))
    content = bytearray(path.read_bytes())
    content[21:26] = (15 << 36 | NUM_SAMPLES + 1024).to_bytes(5, "big")
    path.write_bytes(content)
    found = decode(path)[0]
    np.testing.assert_array_equal(found, np.concatenate([noise(), noise()[:1024]]) / np.float32(2**15))


def test_noise_with_headers_in_it_is_no_change():
    header = frame(7, noise(), 48_000)[:9]
    data = flac_of([(noise(), 16_000)]) + b"".join(NOISE[at : at + 500] + header for at in range(0, 50_000, 500))
    assert sum(1 for _ in frame_headers(data)) > 100
    assert change_in(data) is None


@pytest.mark.full
def test_a_file_full_of_headers_is_not_searched_to_its_end():
    header = frame(7, noise(), 48_000)[:9]
    started_s = time.process_time()
    assert change_in(header * 200_000) is None
    assert time.process_time() - started_s < 6.0  # 0.7 s


def test_the_checksums_are_those_of_the_format():
    assert crc(b"123456789", 8, 0x07) == 0xF4
    assert crc(b"123456789", 16, 0x8005) == 0xFEE8


def test_damage_is_placed_in_its_frame(tmp_path):
    path = write(tmp_path / "a.flac", music(120_000))
    content = bytearray(path.read_bytes())
    number = 21
    at = list(frame_headers(bytes(content)))[number] + 1000
    content[at : at + 8] = bytes(8)
    path.write_bytes(content)
    with pytest.raises(AudioError) as caught:
        decode(path)
    place = f"{number * 4096 / 16_000:.3f} s"
    assert str(caught.value) == f"unreadable: the audio is damaged after about {place}: flac decoder lost sync"


def test_a_cut_file_is_kept_to_its_last_frame(tmp_path):
    path = write(tmp_path / "a.flac", music(120_000))
    expected = reference(path)
    content = path.read_bytes()
    path.write_bytes(content[: list(frame_headers(content))[21] + 1000])
    with AudioFile(str(path), truncated="keep") as file:
        kept = np.concatenate(list(file.blocks()))
    np.testing.assert_array_equal(kept, expected[: 21 * 4096])
    assert file.flags == ("truncated",)
