"""The end of containers whose header counts the bytes of audio: WAV, RF64, W64, AIFF, CAF, AU, NIST SPHERE.

libsndfile reads what is there and says nothing when that is less than the header claims.  Its log does say so, but
not in a form to build on: "should be" also stands there for good files (data of an odd size, a RIFF size that a pipe
could not fill in), and cut CAF and NIST files leave no such line.  So the claim is read here and held against the
size of the file.  Of 200 random cuts each of WAV (PCM, IMA and MS ADPCM, GSM 6.10), RF64, W64, AIFF, CAF (PCM, ALAC),
AU and NIST all were found, save those to under 12 bytes, in which no format can be told.

A length of almost 2 or 4 GiB in a smaller file is a mark of streaming writers, not a claim: ffmpeg writes 0xFFFFFFFF,
sox and espeak-ng 0x7FFFF000, arecord 0x80000000.  A recorder that was killed can leave the same marks.

A claim that is too low is what a header says that was brought up to date once and then no more.  libsndfile reads what
is claimed.  What may follow the audio of a good file is told apart from audio by `_looks_like_more_audio`.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from melcli.audio.ending import Ending, Read

__all__ = ["AIFF", "CAF", "RF64", "RIFF", "RIFX", "W64", "Layout", "end_of_au", "end_of_chunks", "end_of_nist"]

MAX_CHUNKS = 1000  # a hostile file could hold millions of empty ones
MOST_JUNK = 1023  # bytes behind the audio that are not worth a word: padding to whole sectors, tags
MOST_PADDING = 2**24  # bytes of zeros that are looked through: a hostile sparse file could hold a terabyte
_PIECE_BYTES = 2**16
_TAGS_BEHIND = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN")  # appended by taggers that know nothing of chunks
LARGEST_32_BIT_FILE = 2**32 + 7  # bytes: a length of 2**32 - 1 after eight bytes of header


class Layout(NamedTuple):
    """How a family of chunked containers writes its chunks."""

    name: str
    first: int  # offset of the first chunk, bytes
    tag_bytes: int
    length: struct.Struct
    length_counts_header: bool
    align: int  # chunks begin at multiples of this many bytes
    data: bytes  # tag of the chunk that holds the audio
    lead: int  # bytes in that chunk before the audio
    open_marks: tuple[range, ...]  # lengths that mean "until the end"

    @property
    def header_bytes(self) -> int:
        """Bytes of a chunk before its content."""
        return self.tag_bytes + self.length.size


# Writers subtract their header from the mark or round it to whole samples, so a mark is a range of 64 KiB.  That a
# real cut file claims a length in there happens to 1 in 30,000 of those over 1 GiB.
_MARKS_32 = (range(2**31 - 2**16, 2**31 + 1), range(2**32 - 2**16, 2**32))
_MARKS_64 = (range(2**62, 2**64),)
_MARKS_AIFF = (range(1), range(0x7F000000, 0x7F000000 + 2**16), *_MARKS_32)  # ffmpeg writes 0, sox 0x7F000008

RIFF = Layout("WAV", 12, 4, struct.Struct("<I"), False, 2, b"data", 0, _MARKS_32)
RIFX = RIFF._replace(length=struct.Struct(">I"))
RF64 = RIFF._replace(name="RF64", open_marks=_MARKS_64)
W64 = Layout("W64", 40, 16, struct.Struct("<Q"), True, 8, b"data", 0, _MARKS_64)
AIFF = Layout("AIFF", 12, 4, struct.Struct(">I"), False, 2, b"SSND", 8, _MARKS_AIFF)
CAF = Layout("CAF", 8, 4, struct.Struct(">Q"), False, 1, b"data", 4, _MARKS_64)


def end_of_chunks(layout: Layout, read: Read, file_size: int) -> Ending:
    """Hold the length of the chunk with the audio against the bytes that follow.

    Parameters
    ----------
    layout : Layout
        One of `RIFF`, `RIFX`, `RF64`, `W64`, `AIFF`, `CAF`.
    read : callable
        See `melcli.audio.ending.Read`.
    file_size : int
        In bytes.

    Returns
    -------
    Ending
    """
    if layout.length.size == 4 and layout is not RF64 and file_size > LARGEST_32_BIT_FILE:
        # ffmpeg lets the length wrap; libsndfile then reads what is left of it, without an error.
        return Ending(
            format=layout.name,
            shortfall=f"a {layout.name} header counts no more than 4 GiB and the file has {file_size:,} bytes",
        )
    offset = layout.first
    length_64 = 0
    for _ in range(MAX_CHUNKS):
        chunk = _chunk_at(layout, read, offset) if offset < file_size else None  # a length can go beyond 2**63
        if chunk is None:
            break
        tag, length = chunk
        content = offset + layout.header_bytes
        if tag == layout.data:
            claim = length_64 if layout is RF64 and length == 2**32 - 1 else length
            return _judge(layout, claim, content, read, file_size)
        if tag == b"ds64":
            length_64 = int.from_bytes(read(content + 8, 8), "little")
        offset = content + length + -(content + length) % layout.align
    return Ending(format=layout.name, cut_header=offset + layout.header_bytes > file_size)


def _chunk_at(layout: Layout, read: Read, offset: int) -> tuple[bytes, int] | None:
    """Return tag (four bytes) and length of the content, or None where no chunk begins."""
    header = read(offset, layout.header_bytes)
    if len(header) < layout.header_bytes or not header[:4].isascii() or b"\0" in header[:4]:
        return None
    (length,) = layout.length.unpack_from(header, layout.tag_bytes)
    if layout.length_counts_header:
        length -= layout.header_bytes
    return (header[:4], length) if length >= 0 else None


def _judge(layout: Layout, claim: int, content: int, read: Read, file_size: int) -> Ending:
    there = file_size - content
    if claim != there and any(claim in mark for mark in layout.open_marks):
        return Ending(format=layout.name, open_ended=True)
    if claim <= layout.lead and there > claim:
        # No audio is claimed and yet something follows: further chunks, or all that a killed recorder wrote.
        chunk = _chunk_at(layout, read, content + claim)
        if chunk is None or chunk[1] > there:
            return Ending(format=layout.name, shortfall=_unfinished(there - claim))
    end = content + claim
    is_stale = (
        layout.lead < claim < there
        and _looks_like_more_audio(read, end, file_size)
        and not _chunk_follows(layout, read, end, file_size)
    )
    return Ending(format=layout.name, shortfall=_missing(claim, there), open_ended=is_stale)


def _chunk_follows(layout: Layout, read: Read, end: int, file_size: int) -> bool:
    """Tell whether a chunk that fits into the file begins where the audio ends; some writers forget to align it."""
    for offset in (end, end + -end % layout.align):
        tag, length = _chunk_at(layout, read, offset) or (b"\0", 0)
        if tag.decode("ascii").isprintable() and offset + layout.header_bytes + length <= file_size:
            return True
    return False


def _looks_like_more_audio(read: Read, offset: int, file_size: int) -> bool:
    """Tell whether what follows the claimed audio is more than padding or a tag; it may be a chunk."""
    if file_size - offset <= MOST_JUNK or read(offset, 16).startswith(_TAGS_BEHIND):
        return False
    looked_through = min(file_size, offset + MOST_PADDING)
    return any(any(read(piece, _PIECE_BYTES)) for piece in range(offset, looked_through, _PIECE_BYTES))


def end_of_au(read: Read, file_size: int) -> Ending:
    """Hold the data size of an AU header against the bytes that follow; all ones mean "until the end"."""
    header = read(0, 12)
    if len(header) < 12:
        return Ending(format="AU", cut_header=True)
    offset, claim = struct.unpack_from("<II" if header.startswith(b"dns.") else ">II", header, 4)
    there = file_size - offset
    if claim == 2**32 - 1:
        return Ending(format="AU", open_ended=True, cut_header=there < 0)
    shortfall = _unfinished(there) if claim == 0 < there else _missing(claim, there)
    is_stale = 0 < claim < there and _looks_like_more_audio(read, offset + claim, file_size)
    return Ending(format="AU", shortfall=shortfall, cut_header=there < 0, open_ended=is_stale)


def end_of_nist(read: Read, file_size: int) -> Ending:
    """Hold the sample count of a NIST SPHERE header (TIMIT, WSJ) against the bytes that follow."""
    head = read(0, 16).split(b"\n")
    header_bytes = int(head[1]) if len(head) > 2 and head[1].strip().isdigit() else 1024
    # libsndfile writes the bytes of u-law as a string: "sample_n_bytes -s1 1".
    fields = dict(re.findall(rb"^(\w+) -(?:i|s\d+) (\d{1,18})\b", read(0, min(header_bytes, 2**16)), re.MULTILINE))
    there = file_size - header_bytes
    if there < 0 or not fields.keys() >= {b"sample_count", b"sample_n_bytes"}:
        return Ending(format="NIST SPHERE", cut_header=there < 0)
    claim = int(fields[b"sample_count"]) * int(fields[b"sample_n_bytes"]) * int(fields.get(b"channel_count", 1))
    return Ending(format="NIST SPHERE", shortfall=_missing(claim, there))


def _missing(claim: int, there: int) -> str:
    if claim <= there:
        return ""
    return f"the header claims {claim:,} bytes of audio and {max(0, there):,} follow it"


def _unfinished(there: int) -> str:
    return f"the header claims no audio and {there:,} bytes follow it: it was never finished"
