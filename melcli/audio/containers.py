"""What a file is by its first bytes, and whether it ends where it says; nothing is decoded here."""

from __future__ import annotations

from dataclasses import replace

from melcli.audio.counted import AIFF, CAF, RF64, RIFF, RIFX, W64, end_of_au, end_of_chunks, end_of_nist
from melcli.audio.ending import Ending, Read
from melcli.audio.mpeg import MpegEnding, end_of_mpeg
from melcli.audio.ogg import end_of_ogg

__all__ = ["describe", "examine"]

_CHUNKED = {
    (b"RIFF", b"WAVE"): RIFF,
    (b"RIFX", b"WAVE"): RIFX,
    (b"RF64", b"WAVE"): RF64,
    (b"BW64", b"WAVE"): RF64,
    (b"FORM", b"AIFF"): AIFF,
    (b"FORM", b"AIFC"): AIFF,
}
_FLAC_LAST_BLOCK = 0x80
MAX_PIECES = 1000  # tags, blocks of metadata: a hostile gigabyte could hold 100 million

# What stands in for audio in real corpora, by (offset, bytes).
_SIGNATURES = (
    (4, b"ftyp", "MP4 (m4a, AAC or ALAC)"),
    (0, b"\xff\xf1", "raw AAC"),
    (0, b"\xff\xf9", "raw AAC"),
    (0, b"\x1a\x45\xdf\xa3", "WebM or Matroska"),
    (0, b"\x30\x26\xb2\x75", "Windows Media (wma)"),
    (0, b"#!AMR", "AMR"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"wvpk", "WavPack"),
    (0, b"TTA1", "True Audio"),
    (0, b"version https://git-lfs", "a Git LFS pointer, whose audio was not fetched"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"%PDF", "PDF"),
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x89HDF", "HDF5"),
)


def examine(read: Read, file_size: int) -> Ending | None:
    """Tell what a container says about its end.

    Parameters
    ----------
    read : callable
        See `melcli.audio.ending.Read`.
    file_size : int
        In bytes.

    Returns
    -------
    Ending or None
        None for what is not one of WAV, RF64, W64, AIFF, CAF, AU, NIST SPHERE, FLAC, Ogg and MPEG audio.
    """
    start = _after_id3(read)
    if not start:
        return _examine_untagged(read, file_size)
    if start >= file_size:
        return Ending(format="MP3", cut_header=True)
    ending = _examine_untagged(lambda offset, size: read(start + offset, size), file_size - start)
    if isinstance(ending, MpegEnding):
        return replace(ending, audio_start=start + ending.audio_start, audio_end=start + ending.audio_end)
    return ending


def describe(head: bytes) -> str:
    """Say what the first bytes of a file look like, for a file that libsndfile does not know; empty when in doubt.

    Parameters
    ----------
    head : bytes
        Some hundred bytes, or the whole file if it is shorter; not empty.
    """
    for offset, magic, name in _SIGNATURES:
        if head[offset:].startswith(magic):
            return name
    if not any(head):
        return "nothing but zero bytes"
    if head.lstrip()[:1] == b"<":
        return "HTML or XML"
    if all(byte >= 0x20 or byte in b"\t\n\r\f" for byte in head):
        return "text"
    return ""


def _after_id3(read: Read) -> int:
    """Offset of what follows any ID3v2 tags; a size is 28 bits in four bytes, without header and footer."""
    start = 0
    for _ in range(MAX_PIECES):
        head = read(start, 10)
        if not head.startswith(b"ID3") or len(head) < 10:
            break
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        has_footer = head[5] & 0x10
        start += 10 + size + (10 if has_footer else 0)
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


def _end_of_flac(read: Read, file_size: int) -> Ending:
    """Walk the metadata; a sample count of zero is what a writer leaves that could not seek back.

    A FLAC file that is cut later fails in the decoder, or gives fewer samples than the count.
    """
    info = read(4, 26)  # a block header of 4 bytes and STREAMINFO, which comes first
    num_samples = int.from_bytes(info[17:22], "big") & (2**36 - 1)
    offset = 4
    for _ in range(MAX_PIECES):
        header = read(offset, 4)
        if len(header) < 4:
            return Ending(format="FLAC", cut_header=True)
        offset += 4 + int.from_bytes(header[1:], "big")
        if header[0] & _FLAC_LAST_BLOCK:
            return Ending(format="FLAC", cut_header=offset >= file_size, open_ended=num_samples == 0)
    return Ending(format="FLAC", open_ended=num_samples == 0)


_BY_MAGIC = (
    (b".snd", end_of_au),
    (b"dns.", end_of_au),
    (b"NIST_1A", end_of_nist),
    (b"fLaC", _end_of_flac),
    (b"OggS", end_of_ogg),
)
