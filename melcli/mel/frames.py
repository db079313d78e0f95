"""Split a prepared signal into overlapping frames, and process each frame before its window."""

from __future__ import annotations

import numpy as np

from melcli.errors import AudioError
from melcli.mel.framing import count_frames, first_sample, max_samples_after_end
from melcli.mel.options import FeatureOptions

__all__ = [
    "FrameStream",
    "frame_energies",
    "frame_signal",
    "preemphasize_frames",
    "remove_dc_offset",
    "window_frames",
]


def frame_signal(signal: np.ndarray, options: FeatureOptions) -> np.ndarray:
    """Divide a whole signal into frames, copying at most the padded signal.

    Parameters
    ----------
    signal : np.ndarray [shape=(samples,)]

    Returns
    -------
    frames : np.ndarray [shape=(frames, frame_length)]
        A read-only view.

    Raises
    ------
    AudioError
        ``too_short``: the signal has no frame.
    """
    return FrameStream(options).push(signal, last=True)


class FrameStream:
    """Divides a prepared signal, passed in blocks, into frames; the frames do not depend on the division into blocks.

    `melcli.mel.framing` defines the positions of the frames.  Where frames extend beyond the signal, ``pad_mode``
    defines the values.  If the signal is shorter than the padding, it is mirrored repeatedly, as in NumPy.

    Parameters
    ----------
    options : FeatureOptions
    multiple : int
        The number of frames in each block, except the last, is a multiple of this.
    """

    def __init__(self, options: FeatureOptions, *, multiple: int = 1) -> None:
        self._options = options
        self._multiple = multiple
        self._next_frame = 0
        self._pieces: list[np.ndarray] = []  # samples that later frames may need
        self._origin = 0  # index of the first of these samples
        self._num_samples = 0  # so far, including those already dropped

    def push(self, samples: np.ndarray, *, last: bool) -> np.ndarray:
        """Add the next samples and return the frames that are ready.

        Parameters
        ----------
        samples : np.ndarray [shape=(samples,)]
            May be empty; must not be changed afterwards.
        last : bool
            Whether the signal ends with these samples.

        Returns
        -------
        frames : np.ndarray [shape=(frames, frame_length)]
            A read-only view; may be empty before the last call.

        Raises
        ------
        AudioError
            ``too_short``: the whole signal has no frame.
        """
        self._pieces.append(samples)
        self._num_samples += len(samples)
        end = self._count_all() if last else self._count_ready()
        if end == self._next_frame:
            return np.empty((0, self._options.frame_length), dtype=samples.dtype)
        held = np.concatenate(self._pieces) if len(self._pieces) > 1 else samples
        frames = _cut(held, self._origin, range(self._next_frame, end), self._options)
        self._next_frame = end
        self._pieces = [] if last else [self._drop_old_samples(held)]
        return frames

    def _count_all(self) -> int:
        frames = count_frames(self._num_samples, self._options)
        if not frames:
            raise AudioError(
                "too_short",
                f"{self._num_samples} samples are too few for one frame of {self._options.frame_length} samples "
                f"with padding={self._options.padding}" + (" and drop_last" if self._options.drop_last else ""),
            )
        return frames

    def _count_ready(self) -> int:
        """Count the frames whose samples are complete and which no later sample can change."""
        options, first = self._options, first_sample(self._options)
        if self._num_samples <= -first:  # the padding before the signal may be mirrored twice
            return self._next_frame
        whole = 1 + (self._num_samples - options.frame_length - first) // options.sequence_stride
        ready = min(whole, count_frames(self._num_samples, options)) - self._next_frame
        return self._next_frame + max(0, ready // self._multiple * self._multiple)

    def _drop_old_samples(self, held: np.ndarray) -> np.ndarray:
        """Drop the samples before the next frame, except those that may be mirrored after the end of the signal."""
        options = self._options
        next_sample = first_sample(options) + self._next_frame * options.sequence_stride
        mirrored = self._num_samples - max_samples_after_end(options) - 1
        origin = max(self._origin, min(next_sample, mirrored))
        needed = held[origin - self._origin :]
        self._origin = origin
        return needed


def _cut(samples: np.ndarray, origin: int, frames: range, options: FeatureOptions) -> np.ndarray:
    """Return the given frames; ``samples`` begins with sample number ``origin``."""
    stride, length = options.sequence_stride, options.frame_length
    first = first_sample(options) + frames.start * stride - origin
    end = first + (len(frames) - 1) * stride + length
    before, after = max(0, -first), max(0, end - len(samples))
    padded = _pad(samples, before, after, options) if before or after else np.ascontiguousarray(samples)
    # A strided view of a buffer, within bounds that NumPy checks; sliding_window_view takes 20 us for the same view.
    step = padded.itemsize
    cut: np.ndarray = np.ndarray(
        (len(frames), length), padded.dtype, padded, offset=(first + before) * step, strides=(stride * step, step)
    )
    cut.flags.writeable = False
    return cut


def _pad(samples: np.ndarray, before: int, after: int, options: FeatureOptions) -> np.ndarray:
    """Pad like `numpy.pad`, which takes four times as long for a second of audio."""
    length = len(samples)
    if length <= max(before, after):  # mirrored more than once
        return np.pad(samples, (before, after), mode=options.pad_mode)
    if options.pad_mode == "constant":
        ends = np.zeros(before, samples.dtype), np.zeros(after, samples.dtype)
    else:
        inset = 1 if options.pad_mode == "reflect" else 0  # the end sample is not repeated
        ends = samples[inset : inset + before][::-1], samples[length - inset - after : length - inset][::-1]
    return np.concatenate([ends[0], samples, ends[1]])


def window_frames(
    frames: np.ndarray,
    window: np.ndarray,
    options: FeatureOptions,
    *,
    out: np.ndarray,
    energies: np.ndarray | None = None,
) -> None:
    """Apply the per-frame steps and the window, and write the result into ``out``.

    Parameters
    ----------
    frames : np.ndarray [shape=(frames, frame_length)]
    window : np.ndarray [shape=(frame_length,)]
    out : np.ndarray [shape=(frames, frame_length)]
    energies : np.ndarray [shape=(frames,)], optional
        Receives the energies of the frames, after DC removal and before pre-emphasis and window.
    """
    emphasized = options.preemphasis and options.preemphasis_mode == "frame"
    if not (options.remove_dc_offset or emphasized or energies is not None):
        np.multiply(frames, window, out=out)  # one pass instead of two
        return
    np.copyto(out, frames)
    if options.remove_dc_offset:
        remove_dc_offset(out)
    if energies is not None:
        energies[:] = frame_energies(out)
    if emphasized:
        preemphasize_frames(out, options.preemphasis)
    out *= window


def remove_dc_offset(frames: np.ndarray) -> None:
    """Subtract the mean of each frame from it, in place: Kaldi's ``remove_dc_offset``."""
    frames -= frames.mean(axis=-1, keepdims=True)


def frame_energies(frames: np.ndarray) -> np.ndarray:
    """Return the sum of the squares of each frame: Kaldi's raw energy."""
    energies: np.ndarray = np.square(frames).sum(axis=-1)
    return energies


def preemphasize_frames(frames: np.ndarray, factor: float) -> None:
    """Replace ``x[k]`` by ``x[k] - factor x[k-1]`` in each frame, and ``x[0]`` by ``(1 - factor) x[0]``, in place.

    As in Kaldi, the sample before the frame is assumed equal to its first; Gemma-3n and Phi-4 do the same.
    """
    factor = frames.dtype.type(factor)
    frames[:, 1:] -= factor * frames[:, :-1]  # the product is a new array, so written values are not read again
    frames[:, 0] *= 1 - factor
