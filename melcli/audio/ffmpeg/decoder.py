"""Decode one audio stream of a file with ffmpeg, from its beginning to its end."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Literal, NamedTuple

import numpy as np

from melcli.audio.containers import after_id3
from melcli.audio.ffmpeg.failure import Ended, failure, incompleteness
from melcli.audio.ffmpeg.media import media_end
from melcli.audio.ffmpeg.messages import Messages
from melcli.audio.ffmpeg.process import FfmpegProcess, arguments
from melcli.audio.regular_file import RegularFile
from melcli.audio.undecoded import HEAD_BYTES, describe
from melcli.errors import AudioError
from melcli.printable import printable

__all__ = ["FfmpegDecoder"]

_CODINGS = {"float32": "pcm_f32le", "float64": "pcm_f64le"}
_MAX_CHUNKS = 100  # before the samples; ffmpeg writes one or two
_MAX_FORMAT_BYTES = 1024
# A shortage of the system, not of the file.
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)


class _Header(NamedTuple):
    """The header of the WAV file that ffmpeg writes."""

    num_channels: int
    sampling_rate: int


class FfmpegDecoder:
    """An audio stream, decoded by a process of ffmpeg.

    Parameters
    ----------
    raw : RegularFile
        Stays open.
    program : str
        Path of ffmpeg.
    stream : int
        Number of the audio stream, from 0.
    dtype : "float32" or "float64"
        Type of the blocks.

    Attributes
    ----------
    sampling_rate : int
        In Hz.
    num_channels : int
    container, coding : str
        In ffmpeg's terms, the container by the first of its names: ``mov``, ``aac``.
    claimed_s : float or None
        Duration of the stream by its container, in seconds; None if it claims none.
    expected_samples : int or None
        Estimate of the samples per channel, from the duration; None if there is no duration.
    num_streams : int
        Audio streams of the file.
    is_open_ended : bool
        Truncation may not be detected.
    shortfall : str
        Why audio is missing, as a clause; empty if nothing is known to be missing.
    num_samples : int
        Samples decoded so far, per channel.

    Raises
    ------
    AudioError
        ``unsupported_format``, ``unreadable``, ``truncated``, ``empty`` (no audio stream), ``decoder_crash``.
    MemoryError
        ffmpeg ran out of memory.
    OSError
        This process cannot start another one; the file is not the cause.
    """

    def __init__(
        self, raw: RegularFile, program: str, *, stream: int, dtype: Literal["float32", "float64"] = "float32"
    ) -> None:
        self._raw, self._program, self._stream, self._dtype = raw, program, stream, dtype
        self._media = media_end(raw.read_at, raw.size)
        if encryption := self._media.encryption_of(stream):  # some codings would decode it to noise
            raise AudioError("unsupported_format", f"it is encrypted ({encryption})")
        self.num_samples = 0
        self._header: _Header | None = None
        self._process = _start(program, arguments(raw.fileno(), stream=stream, coding=_CODINGS[dtype]), raw)
        with ExitStack() as on_failure:
            on_failure.callback(self._process.close)
            self._header = self._read_header()
            self._process.catch_up()
            on_failure.pop_all()
        messages = Messages(self._process.messages)
        self.sampling_rate, self.num_channels = self._header.sampling_rate, self._header.num_channels
        self.container = messages.container or "unknown"
        codings = messages.audio_codings
        self.coding = codings[stream] if stream < len(codings) else "unknown"
        self.num_streams = len(codings)
        self.shortfall = self._media.shortfall
        self.is_open_ended = self._media.is_open_ended
        self.claimed_s = self._claimed_s(messages)
        expected_s = self.claimed_s or messages.duration_s
        self.expected_samples = None if expected_s is None else round(expected_s * self.sampling_rate)

    def __enter__(self) -> FfmpegDecoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End ffmpeg, also in the middle of the file."""
        self._process.close()

    def blocks(self, dtype: Literal["float32", "float64"], max_samples: int) -> Iterator[np.ndarray]:
        """Decode to the end of the stream.

        Yields
        ------
        block : np.ndarray [shape=(samples, channels)]
            At least one sample and at most ``max_samples`` per channel.

        Raises
        ------
        AudioError
            ``unreadable`` for damage, ``truncated`` if less came than the container promises.  All samples that
            ffmpeg decoded were yielded.
        MemoryError
            ffmpeg ran out of memory.
        """
        sample_bytes = np.dtype(self._dtype).itemsize * self.num_channels
        while True:
            block = np.empty((max_samples, self.num_channels), self._dtype)
            count, rest = divmod(self._process.read_into(block.data.cast("B")), sample_bytes)
            self.num_samples += count
            if count:
                yield block[:count].astype(dtype, copy=False)
            if rest or count < max_samples:
                break
        self._check_end(is_incomplete=rest > 0)

    def _check_end(self, *, is_incomplete: bool) -> None:
        self._process.finish()
        ended = self._ended()
        if self._process.exit_code:
            raise failure(ended)
        if is_incomplete:
            raise AudioError("unreadable", f"ffmpeg stopped inside a sample, after {ended.seconds:.3f} s")
        error = incompleteness(ended, self._claimed_s(ended.messages), self.sampling_rate)
        if error is not None:
            raise error

    def _claimed_s(self, messages: Messages) -> float | None:
        tracks = self._media.tracks
        if self._stream < len(tracks):
            return tracks[self._stream].duration_s
        return messages.claimed_s(self._stream)

    def _read_header(self) -> _Header:
        """Read the header of WAV, up to the samples."""
        head = self._process.read(12)
        header = None
        if head[:4] == b"RIFF" and head[8:] == b"WAVE":
            header = _read_chunks(self._process)
        if header is None:
            self._process.finish()
            raise failure(self._ended())
        return header

    def _ended(self) -> Ended:
        head = self._raw.read_at(after_id3(self._raw.read_at), HEAD_BYTES)
        return Ended(
            path=self._program,
            messages=Messages(self._process.messages),
            media=self._media,
            stream=self._stream,
            exit_code=self._process.exit_code,
            is_media=bool(head) and describe(head).is_media,
            seconds=None if self._header is None else self.num_samples / self.sampling_rate,
        )


def _start(program: str, arguments: list[str], raw: RegularFile) -> FfmpegProcess:
    try:
        return FfmpegProcess(program, arguments, raw.fileno())
    except OSError as error:
        if error.errno in _SHORTAGES:
            raise
        raise AudioError("unsupported_format", f"{printable(program)} cannot be started: {error.strerror}") from error


def _read_chunks(process: FfmpegProcess) -> _Header | None:
    """Read chunks of WAV up to the head of ``data``; None if they end before."""
    header = None
    for _ in range(_MAX_CHUNKS):
        head = process.read(8)
        size = int.from_bytes(head[4:], "little")
        if len(head) < 8 or head[:4] == b"data":
            return header if head[:4] == b"data" else None
        if size > _MAX_FORMAT_BYTES:
            return None
        content = process.read(size + size % 2)
        if head[:4] == b"fmt " and len(content) >= 16:
            header = _Header(int.from_bytes(content[2:4], "little"), int.from_bytes(content[4:8], "little"))
            if not all(header):
                return None
    return None
