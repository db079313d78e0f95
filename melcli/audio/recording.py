"""Decode a recording in one forward pass, from which parts are read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType

import numpy as np

from melcli.audio.decode import AudioFile
from melcli.errors import AudioError, DecoderKilled

__all__ = ["Recording"]

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
    opening_flags : tuple of str
        The flags of the file before it is decoded, so that those of a part do not depend on what was read before.
    """

    def __init__(self, open_file: Callable[[], AudioFile]) -> None:
        self._open_file = open_file
        self._file: AudioFile | None = None
        self._blocks: Iterator[np.ndarray] = iter(())
        self._kept: deque[tuple[int, np.ndarray]] = deque()  # blocks with the number of their first sample
        self._kept_bytes = 0
        self._next = 0  # first sample of the next block
        self._error: AudioError | None = None
        self._may_hide_damage = False
        self.is_at_end = False
        self.opening_flags: tuple[str, ...] = ()

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
        return self.open()

    def open(self) -> AudioFile:
        """Return the file, which is opened if it is not; errors are those of ``open_file``."""
        if self._file is None:
            self._file = self._open_file()
            self.opening_flags = self._file.flags
            self._may_hide_damage = not self._file.is_exact
            self._blocks = self._file.decoded()
        return self._file

    def has_sample(self, number: int, keep_from: int) -> bool:
        """Return whether the recording has a sample with this number.

        If only decoding shows that, it decodes up to there, and keeps what the next part needs, which starts at the
        sample ``keep_from``.
        """
        if self.file.can_seek:
            return number < (self.file.claimed_samples or 0)
        while self._next <= number:
            if self._next_block(keep_from) is None:
                return False
        return True

    def read(self, first: int, end: int | None) -> Iterator[np.ndarray]:
        """Yield copies of the samples from ``first`` to ``end``; they end early at the end of the recording.

        Raises
        ------
        AudioError
            The recording is damaged before the end of the part.  If its format is exact, damage before the part does
            not matter.
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
        if not self._may_hide_damage:
            return
        self.open()
        while self._next_block(self._next) is not None:
            pass

    def _go_to(self, sample: int) -> bool:
        """Decode or seek to a sample; return False if the recording ends before it."""
        file = self.file
        if file.can_seek and sample >= (file.claimed_samples or 0):
            return False
        kept_from = self._kept[0][0] if self._kept else self._next
        is_far = sample - self._next > MIN_SEEK_S * file.sampling_rate
        if sample < kept_from or (file.can_seek and is_far):
            self._restart(sample)
        try:
            while self._next < sample:
                if self._next_block(sample) is None:
                    return False
        except AudioError:
            if not file.can_seek:
                raise
            self._restart(sample)
        if self._error is not None and self._next <= sample and file.can_seek:
            self._restart(sample)
        return True

    def _restart(self, sample: int) -> None:
        """Open the file again, and seek to a sample if its format allows that exactly."""
        self.close()
        if self.file.can_seek:
            with ExitStack() as failing:
                failing.callback(self.close)
                self.file.seek(sample)
                failing.pop_all()
            self._next = sample

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
        self._forget(first)
        return start, block

    def _forget(self, first: int) -> None:
        """Remove blocks before the sample ``first``, and the oldest of too many, but never the last block after it."""
        kept = self._kept
        while kept and (kept[0][0] + len(kept[0][1]) <= first or (self._kept_bytes > MAX_KEPT_BYTES and len(kept) > 1)):
            self._kept_bytes -= kept.popleft()[1].nbytes


def _cut(start: int, block: np.ndarray, first: int, end: int | None) -> np.ndarray:
    """Return a copy of the samples of a block from ``first`` to ``end``, if the block has the sample ``first``."""
    if start > first:
        return block[:0]
    return block[first - start : None if end is None else max(0, end - start)].copy()
