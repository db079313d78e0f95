"""Write Shorten files (version 2), which no encoder of ffmpeg makes.

The format is described in T. Robinson, "SHORTEN: Simple lossless and near-lossless waveform compression", 1994.  Here
each block is coded with the first difference and Rice codes.
"""

from __future__ import annotations

import struct

import numpy as np

__all__ = ["shorten"]

SIGNED_16_BIT_LOW_HIGH = 5
DIFF1, QUIT, VERBATIM = 1, 4, 9
BLOCK = 256
BITS_OF_RICE = 12


class _Bits:
    def __init__(self) -> None:
        self._bits: list[str] = []

    def rice(self, value: int, bits: int) -> None:
        """Write a number that is not negative: its upper part in unary, and ``bits`` lower bits."""
        lower = format(value & ((1 << bits) - 1), f"0{bits}b") if bits else ""
        self._bits.append("0" * (value >> bits) + "1" + lower)

    def signed(self, value: int, bits: int) -> None:
        self.rice((value << 1) ^ (value >> 63), bits)

    def number(self, value: int) -> None:
        """Write a number of any size, after the number of its bits."""
        bits = value.bit_length()
        self.rice(bits, 2)
        self.rice(value, bits)

    def tobytes(self) -> bytes:
        text = "".join(self._bits)
        text += "0" * (-len(text) % 32)
        return int(text, 2).to_bytes(len(text) // 8, "big")


def shorten(signal: np.ndarray, *, rate_hz: int) -> bytes:
    """Encode a mono signal of 16 bits, whose length is a multiple of `BLOCK`."""
    assert len(signal) % BLOCK == 0
    size = 2 * len(signal)
    wave = struct.pack(
        *("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16),
        *(1, 1, rate_hz, 2 * rate_hz, 2, 16, b"data", size),
    )
    bits = _Bits()
    for value in (SIGNED_16_BIT_LOW_HIGH, 1, BLOCK, 0, 0, 0):  # type, channels, block, predictors, means, skipped bytes
        bits.number(value)
    bits.rice(VERBATIM, 2)
    bits.rice(len(wave), 5)
    for byte in wave:
        bits.rice(byte, 8)
    before = 0
    for start in range(0, len(signal), BLOCK):
        bits.rice(DIFF1, 2)
        bits.rice(BITS_OF_RICE - 1, 3)
        for sample in map(int, signal[start : start + BLOCK]):
            bits.signed(sample - before, BITS_OF_RICE)
            before = sample
    bits.rice(QUIT, 2)
    return b"ajkg\2" + bits.tobytes()
