"""Checksums of pieces, joined, are those of the whole."""

import zlib

from hypothesis import given
from hypothesis import strategies as st

from melcli.store.crc32 import joined_crc32


@given(st.integers(0, 300), st.integers(1, 9), st.randoms(use_true_random=False))
def test_joined_checksums_are_those_of_the_whole(size_bytes, num_pieces, random):
    pieces = [random.randbytes(size_bytes) for _ in range(num_pieces)]
    assert joined_crc32(map(zlib.crc32, pieces), size_bytes) == zlib.crc32(b"".join(pieces))


def test_pieces_may_be_large():
    pieces = [bytes([number]) * 5_000_000 for number in range(3)]
    assert joined_crc32(map(zlib.crc32, pieces), 5_000_000) == zlib.crc32(b"".join(pieces))


def test_of_nothing_it_is_that_of_nothing():
    assert joined_crc32([], 7) == zlib.crc32(b"") == 0
