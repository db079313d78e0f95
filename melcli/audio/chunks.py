"""Divide a recording, or a part of it, into chunks of equal length."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count
from typing import Literal, NamedTuple

from melcli.audio.part import Part, check_overshoot
from melcli.audio.recording import Recording
from melcli.errors import AudioError

__all__ = ["Chunk", "check_duration", "chunks"]


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
        Whether to keep a last chunk that is shorter, to pad it with zeros, or to drop it.  A chunk may turn out to be
        shorter when it is read: then reading raises `DroppedPart`, and the caller asks for the next chunk.

    Raises
    ------
    AudioError
        As from `Recording`; also ``too_short`` for a part that has no chunk, because it is shorter and ``last`` is
        ``drop``, or that ends too far after the end of the recording.
    """
    rate = recording.file.sampling_rate
    length = max(1, _round(chunk_s * rate))
    num_chunks = 0
    for number in count():
        start = first + _round(number * hop_s * rate)
        stop = start + length
        is_last = end is not None and stop >= end
        if last == "drop" and _is_known_to_end(recording, stop, end):
            break
        yield Chunk(number, start / rate, _part(recording, start, stop, end, last))
        next_start = first + _round((number + 1) * hop_s * rate)
        has_end = recording.has_sample(stop - 1, keep_from=next_start)
        num_chunks += has_end or last != "drop"
        if is_last or not has_end or not recording.has_sample(stop, keep_from=next_start):
            break
    if end is not None and not recording.has_sample(end - 1, keep_from=end - 1):
        check_overshoot(end, recording.num_samples or 0, rate)
    if not num_chunks:
        raise AudioError("too_short", f"it is shorter than one chunk of {chunk_s:g} s, and chunk_last is drop")


def check_duration(
    recording: Recording, first: int, end: int | None, *, min_s: float | None, max_s: float | None
) -> None:
    """Raise `AudioError` if a part is shorter than ``min_s`` or longer than ``max_s``, before it is divided."""
    rate = recording.file.sampling_rate
    if min_s is not None:
        num_samples = math.ceil(min_s * rate)
        num_samples -= (num_samples - 1) / rate >= min_s  # in case the product was rounded
        if not _lasts(recording, first, end, num_samples):
            raise AudioError("too_short", f"it lasts less than {min_s:,g} s, the minimum")
    if max_s is not None and _lasts(recording, first, end, math.floor(max_s * rate) + 1):
        raise AudioError("too_long", f"it lasts more than {max_s:,g} s, the limit")


def _lasts(recording: Recording, first: int, end: int | None, num_samples: int) -> bool:
    stop = first + num_samples
    return (end is None or stop <= end) and recording.has_sample(stop - 1, keep_from=first)


def _part(recording: Recording, start: int, stop: int, end: int | None, last: Literal["keep", "pad", "drop"]) -> Part:
    is_cut = end is not None and stop > end
    return Part(
        recording,
        start,
        end if is_cut else stop,
        if_early="drop" if last == "drop" else "fail" if is_cut else "keep",
        pad_to=stop - start if last == "pad" else 0,
    )


def _is_known_to_end(recording: Recording, stop: int, end: int | None) -> bool:
    """Return whether a chunk is shorter by what is known before it is decoded."""
    if end is not None and stop > end:
        return True
    return recording.file.can_seek and not recording.has_sample(stop - 1, keep_from=stop)


def _round(samples: float) -> int:
    return math.floor(samples + 0.5)
