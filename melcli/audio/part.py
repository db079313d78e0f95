"""A part of a recording.

Its samples are those of a file that contains only this part, so resampling and features are also the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from melcli.audio.decode import BLOCK_SAMPLES
from melcli.audio.levels import Levels
from melcli.audio.recording import Recording
from melcli.audio.scan import Scan
from melcli.errors import AudioError

__all__ = ["MAX_OVERSHOOT_S", "DroppedPart", "Part", "check_overshoot"]

MAX_OVERSHOOT_S = 0.5  # of the end of a part over the end of the recording: the default of Kaldi's extract-segments


class DroppedPart(Exception):
    """The recording ends in a part that is dropped then; the caller continues with the next one."""


class Part:
    """A part of a recording, instead of `melcli.audio.decode.AudioFile`.

    Parameters
    ----------
    recording : Recording
    first : int
        The first sample.
    end : int or None
        The sample after the last one; None for the end of the recording.
    if_early : "fail", "keep" or "drop"
        If the recording ends in the part: fail, unless it is an overshoot; keep what there is; or raise `DroppedPart`.
    pad_to : int
        Number of samples to which zeros complete the part.

    Attributes
    ----------
    sampling_rate, num_channels, format, claimed_samples
        See `melcli.audio.decode.AudioFile`.
    """

    def __init__(
        self,
        recording: Recording,
        first: int,
        end: int | None,
        *,
        if_early: Literal["fail", "keep", "drop"] = "fail",
        pad_to: int = 0,
    ) -> None:
        file = recording.file
        if end is not None and end <= first:
            raise AudioError("too_short", f"the part from {first / file.sampling_rate:g} s on has no samples")
        self._recording = recording
        self._first = first
        self._end = end
        self._has_overshoot = False
        self._if_early = if_early
        self._pad_to = pad_to
        self.sampling_rate = file.sampling_rate
        self.num_channels = file.num_channels
        self.format = file.format
        known = file.claimed_samples
        last = known if end is None else end
        if known is not None and last is not None:
            last = min(last, known)  # a table may claim anything
        self.claimed_samples = None if last is None else max(0, last - first)
        self._file_flags = set(recording.opening_flags) - {"clipped", "silent"}
        self._scan = Scan(file.num_channels)

    def again(self) -> Part:
        """Return the same part, to read it once more."""
        return Part(self._recording, self._first, self._end, if_early=self._if_early, pad_to=self._pad_to)

    @property
    def num_samples(self) -> int:
        """Samples read so far, per channel."""
        return self._scan.num_samples

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags of the file, but ``clipped`` and ``silent`` are those of the part.

        ``overshoot``: the part ends up to `MAX_OVERSHOOT_S` after the end of the recording, and was cut there.
        """
        found = {"clipped": self._scan.clipped, "silent": self._scan.silent, "overshoot": self._has_overshoot}
        return tuple(sorted(self._file_flags | {name for name, holds in found.items() if holds}))

    @property
    def levels(self) -> Levels:
        """Levels of the samples of the part; complete when `blocks` is exhausted."""
        return self._scan.levels()

    def blocks(self) -> Iterator[np.ndarray]:
        """Read the part.

        Yields
        ------
        block : np.ndarray [shape=(samples, channels)]
            As of a file: finite, C-contiguous, owned by the caller.

        Raises
        ------
        AudioError
            As from a file; also ``too_short`` if the recording ends before the part, or more than `MAX_OVERSHOOT_S`
            before its end.
        DroppedPart
            The recording ends in the part, and ``if_early`` is ``drop``.
        """
        for block in self._recording.read(self._first, self._end):
            self._scan.add(block)
            if not self._scan.num_nonfinite:
                yield block
        self._scan.refuse_nonfinite(self.sampling_rate)
        self._check_end()
        missing = self._pad_to - self.num_samples
        max_samples = max(1, BLOCK_SAMPLES // self.num_channels)
        for start in range(0, missing, max_samples):
            yield np.zeros((min(max_samples, missing - start), self.num_channels), block.dtype)

    def _check_end(self) -> None:
        ends_at = self._first + self.num_samples
        if not self.num_samples:
            raise AudioError("too_short", f"the part starts at {self._first / self.sampling_rate:g} s, after the end")
        if self._end is not None and ends_at >= self._end:
            return
        if self._if_early == "drop":
            raise DroppedPart
        self._file_flags |= {"truncated"} & set(self._recording.file.flags)
        if self._end is None or self._if_early == "keep":
            return
        self._has_overshoot = True
        check_overshoot(self._end, ends_at, self.sampling_rate)


def check_overshoot(end: int, num_samples: int, sampling_rate: int) -> None:
    """Raise `AudioError` if a part ends too far after the end of its recording: ``too_short``."""
    if end - num_samples >= MAX_OVERSHOOT_S * sampling_rate:
        raise AudioError(
            "too_short",
            f"the part ends at {end / sampling_rate:g} s, but the recording ends at {num_samples / sampling_rate:g} s",
        )
