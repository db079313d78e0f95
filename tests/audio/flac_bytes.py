"""Build FLAC files with frames of any rate and number of channels."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import cache

import numpy as np

__all__ = ["crc", "flac_of", "frame"]

_RATE_CODES = {8_000: 4, 16_000: 5, 44_100: 9, 48_000: 10, 96_000: 11}
_EXPLICIT_RATE = 13  # the rate in Hz follows the frame number
_BITS_CODES = {16: 4, 24: 6}


def flac_of(parts: Iterable[tuple[np.ndarray, int]], *, block: int = 1024, bits: int = 16, tail: bytes = b"") -> bytes:
    """Return a file whose header describes the first part.

    Parameters
    ----------
    parts : iterable of np.ndarray [shape=(samples, channels)], int
        Integers, and their sampling rate in Hz.
    block : int
        Samples per frame.
    bits : int
        Bits per sample.
    tail : bytes
        Appended after the frames.
    """
    parts = list(parts)
    signal, rate_hz = parts[0]
    blocks = [(part[at : at + block], hz) for part, hz in parts for at in range(0, len(part), block)]
    packed = rate_hz << 44 | signal.shape[1] - 1 << 41 | bits - 1 << 36 | sum(len(part) for part, _ in parts)
    info = struct.pack(">HH", block, block) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    frames = (frame(number, part, hz, bits) for number, (part, hz) in enumerate(blocks))
    return b"fLaC" + bytes((0x80, 0, 0, 34)) + info + b"".join(frames) + tail


def frame(number: int, samples: np.ndarray, rate_hz: int, bits: int = 16) -> bytes:
    """Return a frame with uncompressed samples."""
    code = _RATE_CODES.get(rate_hz, _EXPLICIT_RATE)
    head = b"\xff\xf8" + bytes((0x70 | code, samples.shape[1] - 1 << 4 | _BITS_CODES[bits] << 1))
    head += chr(number).encode() + struct.pack(">H", len(samples) - 1)
    head += struct.pack(">H", rate_hz) if code == _EXPLICIT_RATE else b""
    head += bytes((crc(head, 8, 0x07),))
    verbatim = b"\x02"
    body = b"".join(
        verbatim + b"".join(int(value).to_bytes(bits // 8, "big", signed=True) for value in channel)
        for channel in samples.T
    )
    return head + body + struct.pack(">H", crc(head + body, 16, 0x8005))


def crc(data: bytes, bits: int, polynomial: int) -> int:
    """Compute a checksum as in the specification."""
    table, value = _table(bits, polynomial), 0
    for byte in data:
        value = (value << 8 & (1 << bits) - 1) ^ table[value >> bits - 8 ^ byte]
    return value


@cache
def _table(bits: int, polynomial: int) -> list[int]:
    table = []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value >> bits - 1 & 1 else 0)) & (1 << bits) - 1
        table.append(value)
    return table
