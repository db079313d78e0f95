"""The pages of an Ogg file: find them, check them, and rewrite a page that has to be changed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from melcli.audio.ending import Read

__all__ = ["FIRST_OF_STREAM", "LAST_OF_STREAM", "MAX_PAGE_BYTES", "Page", "pages", "read_page"]

# "OggS", version, flags, granule position, serial number, sequence number, checksum, bytes of lacing.
_HEADER = struct.Struct("<4sBBqIIIB")
HEADER_BYTES = _HEADER.size  # before the lacing, whose bytes count those of the content
MAX_PAGE_BYTES = HEADER_BYTES + 255 + 255 * 255
CONTINUED = 0x01
FIRST_OF_STREAM = 0x02
LAST_OF_STREAM = 0x04

# Four pages of the largest size; a typical one has 4 to 8 kB.
_CHUNK_BYTES = 4 * MAX_PAGE_BYTES
# Places that look like a page behind damage and are none, each of which costs a checksum over up to 65 kB.
_MAX_FALSE_STARTS = 1000
_MAX_JUNK_BYTES = 2**24  # without a page; a hostile sparse file could hold a terabyte
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Page(NamedTuple):
    """A complete page.

    Attributes
    ----------
    offset : int
        In the file, bytes.
    data : bytes
        Header, lacing and content.
    flags : int
    granule : int
        Granule position where the last packet ends that ends on the page; -1 if none does.
    serial : int
        Number of the stream that the page belongs to.
    sequence : int
        Number of the page in its stream.
    """

    offset: int
    data: bytes
    flags: int
    granule: int
    serial: int
    sequence: int

    @classmethod
    def of(cls, offset: int, data: bytes) -> Page:
        """Read the header of a page."""
        _, _, flags, granule, serial, sequence, _, _ = _HEADER.unpack_from(data)
        return cls(offset, data, flags, granule, serial, sequence)

    @property
    def end(self) -> int:
        """Where the next page begins."""
        return self.offset + len(self.data)

    @property
    def is_intact(self) -> bool:
        """Whether the checksum is right; libogg drops the page otherwise."""
        return self.data[22:26] == _checksum(self.data[:22] + bytes(4) + self.data[26:])

    @property
    def content_at(self) -> int:
        """Where the content begins in `data`."""
        return HEADER_BYTES + self.data[26]

    @property
    def ends_a_packet(self) -> bool:
        """Whether a packet ends on the page."""
        return any(size < 255 for size in self.data[HEADER_BYTES : self.content_at])

    def ended_packets(self) -> list[bytes]:
        """Return the packets that end on the page, without the rest of one that began on the page before."""
        packets = []
        begins_here = not self.flags & CONTINUED
        start = at = self.content_at
        for size in self.data[HEADER_BYTES:at]:
            at += size
            if size < 255:
                if begins_here:
                    packets.append(self.data[start:at])
                start, begins_here = at, True
        return packets

    def replaced(self, at: int, replacement: bytes) -> Page:
        """Put other bytes in the place of those at ``at``, of header or content, and compute the checksum again."""
        data = self.data[:at] + replacement + self.data[at + len(replacement) :]
        return Page.of(self.offset, data[:22] + _checksum(data[:22] + bytes(4) + data[26:]) + data[26:])

    def as_last(self) -> Page:
        """Return the page with the end-of-stream flag."""
        return self.replaced(5, bytes([self.flags | LAST_OF_STREAM]))

    def with_granule(self, granule: int) -> Page:
        """Return the page with another granule position."""
        return self.replaced(6, struct.pack("<q", granule))


def read_page(read: Read, offset: int) -> Page | None:
    """Read the page at an offset; None where no complete one is."""
    data = read(offset, MAX_PAGE_BYTES)
    size = _page_size(data, 0)
    return Page.of(offset, data[:size]) if 0 < size <= len(data) else None


def pages(read: Read, start: int, file_size: int) -> Iterator[Page]:
    """Walk over the complete pages of a file, as libogg does: what is between them is skipped.

    Parameters
    ----------
    read : callable
        See `melcli.audio.ending.Read`.
    start, file_size : int
        Where the walk begins and ends, bytes.

    Yields
    ------
    page : Page
        Its checksum is verified only where it does not follow another page, or no other page follows it: that finds
        what is cut or swallowed, for a third of the time.  After 1,000 places that look like a page and are none, or
        16 MiB without a page, the walk ends.
    """
    chunk, chunk_at, at = b"", start, 0
    false_starts, follows, end = 0, True, start
    while True:
        if len(chunk) - at < MAX_PAGE_BYTES + 4 and chunk_at + len(chunk) < file_size:
            chunk_at += at
            chunk, at = read(chunk_at, min(_CHUNK_BYTES, file_size - chunk_at)), 0
            if not chunk:
                return
        size = _page_size(chunk, at)
        if 0 < size <= len(chunk) - at:
            page = Page.of(chunk_at + at, chunk[at : at + size])
            if (follows and chunk.startswith(b"OggS", at + size)) or page.is_intact:
                yield page
                at += size
                follows, end = True, chunk_at + at
                continue
            false_starts += 1
        follows = False
        found = chunk.find(b"OggS", at + 1)
        if found >= 0:
            at = found
        elif chunk_at + len(chunk) < file_size:
            at = max(at + 1, len(chunk) - 3)
        else:
            return
        if false_starts > _MAX_FALSE_STARTS or chunk_at + at - end > _MAX_JUNK_BYTES:
            return


def _page_size(data: bytes, at: int) -> int:
    """Return the bytes of the page that begins at ``at``; 0 where none does, or where its header is incomplete."""
    if data[at : at + 5] != b"OggS\0" or len(data) < at + HEADER_BYTES:
        return 0
    lacing = data[at + HEADER_BYTES : at + HEADER_BYTES + data[at + 26]]
    return HEADER_BYTES + len(lacing) + sum(lacing) if len(lacing) == data[at + 26] else 0


def _checksum(data: bytes) -> bytes:
    """Compute Ogg's CRC-32, which takes the bits of a byte in the other order than zlib's and inverts nothing.

    Of bytes with their bits reversed, zlib's is the same number with its bits reversed: a gigabyte a second.
    """
    reversed_crc = zlib.crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return reversed_crc.to_bytes(4, "big").translate(_REVERSED)
