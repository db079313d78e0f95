"""Read parts of a recording in one forward pass.

The samples of a part are those of a file that contains only this part, so resampling and features are also the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType

import numpy as np

from melcli.audio.decode import AudioFile
from melcli.audio.levels import Levels
from melcli.audio.scan import Scan
from melcli.errors import AudioError, DecoderKilled

__all__ = ["MAX_OVERSHOOT_S", "Part", "Recording", "check_overshoot"]

MAX_OVERSHOOT_S = 0.5  # of the end of a part over the end of the recording: the default of Kaldi's extract-segments
MAX_KEPT_BYTES = 32_000_000  # of decoded blocks, for parts that overlap
MIN_SEEK_S = 5.0  # shorter gaps are decoded: seeking in FLAC takes as long as decoding 0.5 to 2 s


class Recording:
    """A file from which parts are read, best sorted by start; a context manager.

    The decoder only goes forward.  A part that starts before the blocks that are still in memory is reached by seeking,
    if the format allows that exactly, or by decoding from the beginning.

    Parameters
    ----------
    open_file : callable
        Opens the file; called again if a part cannot be reached otherwise.

    Attributes
    ----------
    is_at_end : bool
        Whether the end of the recording is decoded.
    """

    def __init__(self, open_file: Callable[[], AudioFile]) -> None:
        self._open_file = open_file
        self._file: AudioFile | None = None
        self._blocks: Iterator[np.ndarray] = iter(())
        self._kept: deque[tuple[int, np.ndarray]] = deque()  # blocks with the number of their first sample
        self._kept_bytes = 0
        self._next = 0  # first sample of the next block
        self._error: AudioError | None = None
        self.is_at_end = False

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; another part opens it again."""
        self._kept.clear()
        self._kept_bytes = self._next = 0
        self._blocks, self._error, self.is_at_end = iter(()), None, False
        file, self._file = self._file, None
        if file is not None:
            file.close()

    @property
    def num_samples(self) -> int | None:
        """Samples per channel of the whole recording, if that is known for sure."""
        if self.file.can_seek:
            return self.file.claimed_samples
        return self._next if self.is_at_end else None

    @property
    def file(self) -> AudioFile:
        """The open file."""
        if self._file is None:
            self._file = self._open_file()
            self._blocks = self._file.decoded()
        return self._file

    def has_sample(self, number: int, keep_from: int) -> bool:
        """Return whether the recording has a sample with this number.

        It decodes up to there, and keeps what the next part needs, which starts at the sample ``keep_from``.
        """
        if not self._go_to(keep_from):
            return False
        while self._next <= number:
            if self._next_block(keep_from) is None:
                return False
        return True

    def read(self, first: int, end: int | None) -> Iterator[np.ndarray]:
        """Yield copies of the samples from ``first`` to ``end``; they end early at the end of the recording.

        Raises
        ------
        AudioError
            The recording is damaged before the end of the part.
        """
        if not self._go_to(first):
            return
        position = first
        for start, block in tuple(self._kept):
            found = _cut(start, block, position, end)
            if len(found):
                position += len(found)
                yield found
        while end is None or position < end:
            next_block = self._next_block(first)
            if next_block is None:
                return
            found = _cut(*next_block, position, end)
            if len(found):
                position += len(found)
                yield found

    def check_rest(self) -> None:
        """Decode to the end, if only that shows whether audio before is missing.

        libsndfile skips damaged frames of MP3 and pages of Ogg without an error, so that all later parts would be
        shifted.  The exact formats have no such gaps.

        Raises
        ------
        AudioError
            As from `AudioFile.decoded`.
        """
        if self._file is None or self._file.can_seek:
            return
        if self._error is not None:
            raise self._error
        while self._next_block(self._next) is not None:
            pass

    def _go_to(self, sample: int) -> bool:
        """Prepare reading from a sample on; return False if the recording is known to end before it."""
        file = self.file
        kept_from = self._kept[0][0] if self._kept else self._next
        is_far = sample - self._next > MIN_SEEK_S * file.sampling_rate
        if file.can_seek and (sample < kept_from or is_far):
            if sample >= (file.claimed_samples or 0):
                return False
            self.close()
            self.file.seek(sample)
            self._next = sample
        elif sample < kept_from:
            self.close()
        return True

    def _next_block(self, first: int) -> tuple[int, np.ndarray] | None:
        """Decode a block and keep it, with the blocks that contain samples from ``first`` on."""
        if self._error is not None:
            raise self._error
        if self.is_at_end:
            return None
        with ExitStack() as failing:
            failing.callback(self.close)  # after a lack of memory, the next part starts again
            try:
                block = next(self._blocks, None)
            except DecoderKilled:  # the next part may be read
                raise
            except AudioError as error:
                self._error = error.with_traceback(None)
                failing.pop_all()
                raise
            failing.pop_all()
        if block is None:
            self.is_at_end = True
            return None
        start, self._next = self._next, self._next + len(block)
        self._kept.append((start, block))
        self._kept_bytes += block.nbytes
        while self._kept and (self._kept[0][0] + len(self._kept[0][1]) <= first or self._kept_bytes > MAX_KEPT_BYTES):
            self._kept_bytes -= self._kept.popleft()[1].nbytes
        return start, block


def _cut(start: int, block: np.ndarray, first: int, end: int | None) -> np.ndarray:
    """Return a copy of the samples of a block from ``first`` to ``end``, if the block has the sample ``first``."""
    if start > first:
        return block[:0]
    return block[first - start : None if end is None else max(0, end - start)].copy()


class Part:
    """A part of a recording, instead of `melcli.audio.decode.AudioFile`.

    Parameters
    ----------
    recording : Recording
    first : int
        The first sample.
    end : int or None
        The sample after the last one; None for the end of the recording.
    may_end_early : bool
        Whether the recording may end anywhere in the part, as in the last chunk.
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
        may_end_early: bool = False,
        pad_to: int = 0,
    ) -> None:
        file = recording.file
        if end is not None and end <= first:
            raise AudioError("too_short", f"the part from {first / file.sampling_rate:g} s on has no samples")
        self._recording = recording
        self._first = first
        self._end = end
        self._has_overshoot = False
        self._may_end_early = may_end_early
        self._pad_to = pad_to
        self.sampling_rate = file.sampling_rate
        self.num_channels = file.num_channels
        self.format = file.format
        known = file.claimed_samples
        last = known if end is None else end
        self.claimed_samples = None if last is None else max(0, last - first)
        self._file_flags = set(file.flags) - {"clipped", "silent"}
        self._scan = Scan(file.num_channels)

    def again(self) -> Part:
        """Return the same part, to read it once more."""
        return Part(self._recording, self._first, self._end, may_end_early=self._may_end_early, pad_to=self._pad_to)

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
        """
        for block in self._recording.read(self._first, self._end):
            self._scan.add(block)
            if not self._scan.num_nonfinite:
                yield block
        self._scan.refuse_nonfinite(self.sampling_rate)
        self._check_end()
        if self.num_samples < self._pad_to:
            yield np.zeros((self._pad_to - self.num_samples, self.num_channels), block.dtype)

    def _check_end(self) -> None:
        ends_at = self._first + self.num_samples
        if not self.num_samples:
            raise AudioError("too_short", f"the part starts at {self._first / self.sampling_rate:g} s, after the end")
        if self._end is None or ends_at >= self._end or self._may_end_early:
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
