"""Compute the CRC-32 of bytes that arrive out of order.

A long item ``(mels, frames)`` is stored mel by mel in a ``.npy`` file, and frame by frame in a shard.  So the checksum
of each mel is computed separately, and the checksums are joined.  That is possible because a CRC is linear, and
appending zeros is a matrix product.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["joined_crc32"]

POLYNOMIAL = 0xEDB88320
BITS = 32

_Matrix = list[int]  # over GF(2), one column per bit


def joined_crc32(crcs: Iterable[int], size_bytes: int) -> int:
    """Return the CRC-32 of concatenated pieces of equal size, from the CRC-32 of each.

    Parameters
    ----------
    crcs : iterable of int
        From `zlib.crc32`.
    size_bytes : int
        Size of each piece.
    """
    shift = _zeros(size_bytes)
    joined = 0
    for crc in crcs:
        joined = _times(shift, joined) ^ crc
    return joined


def _zeros(size_bytes: int) -> _Matrix:
    """Return the effect of ``size_bytes`` zero bytes on a CRC, by squaring that of one zero bit."""
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
