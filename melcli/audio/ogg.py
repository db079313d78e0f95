"""The end of an Ogg file: Vorbis, Opus, FLAC and whatever else travels in pages.

A cut Ogg file decodes short and without an error, and its length is not in a header but on the last page.  What gives
a cut away is that the last page is incomplete or does not carry the end-of-stream flag.  Of 200 random cuts each of
Vorbis and Opus all were found.  What cannot be known: a stream that was recorded from the air ends like a cut
one, and counts as one.
"""

from __future__ import annotations

from typing import NamedTuple

from melcli.audio.ending import Ending, Read

__all__ = ["end_of_ogg"]

MAX_PAGE_BYTES = 27 + 255 + 255 * 255
FIRST_OF_STREAM = 0x02
LAST_OF_STREAM = 0x04
MAX_STREAMS = 1000  # side by side; a hostile gigabyte could hold 40 million


class _Page(NamedTuple):
    flags: int
    serial: bytes
    size: int  # bytes, header and content


def end_of_ogg(read: Read, file_size: int) -> Ending:
    """Look for the end-of-stream flag on the last page.

    Parameters
    ----------
    read : callable
        See `melcli.audio.ending.Read`.
    file_size : int
        In bytes.

    Returns
    -------
    Ending
    """
    tail_at = max(0, file_size - MAX_PAGE_BYTES)
    tail = read(tail_at, MAX_PAGE_BYTES)
    at = tail.rfind(b"OggS")
    page = _page_at(tail, at)
    if page is None or at + page.size > len(tail):
        return Ending(format="Ogg", shortfall="the file ends inside an Ogg page")
    if not page.flags & LAST_OF_STREAM:
        return Ending(format="Ogg", shortfall="the last Ogg page does not carry the end-of-stream flag")
    if page.serial not in _opening_serials(read):
        # 48,000 of 96,000 samples came out of two Vorbis files, one after another, without an error.
        return Ending(format="Ogg", shortfall="it is a chain of Ogg streams, and libsndfile reads only the first")
    return Ending(format="Ogg")


def _page_at(data: bytes, offset: int) -> _Page | None:
    """Read the header of the page at ``offset``; None when it is not complete."""
    header = data[offset : offset + 27] if offset >= 0 else b""
    if len(header) < 27 or not header.startswith(b"OggS"):
        return None
    lacing = data[offset + 27 : offset + 27 + header[26]]
    if len(lacing) < header[26]:
        return None
    return _Page(flags=header[5], serial=header[14:18], size=27 + len(lacing) + sum(lacing))


def _opening_serials(read: Read) -> set[bytes]:
    """Serial numbers of the streams that begin together at the front of the file."""
    serials: set[bytes] = set()
    offset = 0
    for _ in range(MAX_STREAMS):
        page = _page_at(read(offset, 27 + 255), 0)
        if page is None or not page.flags & FIRST_OF_STREAM:
            break
        serials.add(page.serial)
        offset += page.size
    return serials
