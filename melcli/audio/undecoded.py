"""Detect files that libsndfile does not read by their first bytes, and suggest a command that converts them."""

from __future__ import annotations

import os
import shlex
from typing import NamedTuple

from melcli.printable import printable

__all__ = ["HEAD_BYTES", "DetectedFormat", "conversion", "describe"]

HEAD_BYTES = 512  # enough to detect a format


class DetectedFormat(NamedTuple):
    """The format of a file that libsndfile does not read.

    Attributes
    ----------
    name : str
        Empty if unknown.
    is_media : bool
        Whether it is audio or video, which another decoder may read.
    """

    name: str
    is_media: bool


# By bytes at some offsets; the first match counts.
_MEDIA: tuple[tuple[str, tuple[tuple[int, bytes], ...]], ...] = (
    ("MP4 audio (AAC or ALAC)", ((4, b"ftypM4A"),)),
    ("MP4 audio (AAC or ALAC)", ((4, b"ftypM4B"),)),
    ("QuickTime", ((4, b"ftypqt"),)),
    ("3GPP", ((4, b"ftyp3g"),)),
    ("MP4", ((4, b"ftyp"),)),
    *(("QuickTime", ((0, b"\0"), (4, box))) for box in (b"moov", b"wide", b"pnot")),
    ("QuickTime", ((4, b"mdat"),)),
    ("WebM or Matroska", ((0, b"\x1a\x45\xdf\xa3"),)),
    ("Windows Media (WMA, WMV)", ((0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),)),
    ("AVI", ((0, b"RIFF"), (8, b"AVI "))),
    ("Flash video", ((0, b"FLV"),)),
    ("RealMedia", ((0, b".RMF"),)),
    ("RealAudio", ((0, b".ra\xfd"),)),
    ("MXF", ((0, b"\x06\x0e\x2b\x34"),)),
    ("an MPEG program stream", ((0, b"\x00\x00\x01\xba"),)),
    ("MPEG video", ((0, b"\x00\x00\x01\xb3"),)),
    ("an MPEG transport stream", ((0, b"G"), (188, b"G"), (376, b"G"))),
    ("an MPEG transport stream", ((4, b"G"), (196, b"G"), (388, b"G"))),
    ("raw AAC (ADTS)", ((0, b"\xff\xf1"),)),
    ("raw AAC (ADTS)", ((0, b"\xff\xf9"),)),
    ("raw AAC (ADIF)", ((0, b"ADIF"),)),
    ("Audible audio", ((4, b"\x57\x90\x75\x36"),)),
    ("AMR wideband", ((0, b"#!AMR-WB"),)),
    ("AMR", ((0, b"#!AMR"),)),
    ("AC-3 or E-AC-3", ((0, b"\x0b\x77"),)),
    *(
        ("DTS", ((0, sync),))
        for sync in (b"\x7f\xfe\x80\x01", b"\xfe\x7f\x01\x80", b"\x1f\xff\xe8\x00", b"\xff\x1f\x00\xe8", b"DTSHDHDR")
    ),
    ("Monkey's Audio", ((0, b"MAC "),)),
    ("WavPack", ((0, b"wvpk"),)),
    ("Musepack", ((0, b"MPCK"),)),
    ("Musepack", ((0, b"MP+"),)),
    ("True Audio", ((0, b"TTA1"),)),
    ("True Audio", ((0, b"TTA2"),)),
    ("TAK", ((0, b"tBaK"),)),
    ("OptimFROG", ((0, b"OFR "),)),
    ("Shorten", ((0, b"ajkg"),)),
    ("QOA", ((0, b"qoaf"),)),
    ("DSD (DSF)", ((0, b"DSD "),)),
    ("DSD (DSDIFF)", ((0, b"FRM8"),)),
    ("ATRAC", ((0, b"ea3\x03"),)),
    ("ATRAC", ((0, b"EA3\x01"),)),
    ("a Qualcomm PureVoice file", ((0, b"RIFF"), (8, b"QLCM"))),
    ("an Amiga 8SVX file", ((0, b"FORM"), (8, b"8SVX"))),
    ("a Creative voice file", ((0, b"Creative Voice File"),)),
)
_OTHER = (
    (4, b"ftypheic", "a HEIC picture"),
    (4, b"ftypmif1", "a HEIC picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (0, b"version https://git-lfs", "a Git LFS pointer, whose audio was not fetched"),
    (0, b"MThd", "MIDI, which contains notes but no audio"),
    (0, b"PK\x03\x04", "a zip archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"PAR1", "Parquet"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"%PDF", "PDF"),
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x89HDF", "HDF5"),
)


def describe(head: bytes) -> DetectedFormat:
    """Detect the format of a file that libsndfile does not read.

    Parameters
    ----------
    head : bytes
        The first `HEAD_BYTES` after any ID3 tags, or the whole file if it is shorter; not empty.
    """
    for offset, magic, name in _OTHER:
        if head[offset:].startswith(magic):
            return DetectedFormat(name, is_media=False)
    # Check for text before media formats, since notes may begin with "MAC ".
    if head.lstrip()[:1] == b"<":
        return DetectedFormat("HTML or XML", is_media=False)
    if all(byte >= 0x20 or byte in b"\t\n\r\f" for byte in head):
        return DetectedFormat("text", is_media=False)
    for name, places in _MEDIA:
        if all(head[offset:].startswith(magic) for offset, magic in places):
            return DetectedFormat(name, is_media=True)
    if not any(head):
        return DetectedFormat("nothing but zero bytes", is_media=False)
    return DetectedFormat("", is_media=False)


def conversion(path: str, *, keep_extension: bool) -> str:
    """Return a shell command that converts a file to FLAC.

    Parameters
    ----------
    path : str
        May contain surrogate escapes, for names that are not UTF-8.
    keep_extension : bool
        Append ``.flac`` instead of replacing the extension.  Used if the extension is one that libsndfile reads:
        ``a.wav`` and ``a.flac`` would share a name under OUT.

    Examples
    --------
    >>> print(conversion("my talk.m4a", keep_extension=False))
    ffmpeg -i 'my talk.m4a' 'my talk.flac'
    """
    if path.startswith("-") or ":" in path.partition("/")[0]:
        path = f"./{path}"  # otherwise ffmpeg takes it for an option or a protocol
    stem = path if keep_extension else os.path.splitext(path)[0]
    return f"ffmpeg -i {_shell_word(path)} {_shell_word(f'{stem}.flac')}"


def _shell_word(text: str) -> str:
    """Quote for a shell; unprintable characters are escaped as in bash, zsh and POSIX shells since 2024."""
    if printable(text) == text:
        return shlex.quote(text)
    return "$'" + printable(text.replace("\\", "\\\\").replace("'", "\\'")) + "'"
