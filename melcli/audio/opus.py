"""Parse the header and packets of an Opus stream, without decoding (RFC 7845 and RFC 6716)."""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["OPUS_RATE_HZ", "PRE_SKIP_AT", "RATE_AT", "OpusHead", "decoding_rate", "opus_head", "packet_samples"]

OPUS_RATE_HZ = 48_000  # of granule positions and the pre-skip, whatever the input rate
MAGIC = b"OpusHead"
PRE_SKIP_AT, RATE_AT = 10, 12  # in the header packet
_MIN_HEAD_BYTES = 19
_MAX_PACKET_SAMPLES = 5760  # 120 ms

# Samples per frame by the upper five bits of a packet: SILK 10 to 60 ms, hybrid 10 and 20 ms, CELT 2.5 to 20 ms.
_FRAME_SAMPLES = (*(480, 960, 1920, 2880) * 3, *(480, 960) * 2, *(120, 240, 480, 960) * 4)


class OpusHead(NamedTuple):
    """The header packet.

    Attributes
    ----------
    pre_skip : int
        Samples at 48 kHz to drop at the start of the stream.
    input_rate_hz : int
        Rate of the encoder's input; 0 if unknown.
    """

    pre_skip: int
    input_rate_hz: int


def opus_head(packet: bytes) -> OpusHead | None:
    """Parse a header packet; None if it is not one."""
    if not packet.startswith(MAGIC) or len(packet) < _MIN_HEAD_BYTES:
        return None
    return OpusHead(*struct.unpack_from("<HI", packet, PRE_SKIP_AT))


def decoding_rate(input_rate_hz: int) -> int:
    """Return the rate at which libsndfile decodes: the lowest of Opus's five rates that is at least the input rate."""
    return next((rate for rate in (8_000, 12_000, 16_000, 24_000) if input_rate_hz <= rate), OPUS_RATE_HZ)


def packet_samples(packet: bytes) -> int:
    """Return the samples per channel, at 48 kHz, to which a packet decodes; 0 for an invalid packet."""
    if not packet:
        return 0
    code = packet[0] & 3
    counted = packet[1] & 0x3F if len(packet) > 1 else 0
    num_frames = (1, 2, 2, counted)[code]
    num_samples = num_frames * _FRAME_SAMPLES[packet[0] >> 3]
    return num_samples if num_samples <= _MAX_PACKET_SAMPLES else 0
