"""Tags in MPEG audio files: before, between and after the frames, and inside the first frame."""

from __future__ import annotations

from typing import Literal, NamedTuple

from melcli.audio.end_of_audio import Read
from melcli.audio.mpeg_header import MPEG_1, Header

__all__ = ["FrontTag", "after_tags", "before_tags", "front_tag", "id3v2_bytes"]

MAX_TAGS = 1000  # a hostile gigabyte could hold 100 million
_ID3V1_BYTES = 128
_ID3V1_EXTENDED_BYTES = 227  # "TAG+", before ID3v1
_APE_BYTES = 32  # size of a header or footer
_MAX_LYRICS3V1_BYTES = 5100
_MAX_LYRICS3V2_BYTES = 2**20
_LYRICS3 = b"LYRICSBEGIN"
_VBRI_AT = 36


class FrontTag(NamedTuple):
    """The counts in the tag of the first frame; 0 for what it does not count.

    Attributes
    ----------
    num_frames, num_bytes : int
        Frames after the first one; bytes including it.
    kind : str
        ``Xing`` (also for Info) or ``VBRI``; empty without a tag.  mpg123 does not know VBRI, and decodes its frame as
        silence.
    """

    num_frames: int = 0
    num_bytes: int = 0
    kind: Literal["", "Xing", "VBRI"] = ""


def front_tag(frame: bytes, header: Header | None) -> FrontTag:
    """Read the Xing, Info or VBRI tag of a frame.

    Parameters
    ----------
    frame : bytes
        At least the first 64 bytes of the frame, unless the file ends.
    header : Header or None
        Its header; None if it is not a frame.
    """
    if header is None:
        return FrontTag()
    mono = header.num_channels == 1
    side_info = {(True, True): 17, (True, False): 32, (False, True): 9, (False, False): 17}[
        header.version == MPEG_1, mono
    ]
    xing = frame[4 + side_info : 4 + side_info + 16]
    if xing[:4] in (b"Xing", b"Info") and len(xing) == 16:
        counts = [int.from_bytes(xing[at : at + 4], "big") for at in (8, 12)]
        has_frames, has_bytes = xing[7] & 1, xing[7] & 2
        num_frames = counts.pop(0) if has_frames else 0
        return FrontTag(num_frames, counts[0] if has_bytes else 0, "Xing")
    if header.layer == 3 and frame[_VBRI_AT : _VBRI_AT + 4] == b"VBRI":
        return FrontTag(num_bytes=int.from_bytes(frame[46:50], "big"), kind="VBRI")
    return FrontTag()


def id3v2_bytes(head: bytes) -> int:
    """Return the size of the ID3v2 tag that begins with these ten bytes, or 0; four bytes encode its 28 bits."""
    if not head.startswith(b"ID3") or len(head) < 10:
        return 0
    size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    has_footer = head[5] & 0x10
    return 10 + size + (10 if has_footer else 0)


def after_tags(read: Read, offset: int, end: int) -> int:
    """Return the offset after the tags that begin at ``offset``; a tag must not extend beyond ``end``."""
    for _ in range(MAX_TAGS):
        size = _tag_at(read, offset) if offset < end else 0
        if not size or offset + size > end:
            break
        offset += size
    return offset


def before_tags(read: Read, file_size: int) -> int:
    """Return the offset of the end of the audio, before ID3v1, APE, Lyrics3 and appended ID3v2 tags."""
    end = file_size
    for _ in range(MAX_TAGS):
        size = _tag_before(read, end)
        if not size or size > end:
            break
        end -= size
    return end


def _tag_at(read: Read, offset: int) -> int:
    head = read(offset, _APE_BYTES)
    if head.startswith(b"ID3"):
        return id3v2_bytes(head)
    if head.startswith(b"TAG+"):
        return _ID3V1_EXTENDED_BYTES
    if head.startswith(b"TAG"):
        return _ID3V1_BYTES
    if head.startswith(_LYRICS3):
        text = read(offset, _MAX_LYRICS3V2_BYTES)
        ends = [text.find(mark) + 9 for mark in (b"LYRICS200", b"LYRICSEND") if mark in text]
        return min(ends, default=0)
    if head.startswith(b"APETAGEX") and len(head) == _APE_BYTES:
        return _APE_BYTES + int.from_bytes(head[12:16], "little")
    return 0


def _tag_before(read: Read, end: int) -> int:
    tail_at = max(0, end - _ID3V1_EXTENDED_BYTES)
    tail = read(tail_at, end - tail_at)
    if len(tail) >= _ID3V1_BYTES and tail[-_ID3V1_BYTES:].startswith(b"TAG"):
        return _ID3V1_BYTES
    if tail.startswith(b"TAG+") and len(tail) == _ID3V1_EXTENDED_BYTES:
        return _ID3V1_EXTENDED_BYTES
    ape = tail[-_APE_BYTES:]
    if ape.startswith(b"APETAGEX") and len(ape) == _APE_BYTES:
        has_header = ape[23] & 0x80
        return int.from_bytes(ape[12:16], "little") + (_APE_BYTES if has_header else 0)
    if tail.endswith(b"LYRICS200") and tail[-15:-9].isdigit():
        size = int(tail[-15:-9]) + 15
        return size if size <= end and read(end - size, 11) == _LYRICS3 else 0
    if tail.endswith(b"LYRICSEND"):
        lyrics_at = max(0, end - _MAX_LYRICS3V1_BYTES - 20)
        found = read(lyrics_at, end - lyrics_at).rfind(_LYRICS3)
        return end - lyrics_at - found if found >= 0 else 0
    if tail[-10:].startswith(b"3DI"):
        return id3v2_bytes(b"ID3" + tail[-7:])
    return 0
