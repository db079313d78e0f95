"""Divide a recording, or a part of it, into chunks of equal length."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple

from melcli.audio.recording import Part, Recording, check_overshoot
from melcli.errors import AudioError

__all__ = ["Chunk", "chunks"]


class Chunk(NamedTuple):
    """One chunk: its number, and its start from the start of the recording, in seconds."""

    number: int
    start_s: float
    part: Part


def chunks(
    recording: Recording,
    first: int,
    end: int | None,
    *,
    chunk_s: float,
    hop_s: float,
    last: Literal["keep", "pad", "drop"],
    min_duration_s: float | None = None,
) -> Iterator[Chunk]:
    """Yield chunks until one reaches the end; the caller reads each before it asks for the next.

    Parameters
    ----------
    recording : Recording
    first : int
        First sample of the part that is divided.
    end : int or None
        The sample after its last one; None for the end of the recording.
    chunk_s : float
        Length of a chunk, seconds; rounded to samples of the recording, half up.
    hop_s : float
        Distance between the starts of chunks, seconds; each start is rounded.
    last : "keep", "pad" or "drop"
        Whether to keep a last chunk that is shorter, to pad it with zeros, or to drop it.
    min_duration_s : float, optional
        Refuse a shorter part.

    Raises
    ------
    AudioError
        As from `Recording`; also ``too_short`` for a part that is shorter than ``min_duration_s``, or that has no
        chunk, because it is shorter and ``last`` is ``drop``.
    """
    rate = recording.file.sampling_rate
    if min_duration_s and not _has_samples(recording, first, first + math.ceil(min_duration_s * rate), end):
        raise AudioError("too_short", f"it lasts less than {min_duration_s:,g} s, the minimum")
    length = max(1, _round(chunk_s * rate))
    number = 0
    while True:
        start = first + _round(number * hop_s * rate)
        stop = start + length
        if last == "drop" and not _has_samples(recording, start, stop, end):
            break
        reaches_end = end is not None and stop >= end
        part = Part(
            recording,
            start,
            min(stop, end) if end is not None else stop,
            may_end_early=True,
            pad_to=length if last == "pad" else 0,
        )
        yield Chunk(number, start / rate, part)
        number += 1
        next_start = first + _round(number * hop_s * rate)
        if reaches_end or not recording.has_sample(stop, keep_from=next_start):
            break
    num_samples = recording.num_samples
    if end is not None and num_samples is not None:
        check_overshoot(end, num_samples, rate)
    if not number:
        raise AudioError("too_short", f"it is shorter than one chunk of {chunk_s:g} s, and chunk_last is drop")


def _has_samples(recording: Recording, start: int, stop: int, end: int | None) -> bool:
    return (end is None or stop <= end) and recording.has_sample(stop - 1, keep_from=start)


def _round(samples: float) -> int:
    return math.floor(samples + 0.5)
