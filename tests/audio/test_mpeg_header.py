"""Headers of MPEG frames."""

from __future__ import annotations

import pytest

from melcli.audio.mpeg_header import Header


@pytest.mark.parametrize(
    "header, layer, rate_hz, num_channels, num_bytes, num_samples",
    [
        (b"\xff\xfb\x90\x00", 3, 44_100, 2, 417, 1152),
        (b"\xff\xfb\x92\xc0", 3, 44_100, 1, 418, 1152),
        (b"\xff\xfd\x84\xc0", 2, 48_000, 1, 384, 1152),
        (b"\xff\xff\xe8\x00", 1, 32_000, 2, 672, 384),
        (b"\xff\xf3\x84\x00", 3, 24_000, 2, 192, 576),
        (b"\xff\xf5\xe8\xc0", 2, 16_000, 1, 1440, 1152),
        (b"\xff\xe3\x18\x00", 3, 8_000, 2, 72, 576),
    ],
)
def test_headers(header, layer, rate_hz, num_channels, num_bytes, num_samples):
    found = Header.read(b"x" + header, 1)
    assert (found.layer, found.sampling_rate, found.num_channels) == (layer, rate_hz, num_channels)
    assert (found.frame_bytes, found.num_samples) == (num_bytes, num_samples)
    assert num_bytes in found.possible_frame_bytes


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfb\x90", id="incomplete"),
        pytest.param(b"\xfe\xfb\x90\0", id="no sync"),
        pytest.param(b"\xff\xeb\x90\0", id="version"),
        pytest.param(b"\xff\xf9\x90\0", id="AAC"),
        pytest.param(b"\xff\xfb\0\0", id="free format"),
        pytest.param(b"\xff\xfb\xf0\0", id="bit rate"),
        pytest.param(b"\xff\xfb\x9c\0", id="sampling rate"),
    ],
)
def test_what_is_no_header(data):
    assert Header.read(data) is None
