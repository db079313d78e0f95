"""Choose the decoder of a file, and open it.

With ``auto``, libsndfile decodes all that it supports.  ffmpeg gets the files that libsndfile names unsupported, if
their first bytes are those of audio or video, or unknown: text, archives and pictures are never given to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from melcli.audio.containers import after_id3
from melcli.audio.decoder import Decoder
from melcli.audio.end_of_audio import Ending
from melcli.audio.ffmpeg.decoder import FfmpegDecoder
from melcli.audio.ffmpeg.program import VARIABLE, locate
from melcli.audio.refusal import unsupported_coding
from melcli.audio.regular_file import RegularFile
from melcli.audio.undecoded import HEAD_BYTES, describe
from melcli.audio.view import View
from melcli.audio.views import fallback_views, views
from melcli.errors import AudioError

__all__ = ["DecoderChoice", "DecoderName", "open_decoder"]

DecoderName = Literal["auto", "libsndfile", "ffmpeg"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderChoice:
    """How a file is opened; see `melcli.audio.options.AudioOptions`.

    Attributes
    ----------
    decoder : "auto", "libsndfile" or "ffmpeg"
    stream : int
        Number of the audio stream.
    opus_rate : "header" or 48000
    dtype : "float32" or "float64"
        Type of the samples.
    """

    decoder: DecoderName = "auto"
    stream: int = 0
    opus_rate: Literal["header", 48000] = "header"
    dtype: Literal["float32", "float64"] = "float32"


def open_decoder(raw: RegularFile, ending: Ending | None, choice: DecoderChoice) -> Decoder | FfmpegDecoder:
    """Open a file with the decoder that reads it.

    Parameters
    ----------
    raw : RegularFile
        Stays open.
    ending : Ending or None
        From `melcli.audio.containers.examine`.
    choice : DecoderChoice

    Raises
    ------
    AudioError
        No decoder reads the file; see `melcli.audio.decoder.Decoder` and `melcli.audio.ffmpeg.decoder.FfmpegDecoder`.
    MemoryError, OSError
        As there.
    """
    if choice.decoder == "ffmpeg":
        return _with_ffmpeg(raw, choice)
    try:
        return _with_libsndfile(raw, ending, choice)
    except AudioError as refusal:
        is_alone = choice.decoder == "libsndfile" or refusal.reason != "unsupported_format"
        if is_alone or not _may_be_audio(raw) or locate() is None:
            raise
    return _with_ffmpeg(raw, choice)


def _with_ffmpeg(raw: RegularFile, choice: DecoderChoice) -> FfmpegDecoder:
    path = locate()
    if path is None:
        raise AudioError("unsupported_format", f"ffmpeg, which is to decode it, is not on PATH and not {VARIABLE}")
    return FfmpegDecoder(raw, path, stream=choice.stream, dtype=choice.dtype)


def _with_libsndfile(raw: RegularFile, ending: Ending | None, choice: DecoderChoice) -> Decoder:
    if ending is not None and ending.undecoded:
        raise unsupported_coding(raw, ending.format, ending.undecoded)
    shown = views(raw.read_at, raw.size, ending, opus_rate=choice.opus_rate)
    decoder = _open_shown(raw, ending, shown)
    if choice.stream:
        with decoder:
            raise AudioError(
                "unsupported_format", f"audio.stream={choice.stream} does not exist: it has 1 audio stream"
            )
    return decoder


def _open_shown(raw: RegularFile, ending: Ending | None, shown: tuple[View, ...] | None) -> Decoder:
    try:
        return Decoder(raw, shown)
    except AudioError as error:
        if shown is not None or error.reason != "unsupported_format":
            raise
        other = fallback_views(raw.read_at, raw.size, ending)
        if other is None:
            raise
        return Decoder(raw, other)


def _may_be_audio(raw: RegularFile) -> bool:
    """Return whether the first bytes are those of audio or video, or unknown."""
    looks = describe(raw.read_at(after_id3(raw.read_at), HEAD_BYTES))
    return looks.is_media or not looks.name
