"""Find headers of FLAC frames in the bytes of a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import NamedTuple

from melcli.audio.end_of_audio import Read

__all__ = [
    "MAX_HEADER_BYTES",
    "PIECE_BYTES",
    "STRIDE_BYTES",
    "Change",
    "FrameHeader",
    "find_change",
    "frame_headers",
]

MAX_HEADER_BYTES = 16
PIECE_BYTES = 2**15  # usually contains a frame header: frames have at most 24 kB for 24-bit stereo
STRIDE_BYTES = 2**17
# If a header differs, the frame's footer (a CRC-16) is checked.  That takes up to 10 ms each.  Noise contains one such
# header in 28 MB; a hostile file could be full of them.
MAX_FOOTER_CHECKS = 50
MAX_FRAME_BYTES = 2**17
_ID3V1_BYTES = 128
_RATES_HZ = dict(
    enumerate((88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000), start=1)
)
_EXPLICIT_RATES = {12: (1, 1000), 13: (2, 1), 14: (2, 10)}  # by rate code: bytes after the frame number, unit in Hz
_CRC_8, _CRC_16 = (8, 0x07), (16, 0x8005)  # bits, polynomial
_MAY_BE_HEADER = re.compile(rb"\xff(?=[\xf8\xf9][\x10-\xfe][\x00-\xae])")


class FrameHeader(NamedTuple):
    """The header of a frame.

    Attributes
    ----------
    sampling_rate : int or None
        In Hz; None if the frame refers to the header of the file.
    num_channels : int
    """

    sampling_rate: int | None
    num_channels: int

    @classmethod
    def read(cls, data: bytes, offset: int) -> FrameHeader | None:
        """Read a header and check its CRC-8; None if it is invalid or incomplete."""
        header = data[offset : offset + MAX_HEADER_BYTES]
        if len(header) < 6 or header[0] != 0xFF or header[1] & 0xFE != 0xF8:
            return None
        block_code, rate_code, channels_code = header[2] >> 4, header[2] & 15, header[3] >> 4
        if block_code == 0 or rate_code == 15 or channels_code > 10 or header[3] & 1:
            return None
        ones = f"{header[4]:08b}".find("0")  # leading ones of the frame number's first byte, as in UTF-8
        if ones in (1, -1):
            return None
        at = 4 + max(1, ones) + {6: 1, 7: 2}.get(block_code, 0)
        rate_bytes, unit_hz = _EXPLICIT_RATES.get(rate_code, (0, 0))
        size = at + rate_bytes
        if size >= len(header) or _crc(header[:size], *_CRC_8) != header[size]:
            return None
        explicit_hz = int.from_bytes(header[at:size], "big") * unit_hz
        return cls(explicit_hz or _RATES_HZ.get(rate_code), min(channels_code + 1, 8) if channels_code < 8 else 2)


class Change(NamedTuple):
    """A frame that differs from the header of the file.

    Attributes
    ----------
    what : str
        ``sampling rate`` or ``number of channels``.
    before, after : int
    offset : int
        Offset of the frame in the file, bytes.
    """

    what: str
    before: int
    after: int
    offset: int


def frame_headers(window: bytes, first: int = 0) -> Iterator[int]:
    """Yield the offsets of what looks like a frame header; random bytes do once in 20 MB."""
    for match in _MAY_BE_HEADER.finditer(window, first):
        if FrameHeader.read(window, match.start()) is not None:
            yield match.start()


def find_change(
    read: Read,
    start: int,
    end: int,
    *,
    sampling_rate: int,
    num_channels: int,
    stride_bytes: int | None = STRIDE_BYTES,
    piece_bytes: int = PIECE_BYTES,
) -> Change | None:
    """Find a frame with another sampling rate or number of channels.

    libFLAC continues without an error if the rate changes.  The search takes 1 s per 1.5 GB.

    Parameters
    ----------
    read : callable
        See `melcli.audio.end_of_audio.Read`.
    start, end : int
        Extent of the frames, offsets in the file.
    sampling_rate, num_channels : int
        From the header of the file.
    stride_bytes : int or None
        Search one piece in each stride of this size, and one at the end; None: search every byte.
    piece_bytes : int
        Size of a piece.
    """
    pattern = _other_headers(sampling_rate, num_channels)
    last = max(start, end - piece_bytes)
    num_footers = 0
    for piece_at in sorted({*range(start, last, stride_bytes or piece_bytes), last}):
        piece = read(piece_at, piece_bytes + MAX_HEADER_BYTES)
        for match in pattern.finditer(piece):
            header = FrameHeader.read(piece, match.start())
            change = header and _change(header, sampling_rate, num_channels, piece_at + match.start())
            if change is None:
                continue
            if _has_footer(read(change.offset, min(MAX_FRAME_BYTES, end - change.offset))):
                return change
            num_footers += 1
            if num_footers == MAX_FOOTER_CHECKS:
                return None
    return None


@cache
def _other_headers(sampling_rate: int, num_channels: int) -> re.Pattern[bytes]:
    """Return a pattern for possible frame headers with another rate or number of channels."""
    same_rates = {0, *(code for code, rate_hz in _RATES_HZ.items() if rate_hz == sampling_rate)}
    same_channels = {num_channels - 1, *({8, 9, 10} if num_channels == 2 else ())}
    rate_codes, channel_codes = set(range(15)), set(range(11))
    return re.compile(
        rb"\xff[\xf8\xf9](?:%b%b|%b%b)"
        % (
            _third_bytes(rate_codes - same_rates),
            _fourth_bytes(channel_codes),
            _third_bytes(rate_codes),
            _fourth_bytes(channel_codes - same_channels),
        )
    )


def _third_bytes(rate_codes: set[int]) -> bytes:
    """Match any block size with these rate codes."""
    return _one_of(block_code << 4 | code for block_code in range(1, 16) for code in rate_codes)


def _fourth_bytes(channel_codes: set[int]) -> bytes:
    """Match these channel codes with any sample size."""
    return _one_of(code << 4 | size_code << 1 for code in channel_codes for size_code in range(8))


def _one_of(values: Iterable[int]) -> bytes:
    return b"[%b]" % b"".join(b"\\x%02x" % value for value in values)


def _change(header: FrameHeader, sampling_rate: int, num_channels: int, offset: int) -> Change | None:
    if header.sampling_rate not in (None, sampling_rate):
        return Change("sampling rate", sampling_rate, header.sampling_rate or 0, offset)
    if header.num_channels != num_channels:
        return Change("number of channels", num_channels, header.num_channels, offset)
    return None


def _has_footer(window: bytes) -> bool:
    """Check the CRC-16 of the first frame, which ends where the next frame begins or at the end of the file."""
    ends = [*islice(frame_headers(window, 1), 8), len(window) - _ID3V1_BYTES, len(window)]
    value, done = 0, 0
    for end in sorted(end for end in ends if end > 0):
        value = _crc(window[done:end], *_CRC_16, value)  # 0 if the data include the frame's own footer
        done = end
        if not value:
            return True
    return False


@cache
def _crc_table(bits: int, polynomial: int) -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> bits - 1 & 1 else 0)
        table.append(value & (1 << bits) - 1)
    return tuple(table)


def _crc(data: bytes, bits: int, polynomial: int, value: int = 0) -> int:
    table, mask, shift = _crc_table(bits, polynomial), (1 << bits) - 1, bits - 8
    for byte in data:
        value = (value << 8 & mask) ^ table[value >> shift ^ byte]
    return value
