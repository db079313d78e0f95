"""MP4 and its relatives (M4A, MOV, 3GP): boxes, and the duration of each audio track.

ISO/IEC 14496-12.  A box has 4 bytes of size, 4 of type, and its content; size 1 means that 8 bytes of size follow the
type, and 0 that the box ends with the file.  Only boxes that lead to a track's duration are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from melcli.audio.end_of_audio import Read
from melcli.audio.ffmpeg.media_end import MediaEnd, Track

__all__ = ["is_iso_media", "iso_media_end"]

_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
# What may be at the top level; other bytes behind the last of them are no box, and prove nothing.
_OUTER_BOXES = (*_FIRST_BOXES, b"moof", b"mfra", b"sidx", b"styp", b"meta", b"udta", b"uuid", b"emsg", b"prft")
_MAX_BOXES = 10_000  # per level; a hostile gigabyte could hold 100 million
_MAX_TRACKS = 1000
# Types of encrypted samples: of Common Encryption, of Apple and of Audible.
_ENCRYPTED = {b"enca": "Common Encryption", b"drms": "FairPlay", b"aavd": "Audible's scheme"}
_UNKNOWN = (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


class _Box(NamedTuple):
    kind: bytes
    start: int  # of the content
    end: int  # as its header claims


def is_iso_media(head: bytes) -> bool:
    """Return whether a file begins like MP4 or QuickTime."""
    return head[4:8] in _FIRST_BOXES


def iso_media_end(read: Read, file_size: int) -> MediaEnd:
    """Describe the end of an MP4 file; parameters are those of `melcli.audio.ffmpeg.media.media_end`."""
    movie, last = None, None
    is_fragmented = False
    for box in _boxes(read, 0, file_size):
        movie = movie or (box if box.kind == b"moov" else None)
        is_fragmented = is_fragmented or box.kind == b"moof"
        last = box
    if last is not None and last.end > file_size and last.kind in _OUTER_BOXES:
        name = last.kind.decode("ascii", "replace")
        return MediaEnd(
            shortfall=f"its box {name!r} ends at byte {last.end:,}, but the file has {file_size:,}",
            tracks=() if movie is None else tuple(_tracks(read, movie, file_size)),
        )
    if movie is None:
        return MediaEnd(shortfall="it ends before the box 'moov', which describes its streams")
    tracks = tuple(_tracks(read, movie, file_size))
    if is_fragmented:  # the durations of the tracks are those before the first fragment
        tracks = tuple(replace(track, duration_s=None) for track in tracks)
    return MediaEnd(tracks=tracks, is_open_ended=is_fragmented)


def _boxes(read: Read, start: int, end: int) -> Iterator[_Box]:
    """Yield the boxes between two offsets; the last one may claim to end behind."""
    for _ in range(_MAX_BOXES):
        if start + 8 > end:
            return
        head = read(start, 16)
        if len(head) < 8:
            return
        size, content = int.from_bytes(head[:4], "big"), start + 8
        if size == 1:
            size, content = int.from_bytes(head[8:16], "big"), start + 16
        elif size == 0:
            size = end - start
        if start + size < content:
            return
        yield _Box(head[4:8], content, start + size)
        start += size


def _find(read: Read, box: _Box, *kinds: bytes) -> _Box | None:
    """Return the first box on a way down, such as ``mdia``, ``mdhd``."""
    for kind in kinds:
        found = next((inner for inner in _boxes(read, box.start, box.end) if inner.kind == kind), None)
        if found is None:
            return None
        box = found
    return box


def _tracks(read: Read, movie: _Box, file_size: int) -> Iterator[Track]:
    if movie.end > file_size:
        return
    header = _find(read, movie, b"mvhd")
    movie_hz = 0 if header is None else _time(read, header)[0]
    boxes = [box for box in _boxes(read, movie.start, movie.end) if box.kind == b"trak"]
    for box in boxes[:_MAX_TRACKS]:
        handler = _find(read, box, b"mdia", b"hdlr")
        if handler is not None and read(handler.start + 8, 4) == b"soun":
            coding, num_channels, sampling_rate = _sample_entry(read, box)
            yield Track(
                duration_s=_duration_s(read, box, movie_hz),
                encryption=_ENCRYPTED.get(coding, ""),
                sampling_rate=sampling_rate,
                num_channels=num_channels,
            )


def _time(read: Read, header: _Box) -> tuple[int, int]:
    """Return ticks per second and the number of ticks of ``mvhd`` or ``mdhd``."""
    data = read(header.start, 32)
    if data[:1] == b"\1":
        return int.from_bytes(data[20:24], "big"), int.from_bytes(data[24:32], "big")
    return int.from_bytes(data[12:16], "big"), int.from_bytes(data[16:20], "big")


def _duration_s(read: Read, track: _Box, movie_hz: int) -> float | None:
    """Return the duration of a track's media, or of the part that its edit list presents, if that is shorter."""
    header = _find(read, track, b"mdia", b"mdhd")
    if header is None:
        return None
    ticks_hz, ticks = _time(read, header)
    if not ticks_hz or ticks in _UNKNOWN:
        return None
    duration_s = ticks / ticks_hz
    edits = _find(read, track, b"edts", b"elst")
    presented = None if edits is None or not movie_hz else _presented_ticks(read, edits)
    return duration_s if presented is None else min(duration_s, presented / movie_hz)


def _presented_ticks(read: Read, edits: _Box) -> int | None:
    """Return the duration of an edit list without its empty edits; None if it leaves the duration open."""
    head = read(edits.start, 8)
    size, wide = (20, 8) if head[:1] == b"\1" else (12, 4)
    count = min(int.from_bytes(head[4:8], "big"), _MAX_BOXES, (edits.end - edits.start - 8) // size)
    total = 0
    for number in range(count):
        entry = read(edits.start + 8 + number * size, size)
        if int.from_bytes(entry[wide : 2 * wide], "big", signed=True) >= 0:
            total += int.from_bytes(entry[:wide], "big")
    return total or None


def _sample_entry(read: Read, track: _Box) -> tuple[bytes, int, int]:
    """Return the type of a track's samples, the number of channels and the sampling rate."""
    table = _find(read, track, b"mdia", b"minf", b"stbl", b"stsd")
    entry = b"" if table is None else read(table.start + 8, 36)
    return entry[4:8], int.from_bytes(entry[24:26], "big"), int.from_bytes(entry[32:34], "big")
