"""Build Ogg pages and Opus packets."""

from __future__ import annotations

import struct
from collections.abc import Callable

__all__ = ["SERIAL", "checked", "later", "opus_header", "page", "pages_of", "reader"]

SERIAL = b"\1\0\0\0"
_HEADER_BYTES = 27


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return table


_CRC = _crc_table()


def page(
    flags: int,
    *packets: bytes,
    granule: int = 0,
    serial: bytes = SERIAL,
    sequence: int = 0,
    goes_on: bool = False,
) -> bytes:
    """Build a page of packets; with ``goes_on``, the last one (a multiple of 255 bytes) ends on the next page."""
    lacing = bytes(size for packet in packets for size in [255] * (len(packet) // 255) + [len(packet) % 255])
    lacing = lacing[:-1] if goes_on else lacing
    head = b"OggS\0" + bytes([flags]) + struct.pack("<q", granule) + serial + struct.pack("<II", sequence, 0)
    return checked(head + bytes([len(lacing)]) + lacing + b"".join(packets))


def checked(data: bytes) -> bytes:
    """Return a page with the correct checksum."""
    crc = 0
    for byte in data[:22] + bytes(4) + data[26:]:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _CRC[crc >> 24 ^ byte]
    return data[:22] + struct.pack("<I", crc) + data[26:]


def later(data: bytes, samples: int) -> bytes:
    """Return a page with ``samples`` added to its granule position."""
    (granule,) = struct.unpack_from("<q", data, 6)
    return checked(data[:6] + struct.pack("<q", granule + samples) + data[14:])


def opus_header(*, pre_skip: int = 312, rate_hz: int = 48_000, channels: int = 1) -> bytes:
    """Build the first packet of an Opus stream."""
    return b"OpusHead\1" + struct.pack("<BHIhB", channels, pre_skip, rate_hz, 0, 0)


def pages_of(ogg: bytes) -> list[bytes]:
    """Split a file into its pages; there must be nothing between them."""
    found, at = [], 0
    while at < len(ogg):
        lacing = ogg[at + _HEADER_BYTES : at + _HEADER_BYTES + ogg[at + 26]]
        size = _HEADER_BYTES + len(lacing) + sum(lacing)
        found.append(ogg[at : at + size])
        at += size
    return found


def reader(data: bytes) -> Callable[[int, int], bytes]:
    """Return a function that reads bytes at an offset."""
    return lambda offset, size: data[offset : offset + size]
