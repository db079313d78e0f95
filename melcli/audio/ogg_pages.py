"""The pages of an Ogg file: find, check and modify them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from melcli.audio.end_of_audio import Read

__all__ = ["FIRST_OF_STREAM", "LAST_OF_STREAM", "MAX_PAGE_BYTES", "Page", "pages", "read_page"]

# "OggS", version, flags, granule position, serial number, sequence number, checksum, bytes of lacing.
_HEADER = struct.Struct("<4sBBqIIIB")
HEADER_BYTES = _HEADER.size  # before the lacing values, whose sum is the size of the content
MAX_PAGE_BYTES = HEADER_BYTES + 255 + 255 * 255
CONTINUED = 0x01
FIRST_OF_STREAM = 0x02
LAST_OF_STREAM = 0x04

# Four pages of the maximum size; a typical page has 4 to 8 kB.
_CHUNK_BYTES = 4 * MAX_PAGE_BYTES
# Places after damage that look like a page but are not; each takes a checksum over up to 65 kB.
_MAX_FALSE_STARTS = 1000
_MAX_JUNK_BYTES = 2**24  # between pages; a hostile sparse file could hold a terabyte
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Page(NamedTuple):
    """A complete page.

    Attributes
    ----------
    offset : int
        Offset in the file, bytes.
    data : bytes
        Header, lacing and content.
    flags : int
    granule : int
        Granule position at the end of the last packet that ends on the page; -1 if none does.
    serial : int
        Serial number of the page's stream.
    sequence : int
        Sequence number of the page in its stream.
    """

    offset: int
    data: bytes
    flags: int
    granule: int
    serial: int
    sequence: int

    @classmethod
    def of(cls, offset: int, data: bytes) -> Page:
        """Parse the header of a page."""
        _, _, flags, granule, serial, sequence, _, _ = _HEADER.unpack_from(data)
        return cls(offset, data, flags, granule, serial, sequence)

    @property
    def end(self) -> int:
        """Offset of the next page."""
        return self.offset + len(self.data)

    @property
    def is_intact(self) -> bool:
        """Whether the checksum is correct; otherwise libogg drops the page."""
        return self.data[22:26] == _checksum(self.data[:22] + bytes(4) + self.data[26:])

    @property
    def content_at(self) -> int:
        """Offset of the content in `data`."""
        return HEADER_BYTES + self.data[26]

    @property
    def ends_a_packet(self) -> bool:
        """Whether a packet ends on the page."""
        return any(size < 255 for size in self.data[HEADER_BYTES : self.content_at])

    def ended_packets(self) -> list[bytes]:
        """Return the packets that begin and end on the page."""
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
        """Return the page with ``replacement`` at offset ``at`` of ``data``, and with a new checksum."""
        data = self.data[:at] + replacement + self.data[at + len(replacement) :]
        return Page.of(self.offset, data[:22] + _checksum(data[:22] + bytes(4) + data[26:]) + data[26:])

    def as_last(self) -> Page:
        """Return the page with the end-of-stream flag."""
        return self.replaced(5, bytes([self.flags | LAST_OF_STREAM]))

    def with_granule(self, granule: int) -> Page:
        """Return the page with another granule position."""
        return self.replaced(6, struct.pack("<q", granule))


def read_page(read: Read, offset: int) -> Page | None:
    """Read the page at an offset; None if there is no complete page."""
    data = read(offset, MAX_PAGE_BYTES)
    size = _page_size(data, 0)
    return Page.of(offset, data[:size]) if 0 < size <= len(data) else None


def pages(read: Read, start: int, file_size: int) -> Iterator[Page]:
    """Walk through the complete pages of a file; like libogg, skip the bytes between them.

    Parameters
    ----------
    read : callable
        See `melcli.audio.end_of_audio.Read`.
    start, file_size : int
        Start and end of the walk, bytes.

    Yields
    ------
    page : Page
        The checksum is verified only if the page does not directly follow another page, or no other page directly
        follows it.  That finds truncated and overwritten pages in a third of the time.  The walk ends after 1,000
        places that look like a page but are not, or 16 MiB without a page.
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
    """Return the size of the page at ``at``, in bytes; 0 if there is none, or if its header is incomplete."""
    if data[at : at + 5] != b"OggS\0" or len(data) < at + HEADER_BYTES:
        return 0
    lacing = data[at + HEADER_BYTES : at + HEADER_BYTES + data[at + 26]]
    return HEADER_BYTES + len(lacing) + sum(lacing) if len(lacing) == data[at + 26] else 0


def _checksum(data: bytes) -> bytes:
    """Compute Ogg's CRC-32, which processes the bits of a byte in the opposite order to zlib's and inverts nothing.

    With the bits of all bytes reversed, zlib computes the same number with its bits reversed, at 1 GB/s.
    """
    reversed_crc = zlib.crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return reversed_crc.to_bytes(4, "big").translate(_REVERSED)
