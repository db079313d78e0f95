"""Error messages for files that cannot be decoded."""

from __future__ import annotations

import os

from melcli.audio.chunked_containers import ChunkedEnding
from melcli.audio.containers import after_id3, examine
from melcli.audio.end_of_audio import Ending
from melcli.audio.ffmpeg.program import VARIABLE, locate
from melcli.audio.formats import ALL_EXTENSIONS, name_extension
from melcli.audio.mpeg import MpegEnding, with_frames
from melcli.audio.regular_file import RegularFile
from melcli.audio.undecoded import HEAD_BYTES, conversion, describe
from melcli.errors import AudioError

__all__ = ["decoding_failure", "opening_failure", "unsupported", "unsupported_coding"]

_SF_ERR_SYSTEM = 2
_SF_ERR_MALLOC = 17


def opening_failure(raw: RegularFile, code: int, message: str) -> Exception:
    """Return the error for a file that libsndfile refuses.

    Parameters
    ----------
    raw : RegularFile
    code : int
        libsndfile's error number.
    message : str
        libsndfile's error message.
    """
    if code == _SF_ERR_MALLOC:
        return MemoryError(message)
    if code == _SF_ERR_SYSTEM:
        return AudioError("unreadable", f"it cannot be read: {message}")
    if not raw.size:
        return AudioError("empty", "the file has 0 bytes")
    ending = examine(raw.read_at, raw.size)
    if isinstance(ending, MpegEnding):
        ending = with_frames(raw.read_at, ending)
    looks = describe(raw.read_at(after_id3(raw.read_at), HEAD_BYTES))
    if looks.is_media:
        return unsupported(raw, f"it looks like {looks.name}, which libsndfile does not read")
    return _unknown_format(raw, looks.name) if ending is None else _refused_format(raw, ending, message)


def _unknown_format(raw: RegularFile, looks_like: str) -> AudioError:
    """Return the error for a file that does not begin like any supported format."""
    if looks_like:
        return AudioError("unsupported_format", f"it looks like {looks_like}")
    unknown = "its first bytes match no format of libsndfile"
    is_supported = (
        name_extension(os.fsdecode(raw.name)) in ALL_EXTENSIONS
    )  # then it is damaged, and converting does not help
    return AudioError("unsupported_format", unknown) if is_supported else unsupported(raw, unknown)


def _refused_format(raw: RegularFile, ending: Ending, message: str) -> AudioError:
    """Return the error for a file that begins like a supported format."""
    if ending.undecoded:
        return unsupported_coding(raw, ending.format, ending.undecoded)
    if ending.incomplete_header:
        return AudioError("truncated", f"it begins like {ending.format} but ends inside the header")
    if ending.shortfall:
        return AudioError("truncated", ending.shortfall)
    if isinstance(ending, ChunkedEnding) and ending.chunks.code == b"alac":  # libsndfile decodes its own, not ffmpeg's
        return unsupported_coding(raw, ending.format, "ALAC in an unknown form")
    return AudioError("unsupported_format", f"libsndfile refuses this {ending.format} file: {message}")


def decoding_failure(raw: RegularFile, code: int, message: str, *, seconds: float, position: int) -> Exception:
    """Return the error for decoding that stopped early.

    Parameters
    ----------
    raw : RegularFile
    code : int
        libsndfile's error number.
    message : str
        libsndfile's error message.
    seconds : float
        Duration of the audio decoded before.
    position : int
        Offset at which the decoder stopped reading, bytes.
    """
    if code == _SF_ERR_MALLOC:
        return MemoryError(message)
    if code != _SF_ERR_SYSTEM and position >= raw.size:
        # FLAC: libsndfile reports "lost sync" both for truncation and for damage; truncation shows at the end of file.
        return AudioError("truncated", f"the file ends inside a frame, after about {seconds:.3f} s")
    return AudioError("unreadable", f"the audio is damaged after about {seconds:.3f} s: {message}")


def unsupported_coding(raw: RegularFile, container: str, coding: str) -> AudioError:
    """Return the error for a known container with a coding that libsndfile does not decode."""
    return unsupported(raw, f"this {container} file holds {coding}, which melcli does not read")


def unsupported(raw: RegularFile, why: str) -> AudioError:
    """Return the error for a file that another decoder may read, with a command that converts it.

    Where ffmpeg is missing, and not switched off, installing it is the better remedy.
    """
    path = os.fsdecode(raw.name)
    command = conversion(path, keep_extension=name_extension(path) in ALL_EXTENSIONS)
    is_missing = VARIABLE not in os.environ and locate() is None
    remedy = "install ffmpeg, or convert it" if is_missing else "convert it"
    return AudioError("unsupported_format", f"{why}; {remedy}: {command}")
