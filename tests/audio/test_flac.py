"""FLAC files that go on behind the samples that their header counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from melcli.audio.flac import has_more_frames
from melcli.errors import AudioError
from tests.audio.sounds import decode, music, reference, write
from tests.tiers import full_but


@pytest.fixture
def flac(tmp_path: Path) -> Path:
    return write(tmp_path / "a.flac", music(100_000), subtype="PCM_16")


def with_count(path: Path, num_samples: int) -> Path:
    content = bytearray(path.read_bytes())
    count = int.from_bytes(content[21:26], "big")
    content[21:26] = (count >> 36 << 36 | num_samples).to_bytes(5, "big")
    path.write_bytes(content)
    return path


def test_a_count_that_is_too_small(flac):
    with pytest.raises(AudioError, match=r"^truncated: [\d,]+ of [\d,]+ bytes follow the end that the header gives"):
        decode(with_count(flac, 40_000))


def test_two_files_one_after_the_other(flac):
    flac.write_bytes(flac.read_bytes() * 2)
    with pytest.raises(AudioError, match=r"^truncated: .* bytes follow the end that the header gives"):
        decode(flac)


@pytest.mark.few(8)
@pytest.mark.parametrize("block", full_but([16, 192, 4096, 4608], 192, 4608))
@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
@pytest.mark.parametrize("channels, rate_hz", [(1, 8_000), (2, 44_100), (8, 96_000), (1, 12_345)])
def test_whole_files_are_whole(tmp_path, channels, rate_hz, subtype, block):
    path = write(tmp_path / "a.flac", music(block * 30 + 5, channels, rate_hz), rate_hz, subtype=subtype)
    np.testing.assert_array_equal(decode(path)[0], reference(path))


@pytest.mark.parametrize(
    "tail",
    [bytes(100_000), b"TAG" + bytes(125), np.random.default_rng(0).bytes(100_000), b"APETAGEX" + b"\xff" * 50_000],
)
def test_tags_and_padding_behind_the_frames(flac, tail):
    expected = decode(flac)[0]
    flac.write_bytes(flac.read_bytes() + tail)
    np.testing.assert_array_equal(decode(flac)[0], expected)


def test_frames_are_found_wherever_they_begin(flac):
    content = flac.read_bytes()
    for start in range(1_000, 60_000, 997):
        assert has_more_frames(lambda offset, size: content[offset : offset + size], start, len(content))
    end = len(content)
    assert not has_more_frames(lambda offset, size: content[offset : offset + size], end - 8_000, end)
