"""CRC-32 of bytes that arrive out of order.

The numbers of a long item ``(mels, frames)`` lie in its file mel by mel, and in a shard frame by frame.  So each mel's
checksum is taken by itself, and the sums are joined: a CRC is linear, and zeros that follow are a product of matrices.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["joined_crc32"]

POLYNOMIAL = 0xEDB88320
BITS = 32

_Matrix = list[int]  # over GF(2), a column for each bit


def joined_crc32(crcs: Iterable[int], size_bytes: int) -> int:
    """Return the CRC-32 of pieces of equal size, one after another, from those of the pieces.

    Parameters
    ----------
    crcs : iterable of int
        As `zlib.crc32` gives them.
    size_bytes : int
        Of every piece.
    """
    shift = _zeros(size_bytes)
    joined = 0
    for crc in crcs:
        joined = _times(shift, joined) ^ crc
    return joined


def _zeros(size_bytes: int) -> _Matrix:
    """Return what so many zero bytes do to a CRC, by squaring what one zero bit does."""
    power: _Matrix = [POLYNOMIAL, *(1 << bit for bit in range(BITS - 1))]
    result: _Matrix = [1 << bit for bit in range(BITS)]
    for bit in range((8 * size_bytes).bit_length()):
        if 8 * size_bytes >> bit & 1:
            result = [_times(power, column) for column in result]
        power = [_times(power, column) for column in power]
    return result


def _times(matrix: _Matrix, vector: int) -> int:
    product = 0
    for column in matrix:
        if vector & 1:
            product ^= column
        vector >>= 1
    return product
