"""Detect the container of a file, and find its end without decoding."""

from __future__ import annotations

from melcli.audio.chunked_containers import (
    AIFF,
    BW64,
    CAF,
    RF64,
    RIFF,
    RIFX,
    SHORTEST_WAV_HEADER,
    W64,
    end_of_au,
    end_of_chunks,
    end_of_nist,
    is_ordinary_wav,
)
from melcli.audio.end_of_audio import Ending, Read
from melcli.audio.flac import FlacEnding, end_of_flac
from melcli.audio.mpeg import MpegEnding, end_of_mpeg
from melcli.audio.mpeg_tags import id3v2_bytes
from melcli.audio.ogg import end_of_ogg

__all__ = ["ORDINARY_WAV", "after_id3", "examine"]

_CHUNKED = {
    (b"RIFF", b"WAVE"): RIFF,
    (b"RIFX", b"WAVE"): RIFX,
    (b"RF64", b"WAVE"): RF64,
    (b"BW64", b"WAVE"): BW64,
    (b"FORM", b"AIFF"): AIFF,
    (b"FORM", b"AIFC"): AIFF,
}
ORDINARY_WAV = Ending(format="WAV")
MAX_TAGS = 1000  # a hostile gigabyte could hold 100 million


def examine(read: Read, file_size: int) -> Ending | None:
    """Describe the end of a file from its container.

    Parameters
    ----------
    read : callable
        See `melcli.audio.end_of_audio.Read`.
    file_size : int
        In bytes.

    Returns
    -------
    Ending or None
        None if the file is not WAV, RF64, W64, AIFF, CAF, AU, NIST SPHERE, FLAC, Ogg or MPEG audio.
    """
    if is_ordinary_wav(read(0, SHORTEST_WAV_HEADER), file_size):
        return ORDINARY_WAV
    start = after_id3(read)
    if not start:
        return _examine_untagged(read, file_size)
    if start >= file_size:
        return Ending(format="MP3", incomplete_header=True)
    ending = _examine_untagged(lambda offset, size: read(start + offset, size), file_size - start)
    if isinstance(ending, MpegEnding | FlacEnding):
        return ending.moved(start)
    return ending


def after_id3(read: Read) -> int:
    """Return the offset after any ID3v2 tags."""
    start = 0
    for _ in range(MAX_TAGS):
        size = id3v2_bytes(read(start, 10))
        if not size:
            break
        start += size
    return start


def _examine_untagged(read: Read, file_size: int) -> Ending | None:
    head = read(0, 16)
    if layout := _CHUNKED.get((head[:4], head[8:12])):
        return end_of_chunks(layout, read, file_size)
    if head.startswith(b"riff\x2e\x91\xcf\x11"):
        return end_of_chunks(W64, read, file_size)
    if head.startswith(b"caff"):
        return end_of_chunks(CAF, read, file_size)
    for magic, end_of in _BY_MAGIC:
        if head.startswith(magic):
            return end_of(read, file_size)
    return end_of_mpeg(read, file_size)


_BY_MAGIC = (
    (b".snd", end_of_au),
    (b"dns.", end_of_au),
    (b"NIST_1A", end_of_nist),
    (b"fLaC", end_of_flac),
    (b"OggS", end_of_ogg),
)
