"""Compute mel levels and features of a signal that arrives in blocks."""

from __future__ import annotations

from collections.abc import MutableSequence

import numpy as np
from numpy.typing import ArrayLike

from melcli.errors import AudioError
from melcli.mel.blocks import BlockBuffers, block_frames, chunk_frames
from melcli.mel.filters import FilterBank
from melcli.mel.frames import FrameStream, window_frames
from melcli.mel.framing import count_frames, count_prepared_samples
from melcli.mel.log_compression import mels_to_levels
from melcli.mel.options import FeatureOptions
from melcli.mel.postprocess import join_chunks, postprocess
from melcli.mel.signals import SignalStream, as_signal
from melcli.mel.spectrum import magnitude_spectrum
from melcli.stopwatch import Stopwatch

__all__ = ["FeatureStream", "LevelStream"]


class LevelStream:
    """Computes the levels of one signal in blocks of frames; the bytes do not depend on how the signal is divided.

    Parameters
    ----------
    options : FeatureOptions
    window : np.ndarray [shape=(frame_length,)], compute_dtype
    filters : FilterBank
    chunks : MutableSequence of np.ndarray
        Receives the levels: arrays ``(mels, frames)`` of `chunk_frames` frames, the last one shorter.  With
        ``use_energy`` they have one more row, the energies of the frames.
    expected_samples : int
        Estimate of the number of samples; a wrong estimate costs time, not correctness.
    buffers : BlockBuffers
    stopwatch : Stopwatch
        Records the stages ``fft``, ``mel`` and ``log``.
    """

    def __init__(
        self,
        options: FeatureOptions,
        window: np.ndarray,
        filters: FilterBank,
        *,
        chunks: MutableSequence[np.ndarray],
        expected_samples: int,
        buffers: BlockBuffers,
        stopwatch: Stopwatch,
    ) -> None:
        self.chunks = chunks
        self._options = options
        self._window = window
        self._filters = filters
        self._stopwatch = stopwatch
        self._signal = SignalStream(options)
        self._block = block_frames(options)
        self._frames = FrameStream(options, multiple=self._block)
        self._expected = count_frames(count_prepared_samples(expected_samples, options), options)
        self._chunk_frames = chunk_frames(options)
        self._num_rows = options.num_mel_bins + options.use_energy
        self._buffers = buffers
        self._chunk = np.empty((self._num_rows, 0), dtype=options.compute_dtype)
        self._filled = 0

    def push(self, samples: np.ndarray, *, last: bool) -> None:
        """Add the next samples.

        Parameters
        ----------
        samples : np.ndarray [shape=(samples,)], compute_dtype
            May be empty; must not be changed afterwards.
        last : bool
            Whether the signal ends with these samples.

        Raises
        ------
        AudioError
            ``too_short``: too few samples for one frame.
        """
        frames = self._frames.push(self._signal.push(samples, last=last), last=last)
        for start in range(0, len(frames), self._block):
            self._do_block(frames[start : start + self._block])
        if last and self._filled:
            self._close_chunk()

    def _do_block(self, frames: np.ndarray) -> None:
        options, stopwatch = self._options, self._stopwatch
        columns = self._next_columns(len(frames))
        windowed, spectrum = self._buffers.windowed[: len(frames)], self._buffers.spectrum[: len(frames)]
        energies = columns[-1] if options.use_energy else None
        window_frames(frames, self._window, options, out=windowed[:, : frames.shape[1]], energies=energies)
        magnitude_spectrum(windowed, options, out=spectrum)
        stopwatch.lap("fft")
        mels = self._filters(spectrum)
        stopwatch.lap("mel")
        mels_to_levels(mels, options)
        columns[: options.num_mel_bins] = mels.T
        if self._filled == self._chunk_frames:
            self._close_chunk()
        stopwatch.lap("log")

    def _next_columns(self, num_frames: int) -> np.ndarray:
        """Return the columns of the current chunk for the next frames; a block never spans two chunks."""
        filled = self._filled + num_frames
        if filled > self._chunk.shape[1]:
            capacity = min(self._chunk_frames, max(filled, 2 * self._filled, self._expected))
            chunk = np.empty((self._num_rows, capacity), dtype=self._chunk.dtype)
            chunk[:, : self._filled] = self._chunk[:, : self._filled]
            self._chunk = chunk
        columns = self._chunk[:, self._filled : filled]
        self._filled = filled
        return columns

    def _close_chunk(self) -> None:
        # Contiguous, so that sums over a chunk have the same order however it was filled.
        self.chunks.append(np.ascontiguousarray(self._chunk[:, : self._filled]))
        self._expected = max(0, self._expected - self._filled)
        self._chunk = self._chunk[:, :0]
        self._filled = 0


class FeatureStream:
    """Computes the features of one signal that arrives in pieces; the bytes do not depend on the division into pieces.

    `melcli.MelSpectrogram.stream` creates one.  The features are computed as the pieces arrive and kept in memory; the
    pieces are not.

    Parameters
    ----------
    levels : LevelStream
        Computes the levels.
    options : FeatureOptions
        The options of both.
    """

    def __init__(self, levels: LevelStream, options: FeatureOptions) -> None:
        self._levels = levels
        self._options = options
        self._features: np.ndarray | None = None
        self._has_ended = False

    def push(self, samples: ArrayLike, *, last: bool = False) -> None:
        """Add the next samples.

        Parameters
        ----------
        samples : array_like [shape=(samples,)]
            Full scale is +-1.0, as in a call.  May be empty, and may be changed afterwards.
        last : bool
            Whether the signal ends with these samples.

        Raises
        ------
        ValueError
            ``samples`` does not have one axis, is complex, or the signal has ended.
        AudioError
            ``too_short``: the signal ends with too few samples for one frame.
        """
        piece = as_signal(samples, self._options.compute_dtype)
        if piece.ndim != 1:
            raise ValueError(f"samples of shape {piece.shape} must be (samples,): one stream takes one signal")
        if self._has_ended:
            raise ValueError("the signal of this stream has ended; open another stream for the next signal")
        self._has_ended = last
        self._levels.push(piece.copy(), last=last)

    def features(self) -> np.ndarray:
        """End the signal, and return its features.

        Returns
        -------
        features : np.ndarray, compute_dtype
            ``(features, time)``, or ``(time, features)`` with ``time_major``: the same bytes as from a call with the
            whole signal.  A second call returns the same array.

        Raises
        ------
        AudioError
            ``too_short``: too few samples for one frame.
        """
        if self._features is None:
            if not self._has_ended:
                self.push((), last=True)
            chunks = self._levels.chunks
            if not chunks:
                raise AudioError("too_short", "the signal was too short for one frame")
            postprocess([chunks], self._options)
            self._features = join_chunks(chunks, self._options)
            chunks.clear()
        return self._features
