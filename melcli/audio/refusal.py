"""Error messages for files that cannot be decoded."""

from __future__ import annotations

import os

from melcli.audio.chunked_containers import ChunkedEnding
from melcli.audio.containers import after_id3, examine
from melcli.audio.ending import Ending
from melcli.audio.formats import ALL_ENDINGS, name_ending
from melcli.audio.mpeg import MpegEnding, follow
from melcli.audio.regular import RegularFile
from melcli.audio.undecoded import HEAD_BYTES, conversion, describe
from melcli.errors import AudioError

__all__ = ["decoding_failure", "opening_failure", "unsupported", "unsupported_coding"]

_SF_ERR_SYSTEM = 2
_SF_ERR_MALLOC = 17


def opening_failure(raw: RegularFile, code: int, words: str) -> Exception:
    """Say why libsndfile refuses a file.

    Parameters
    ----------
    raw : RegularFile
    code : int
        libsndfile's error number.
    words : str
        libsndfile's own.
    """
    if code == _SF_ERR_MALLOC:
        return MemoryError(words)
    if code == _SF_ERR_SYSTEM:
        return AudioError("unreadable", f"it cannot be read: {words}")
    if not raw.size:
        return AudioError("empty", "the file has 0 bytes")
    ending = examine(raw.read_at, raw.size)
    if isinstance(ending, MpegEnding):
        ending = follow(raw.read_at, ending)
    looks = describe(raw.read_at(after_id3(raw.read_at), HEAD_BYTES))
    if looks.is_media:
        return unsupported(raw, f"it looks like {looks.name}, which libsndfile does not read")
    return _unknown_format(raw, looks.name) if ending is None else _refused_format(raw, ending, words)


def _unknown_format(raw: RegularFile, looks_like: str) -> AudioError:
    """Return the error for a file that does not begin like a format that is read."""
    if looks_like:
        return AudioError("unsupported_format", f"it looks like {looks_like}")
    unknown = "libsndfile knows no format that begins like it"
    is_ours = name_ending(os.fsdecode(raw.name)) in ALL_ENDINGS  # then it is damaged, and not to be converted
    return AudioError("unsupported_format", unknown) if is_ours else unsupported(raw, unknown)


def _refused_format(raw: RegularFile, ending: Ending, words: str) -> AudioError:
    """Return the error for a file that begins like a format that is read."""
    if ending.undecoded:
        return unsupported_coding(raw, ending.format, ending.undecoded)
    if ending.cut_header:
        return AudioError("truncated", f"it begins as {ending.format} and ends inside the header")
    if ending.shortfall:
        return AudioError("truncated", ending.shortfall)
    if isinstance(ending, ChunkedEnding) and ending.chunks.code == b"alac":  # it decodes its own, and not ffmpeg's
        return unsupported_coding(raw, ending.format, "ALAC in an unknown form")
    return AudioError("unsupported_format", f"libsndfile refuses this {ending.format} file: {words}")


def decoding_failure(raw: RegularFile, code: int, words: str, *, seconds: float, position: int) -> Exception:
    """Say why decoding stopped.

    Parameters
    ----------
    raw : RegularFile
    code : int
        libsndfile's error number.
    words : str
        libsndfile's own.
    seconds : float
        Of what was decoded before.
    position : int
        Where the decoder stopped reading, bytes.
    """
    if code == _SF_ERR_MALLOC:
        return MemoryError(words)
    if code != _SF_ERR_SYSTEM and position >= raw.size:
        # FLAC: libsndfile says "lost sync" both for a cut and for damage; a cut is met at the end of the file.
        return AudioError("truncated", f"the file ends inside a frame, after about {seconds:.3f} s")
    return AudioError("unreadable", f"the audio is damaged after about {seconds:.3f} s: {words}")


def unsupported_coding(raw: RegularFile, container: str, coding: str) -> AudioError:
    """Refuse a file of a known container whose coding libsndfile does not read."""
    return unsupported(raw, f"this {container} file holds {coding}, which melcli does not read")


def unsupported(raw: RegularFile, why: str) -> AudioError:
    """Refuse a file that another decoder may read, with the command that converts it."""
    path = os.fsdecode(raw.name)
    command = conversion(path, keep_extension=name_ending(path) in ALL_ENDINGS)
    return AudioError("unsupported_format", f"{why}; convert it: {command}")
