"""The header and the packets of Opus."""

from __future__ import annotations

import pytest

from melcli.audio.opus import OpusHead, decoding_rate, opus_head, packet_samples
from tests.audio.ogg_builder import opus_header


def test_header():
    assert opus_head(opus_header(pre_skip=3840, rate_hz=44_100)) == OpusHead(pre_skip=3840, input_rate_hz=44_100)
    assert opus_head(b"OpusTags" + bytes(20)) is None
    assert opus_head(opus_header()[:18]) is None


@pytest.mark.parametrize(
    "input_hz, decoded_hz",
    [(1, 8_000), (8_000, 8_000), (11_025, 12_000), (16_000, 16_000), (22_050, 24_000), (24_001, 48_000)],
)
def test_decoding_rate(input_hz, decoded_hz):
    assert decoding_rate(input_hz) == decoded_hz


# Table 2 of RFC 6716, milliseconds.
DURATIONS_MS = [10, 20, 40, 60] * 3 + [10, 20] * 2 + [2.5, 5, 10, 20] * 4


@pytest.mark.parametrize("code, num_frames", [(0, 1), (1, 2), (2, 2)])
def test_durations_of_packets(code, num_frames):
    for config, frame_ms in enumerate(DURATIONS_MS):
        assert packet_samples(bytes([config << 3 | code])) == 48 * frame_ms * num_frames


def test_counted_frames():
    assert packet_samples(bytes([31 << 3 | 3, 0xC0 | 6])) == 6 * 960
    assert packet_samples(bytes([31 << 3 | 3, 7])) == 0  # longer than 120 ms
    assert packet_samples(bytes([31 << 3 | 3])) == 0
    assert packet_samples(b"") == 0
