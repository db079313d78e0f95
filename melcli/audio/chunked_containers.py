"""The end of containers whose header counts the bytes of audio: WAV, RF64, W64, AIFF, CAF, AU, NIST SPHERE.

If a file contains less audio than its header claims, libsndfile decodes what exists without an error.  Its log is not
reliable.  "should be" also appears for good files, with data of an odd size or a RIFF size that a pipe could not fill
in.  For truncated CAF and NIST files it does not appear.  So this module reads the claimed length and compares it with
the file size.  It found all of 200 random truncations each, except those to fewer than 12 bytes, where no format can be
detected.  The formats were WAV (PCM, IMA and MS ADPCM, GSM 6.10), RF64, W64, AIFF, CAF (PCM, ALAC), AU and NIST.

In a smaller file, a length of almost 2 or 4 GiB is a placeholder of a streaming writer: ffmpeg writes 0xFFFFFFFF,
sox and espeak-ng 0x7FFFF000, arecord 0x80000000.  A recorder that was killed can leave the same placeholders.

A header that was updated once and not again claims too little, and libsndfile reads only what is claimed.
`_looks_like_more_audio` distinguishes unclaimed audio from data that may follow the audio in a good file.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import NamedTuple

from melcli.audio.coding_names import AIFF_CODINGS, CAF_CODINGS, READ_AIFF, READ_CAF, code_name
from melcli.audio.end_of_audio import Ending, Read
from melcli.audio.view import Extent
from melcli.audio.wave_format import MAX_FORMAT_BYTES, WaveFormat

__all__ = [
    "AIFF",
    "BW64",
    "CAF",
    "RF64",
    "RIFF",
    "RIFX",
    "SHORTEST_WAV_HEADER",
    "W64",
    "ChunkedEnding",
    "Layout",
    "end_of_au",
    "end_of_chunks",
    "end_of_nist",
    "is_ordinary_wav",
]

MAX_CHUNKS = 1000  # a hostile file could hold millions of empty ones
MAX_JUNK_BYTES = 1023  # ignored after the audio: padding to complete sectors, tags
MAX_PADDING_BYTES = 2**24  # checked for being all zeros: a hostile sparse file could hold a terabyte
_PIECE_BYTES = 2**16
_APPENDED_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN")  # appended by taggers that do not write chunks
# "sample_coding -s26 pcm,embedded-shorten-v2.00"
_EMBEDDED = re.compile(rb"^sample_coding -s\d+ \S*embedded-([a-z]+)", re.MULTILINE)
_EMBEDDED_NAMES = {b"shorten": "Shorten", b"wavpack": "WavPack"}
_AU_G722 = 24
_SHORTEST_WAV = struct.Struct("<4sI8sIHHIIHH4sI")
SHORTEST_WAV_HEADER = _SHORTEST_WAV.size
LARGEST_32_BIT_FILE = 2**32 + 7  # bytes: eight bytes of header, then a length of 2**32 - 1


class Layout(NamedTuple):
    """The chunk layout of a family of containers."""

    name: str
    first: int  # offset of the first chunk, bytes
    tag_bytes: int
    length: struct.Struct
    length_counts_header: bool
    align: int  # chunks begin at multiples of this many bytes
    form: bytes  # tag of the chunk that describes the coding
    data: bytes  # tag of the chunk that holds the audio
    lead: int  # bytes in that chunk before the audio
    open_marks: tuple[range, ...]  # placeholder lengths that mean "until the end of the file"

    @property
    def header_bytes(self) -> int:
        """Bytes of a chunk before its content."""
        return self.tag_bytes + self.length.size


# Writers subtract their header from the placeholder or round it to complete samples, so it is a range of 64 KiB.  A
# truncated file with an honest length in that range is rare: 1 in 30,000 of those over 1 GiB.
_MARKS_32 = (range(2**31 - 2**16, 2**31 + 1), range(2**32 - 2**16, 2**32))
_MARKS_64 = (range(2**62, 2**64),)
_MARKS_AIFF = (range(1), range(0x7F000000, 0x7F000000 + 2**16), *_MARKS_32)  # ffmpeg writes 0, sox 0x7F000008

RIFF = Layout("WAV", 12, 4, struct.Struct("<I"), False, 2, b"fmt ", b"data", 0, _MARKS_32)
RIFX = RIFF._replace(length=struct.Struct(">I"))
RF64 = RIFF._replace(name="RF64", open_marks=_MARKS_64)
BW64 = RF64._replace(name="BW64")
W64 = Layout("W64", 40, 16, struct.Struct("<Q"), True, 8, b"fmt ", b"data", 0, _MARKS_64)
AIFF = Layout("AIFF", 12, 4, struct.Struct(">I"), False, 2, b"COMM", b"SSND", 8, _MARKS_AIFF)
_WAVES = (RIFF, RIFX, RF64, BW64, W64)
_WITH_DS64 = (RF64, BW64)
CAF = Layout("CAF", 8, 4, struct.Struct(">Q"), False, 1, b"desc", b"data", 4, _MARKS_64)


class Chunks(NamedTuple):
    """The chunks of a file.

    Attributes
    ----------
    audio : tuple of Extent
        The audio that the file contains; several extents if there are several audio chunks.
    form : Extent
        The content of the chunk that describes the coding; of size 0 if no such chunk precedes the audio.
    wave_format : WaveFormat or None
        The parsed format chunk of WAV, RF64, BW64 and W64.
    code : bytes
        The four-character code of the coding, in AIFC and CAF.
    exceeds_header : bool
        The file is larger than its header can express.
    """

    audio: tuple[Extent, ...]
    form: Extent
    wave_format: WaveFormat | None
    code: bytes
    exceeds_header: bool

    @property
    def num_bytes(self) -> int:
        """Size of the audio, in bytes."""
        return sum(extent.size for extent in self.audio)

    @property
    def is_ordinary(self) -> bool:
        """Whether libsndfile decodes this WAV, RF64, BW64 or W64 file correctly, if it knows the container."""
        coding = self.wave_format
        return coding is not None and coding.is_plain and len(self.audio) == 1 and not self.exceeds_header


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkedEnding(Ending):
    """The end of a chunked file whose audio chunk was reached.

    Attributes
    ----------
    chunks : Chunks
    """

    chunks: Chunks  # one field for everything, because each field costs 0.2 us


class _CheckedAudio(NamedTuple):
    """The audio of a file, and the result of checking its length."""

    audio: tuple[Extent, ...]
    shortfall: str = ""
    open_ended: bool = False


def is_ordinary_wav(head: bytes, file_size: int) -> bool:
    """Return whether a file is complete PCM with the shortest WAV header.

    Most files are.  This check takes 1 us; walking through the chunks takes 12 us.

    Parameters
    ----------
    head : bytes
        The first `SHORTEST_WAV_HEADER` bytes.
    file_size : int
        In bytes.
    """
    if len(head) < SHORTEST_WAV_HEADER:
        return False
    riff, _, wave, size, tag, channels, _, _, block, bits, data, claim = _SHORTEST_WAV.unpack(head)
    return (
        (riff, wave, size, tag, data) == (b"RIFF", b"WAVEfmt ", 16, 1, b"data")
        and claim == file_size - SHORTEST_WAV_HEADER
        and block * 8 == channels * bits > 0 == bits % 8
        and file_size <= LARGEST_32_BIT_FILE
    )


def end_of_chunks(layout: Layout, read: Read, file_size: int) -> Ending:
    """Compare the length of the audio chunk with the bytes that follow.

    Parameters
    ----------
    layout : Layout
        One of `RIFF`, `RIFX`, `RF64`, `BW64`, `W64`, `AIFF`, `CAF`.
    read : callable
        See `melcli.audio.end_of_audio.Read`.
    file_size : int
        In bytes.

    Returns
    -------
    Ending
        A `ChunkedEnding` if audio was reached.
    """
    offset = layout.first
    length_64 = 0
    form = Extent(0, 0)
    for _ in range(MAX_CHUNKS):
        chunk = _chunk_at(layout, read, offset) if offset < file_size else None  # a hostile length can exceed 2**63
        if chunk is None:
            break
        tag, length = chunk
        content = offset + layout.header_bytes
        if tag == layout.data:
            claim = length_64 if layout in _WITH_DS64 and length == 2**32 - 1 else length
            audio, shortfall, open_ended = _check_length(layout, claim, content, read, file_size)
            wave_format, code, undecoded = _coding(layout, form, read)
            exceeds_header = file_size > LARGEST_32_BIT_FILE and _counts_32_bits(layout)
            return ChunkedEnding(
                format=layout.name,
                shortfall=shortfall,
                open_ended=open_ended,
                undecoded=undecoded,
                chunks=Chunks(audio, form, wave_format, code, exceeds_header),
            )
        if tag == layout.form:
            form = Extent(content, length)
        if tag == b"ds64":
            length_64 = int.from_bytes(read(content + 8, 8), "little")
        offset = content + length + -(content + length) % layout.align
    incomplete_header = offset + layout.header_bytes > file_size
    return Ending(format=layout.name, incomplete_header=incomplete_header, undecoded=_coding(layout, form, read)[2])


def _chunk_at(layout: Layout, read: Read, offset: int) -> tuple[bytes, int] | None:
    """Return the tag (four bytes) and the length of the content, or None if no chunk begins at ``offset``."""
    header = read(offset, layout.header_bytes)
    if len(header) < layout.header_bytes or not header[:4].isascii() or b"\0" in header[:4]:
        return None
    (length,) = layout.length.unpack_from(header, layout.tag_bytes)
    if layout.length_counts_header:
        length -= layout.header_bytes
    return (header[:4], length) if length >= 0 else None


def _check_length(layout: Layout, claim: int, content: int, read: Read, file_size: int) -> _CheckedAudio:
    available = file_size - content
    start, max_bytes = content + layout.lead, max(0, available - layout.lead)
    if claim != available and any(claim in mark for mark in layout.open_marks):
        return _CheckedAudio((Extent(start, max_bytes),), open_ended=True)
    if _counts_32_bits(layout) and file_size > LARGEST_32_BIT_FILE:
        wrapped = _unwrapped_length(layout, claim, content, read, file_size)
        if wrapped is None:
            shortfall = f"a {layout.name} header counts at most 4 GiB, but the file has {file_size:,} bytes"
            return _CheckedAudio((Extent(start, max_bytes),), shortfall)
        claim = wrapped
    if claim <= layout.lead and available > claim:
        # The header claims no audio, yet data follows: other chunks, or all that a killed recorder wrote.
        chunk = _chunk_at(layout, read, content + claim)
        if chunk is None or chunk[1] > available:
            return _CheckedAudio((Extent(start, max_bytes),), _never_completed(available - claim))
    end = content + claim
    audio = Extent(start, max(0, min(claim - layout.lead, max_bytes)))
    if claim >= available:
        return _CheckedAudio((audio,), _missing(claim, available))
    if more := _further_audio(layout, end, read, file_size):
        shortfall = _missing(more[-1].size, file_size - more[-1].offset)
        return _CheckedAudio((audio, *(_within(file_size, extent) for extent in more)), shortfall)
    is_stale = (
        claim > layout.lead
        and _looks_like_more_audio(read, end, file_size)
        and not _chunk_follows(layout, read, end, file_size)
    )
    return _CheckedAudio((audio,), open_ended=is_stale)


def _unwrapped_length(layout: Layout, claim: int, content: int, read: Read, file_size: int) -> int | None:
    """Return the real length if ffmpeg let the claim wrap at 4 GiB; None if no multiple of 4 GiB fits.

    A length fits if the file ends there, or if only chunks and tags follow.
    """
    if layout not in (RIFF, RIFX):
        return None
    largest = claim + (file_size - content - claim) // 2**32 * 2**32
    for length in range(largest, claim - 1, -(2**32)):
        end = content + length
        if _chunk_follows(layout, read, end, file_size) or not _looks_like_more_audio(read, end, file_size):
            return length
    return None


def _further_audio(layout: Layout, end: int, read: Read, file_size: int) -> list[Extent]:
    """Return further audio chunks, as recorders leave that write in pieces."""
    found: list[Extent] = []
    offset = end + -end % layout.align
    for _ in range(MAX_CHUNKS):
        chunk = _chunk_at(layout, read, offset) if layout in _WAVES and offset < file_size else None
        if chunk is None:
            break
        tag, length = chunk
        content = offset + layout.header_bytes
        if tag == layout.data:
            found.append(Extent(content, length))
        offset = content + length + -(content + length) % layout.align
    return found


def _within(file_size: int, extent: Extent) -> Extent:
    return Extent(extent.offset, max(0, min(extent.size, file_size - extent.offset)))


def _counts_32_bits(layout: Layout) -> bool:
    return layout.length.size == 4 and layout not in _WITH_DS64


def _coding(layout: Layout, form: Extent, read: Read) -> tuple[WaveFormat | None, bytes, str]:
    """Return the format chunk, the four-character code, and the name of a coding that libsndfile does not decode."""
    content = read(form.offset, min(form.size, MAX_FORMAT_BYTES)) if form.size else b""
    if layout in _WAVES:
        wave_format = WaveFormat.read(content, big_endian=layout is RIFX)
        return wave_format, b"", wave_format.undecoded if wave_format else ""
    known, names, at = (READ_AIFF, AIFF_CODINGS, 18) if layout is AIFF else (READ_CAF, CAF_CODINGS, 8)
    code = content[at : at + 4]
    return None, code, "" if len(code) < 4 or code in known else code_name(code, names)


def _chunk_follows(layout: Layout, read: Read, end: int, file_size: int) -> bool:
    """Return whether a chunk that fits into the file begins at the end of the audio; some writers do not align it."""
    for offset in (end, end + -end % layout.align):
        tag, length = _chunk_at(layout, read, offset) or (b"\0", 0)
        if tag.decode("ascii").isprintable() and offset + layout.header_bytes + length <= file_size:
            return True
    return False


def _looks_like_more_audio(read: Read, offset: int, file_size: int) -> bool:
    """Return whether the data after the claimed audio is more than padding or a tag; it may be a chunk."""
    if file_size - offset <= MAX_JUNK_BYTES or read(offset, 16).startswith(_APPENDED_TAGS):
        return False
    looked_through = min(file_size, offset + MAX_PADDING_BYTES)
    return any(any(read(piece, _PIECE_BYTES)) for piece in range(offset, looked_through, _PIECE_BYTES))


def end_of_au(read: Read, file_size: int) -> Ending:
    """Compare the data size in an AU header with the bytes that follow; 0xFFFFFFFF means "until the end"."""
    header = read(0, 16)
    if len(header) < 16:
        return Ending(format="AU", incomplete_header=True)
    offset, claim, coding = struct.unpack_from("<III" if header.startswith(b"dns.") else ">III", header, 4)
    if coding == _AU_G722:
        return Ending(format="AU", undecoded="G.722 ADPCM")
    available = file_size - offset
    if claim == 2**32 - 1:
        return Ending(format="AU", open_ended=True, incomplete_header=available < 0)
    shortfall = _never_completed(available) if claim == 0 < available else _missing(claim, available)
    is_stale = 0 < claim < available and _looks_like_more_audio(read, offset + claim, file_size)
    return Ending(format="AU", shortfall=shortfall, incomplete_header=available < 0, open_ended=is_stale)


def end_of_nist(read: Read, file_size: int) -> Ending:
    """Compare the sample count in a NIST SPHERE header (TIMIT, WSJ) with the bytes that follow."""
    head = read(0, 16).split(b"\n")
    header_bytes = int(head[1]) if len(head) > 2 and head[1].strip().isdigit() else 1024
    header = read(0, min(header_bytes, 2**16))
    # libsndfile writes the sample size of u-law as a string: "sample_n_bytes -s1 1".
    fields = dict(re.findall(rb"^(\w+) -(?:i|s\d+) (\d{1,18})\b", header, re.MULTILINE))
    available = file_size - header_bytes
    if embedded := _EMBEDDED.search(header):  # the sample count then describes the uncompressed audio
        return Ending(format="NIST SPHERE", undecoded=_EMBEDDED_NAMES.get(embedded[1], embedded[1].decode("ascii")))
    if available < 0 or not fields.keys() >= {b"sample_count", b"sample_n_bytes"}:
        return Ending(format="NIST SPHERE", incomplete_header=available < 0)
    claim = int(fields[b"sample_count"]) * int(fields[b"sample_n_bytes"]) * int(fields.get(b"channel_count", 1))
    return Ending(format="NIST SPHERE", shortfall=_missing(claim, available))


def _missing(claim: int, available: int) -> str:
    if claim <= available:
        return ""
    return f"the header claims {claim:,} bytes of audio, but {max(0, available):,} bytes follow"


def _never_completed(available: int) -> str:
    return f"the header was never completed: it claims no audio, but {available:,} bytes follow"
