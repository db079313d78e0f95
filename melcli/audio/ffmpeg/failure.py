"""Say why ffmpeg failed, with a reason of the closed list."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from melcli.audio.ffmpeg.media_end import MediaEnd
from melcli.audio.ffmpeg.messages import Messages
from melcli.audio.ffmpeg.program import problem_of
from melcli.errors import AudioError, DecoderKilled, Reason

__all__ = ["MIN_TOLERANCE_S", "Ended", "failure", "incompleteness"]

# Signals of a bug of ffmpeg; others come from outside.
_CRASHES = {
    *(signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP, signal.SIGSYS),
}
# Encoders and containers disagree by a few frames: the delay of WMA is 2,048 samples, an AAC frame at 8 kHz 128 ms.
MIN_TOLERANCE_S = 0.1
TOLERANCE_SAMPLES = 4096

# Messages that mean a reason, whatever else is said; the first that matches counts.
_REASONS: tuple[tuple[str, Reason], ...] = (
    ("DRM protected stream", "unsupported_format"),
    ("Decoder (codec", "unsupported_format"),
    ("no decoder found for", "unsupported_format"),
    ("Unknown decoder", "unsupported_format"),
    ("not on whitelist", "unsupported_format"),
    ("moov atom not found", "truncated"),
    ("File ended prematurely", "truncated"),
    ("Packet corrupt (", "truncated"),
    ("corrupt input packet", "truncated"),
    ("incomplete frame", "truncated"),
    ("partial file", "truncated"),
)
_NOT_TRUNCATED = ("mpegts",)  # there a packet is corrupt if the transmission lost a part of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an ffmpeg ended.

    Attributes
    ----------
    path : str
        The program.
    messages : Messages
    media : MediaEnd
    stream : int
        Number of the audio stream that was asked for.
    exit_code : int or None
        Negative for a signal; None if unknown.
    is_media : bool
        Whether the file begins like audio or video.
    seconds : float or None
        Duration of the decoded audio; None if ffmpeg did not begin to write.
    """

    path: str
    messages: Messages
    media: MediaEnd
    stream: int
    exit_code: int | None
    is_media: bool
    seconds: float | None


def failure(ended: Ended) -> Exception:
    """Return the error for an ffmpeg that ended with an error, or before it wrote anything."""
    messages = ended.messages
    if ended.exit_code is not None and ended.exit_code < 0:
        return _killed(ended)
    if problem := problem_of(ended.path, messages.version):
        return AudioError("unsupported_format", problem, stderr=messages.tail())
    if any("Cannot allocate memory" in problem.text for problem in messages.problems):
        return MemoryError("ffmpeg ran out of memory")
    reason, message = _reason(ended)
    return AudioError(reason, message, stderr=messages.tail())


def incompleteness(ended: Ended, claimed_s: float | None, sampling_rate: int) -> AudioError | None:
    """Return the error for an ffmpeg that ended well and still lost audio; None if it did not.

    Parameters
    ----------
    ended : Ended
    claimed_s : float or None
        The duration of the stream by its container, in seconds.
    sampling_rate : int
        In Hz.
    """
    seconds = ended.seconds or 0.0
    if (reason := _known_reason(ended)) and reason[0] == "truncated":
        return AudioError("truncated", f"{reason[1]}, after {seconds:.3f} s", stderr=ended.messages.tail())
    if errors := ended.messages.errors():
        return AudioError(
            "unreadable",
            f"the audio is damaged: {seconds:.3f} s were decoded, with the error {errors[0].text!r}",
            stderr=ended.messages.tail(),
        )
    tolerance_s = max(MIN_TOLERANCE_S, TOLERANCE_SAMPLES / sampling_rate)
    if claimed_s is not None and seconds < claimed_s - tolerance_s:
        return AudioError("truncated", f"the file claims {claimed_s:.3f} s, but only {seconds:.3f} s were decoded")
    return None


def _killed(ended: Ended) -> Exception:
    number = -(ended.exit_code or 0)
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    message = f"ffmpeg {ended.messages.version or 'of unknown version'} was ended by {name}"
    kind = AudioError if number in _CRASHES else DecoderKilled
    return kind("decoder_crash", message, stderr=ended.messages.tail())


def _reason(ended: Ended) -> tuple[Reason, str]:
    messages = ended.messages
    is_missing = any("matches no streams" in problem.text for problem in messages.problems)
    if is_missing and (messages.audio_codings or not ended.media.shortfall):
        return _missing_stream(ended)
    if known := _known_reason(ended):
        return known
    error = next((problem.text for problem in messages.errors()), "")
    said = f": {error}" if error else f": ffmpeg ended with exit code {ended.exit_code} and without an error"
    if ended.seconds is not None:
        return "unreadable", f"the audio is damaged after about {ended.seconds:.3f} s{said}"
    if not ended.is_media:
        return "unsupported_format", f"ffmpeg {messages.version} does not read it either{said}"
    return "unreadable", f"ffmpeg {messages.version} cannot open it{said}"


def _known_reason(ended: Ended) -> tuple[Reason, str] | None:
    if ended.media.shortfall:
        return "truncated", ended.media.shortfall
    for problem in ended.messages.problems:
        for text, reason in _REASONS:
            if text in problem.text:
                return _in_words(ended, reason, problem.text)
    return None


def _in_words(ended: Ended, reason: Reason, text: str) -> tuple[Reason, str]:
    if reason != "truncated":
        return reason, f"ffmpeg {ended.messages.version} cannot decode it: {text}"
    if ended.messages.container in _NOT_TRUNCATED:
        return "unreadable", f"the audio is damaged: {text}"
    return reason, f"the file ends inside its audio or its index: {text}"


def _missing_stream(ended: Ended) -> tuple[Reason, str]:
    codings = ended.messages.audio_codings
    if not codings:
        return "empty", f"this {ended.messages.container} file has no audio stream"
    streams = "1 audio stream" if len(codings) == 1 else f"{len(codings)} audio streams"
    return "unsupported_format", f"audio.stream={ended.stream} does not exist: it has {streams} ({', '.join(codings)})"
