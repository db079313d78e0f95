"""From a prepared signal to overlapping frames, and what is done to each of them before its window."""

from __future__ import annotations

import numpy as np

from melcli.errors import AudioError
from melcli.mel.geometry import count_frames, first_sample
from melcli.mel.options import FeatureOptions

__all__ = ["frame_energies", "frame_signal", "preemphasise_frames", "remove_dc_offset", "window_frames"]


def frame_signal(signal: np.ndarray, options: FeatureOptions) -> np.ndarray:
    """Cut a signal into frames, without copying more than the padded signal.

    Where the frames stand is told by `melcli.mel.geometry`; where they reach beyond the signal, ``pad_mode`` says what
    is there.  A mirror image is mirrored again and again where the signal is shorter than what is missing, as NumPy
    does.

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
        ``too_short``: there is no frame.
    """
    frames, length = count_frames(len(signal), options), options.frame_length
    if not frames:
        raise AudioError(
            "too_short",
            f"{len(signal)} samples are too few for one frame of {length} samples with padding={options.padding}"
            + (" and drop_last" if options.drop_last else ""),
        )
    first = first_sample(options)
    end = first + (frames - 1) * options.sequence_stride + length
    before, behind = max(0, -first), max(0, end - len(signal))
    padded = np.pad(signal, (before, behind), mode=options.pad_mode) if before or behind else signal
    covered = padded[first + before : end + before]
    return np.lib.stride_tricks.sliding_window_view(covered, length)[:: options.sequence_stride]


def window_frames(
    frames: np.ndarray,
    window: np.ndarray,
    options: FeatureOptions,
    *,
    out: np.ndarray,
    energies: np.ndarray | None = None,
) -> None:
    """Write frames times window, and what comes before the window, into ``out``.

    Parameters
    ----------
    frames : np.ndarray [shape=(frames, frame_length)]
    window : np.ndarray [shape=(frame_length,)]
    out : np.ndarray [shape=(frames, frame_length)]
    energies : np.ndarray [shape=(frames,)], optional
        Takes the energies of the frames, without their offset and before pre-emphasis and window.
    """
    emphasised = options.preemphasis and options.preemphasis_mode == "frame"
    if not (options.remove_dc_offset or emphasised or energies is not None):
        np.multiply(frames, window, out=out)  # one pass rather than two
        return
    np.copyto(out, frames)
    if options.remove_dc_offset:
        remove_dc_offset(out)
    if energies is not None:
        energies[:] = frame_energies(out)
    if emphasised:
        preemphasise_frames(out, options.preemphasis)
    out *= window


def remove_dc_offset(frames: np.ndarray) -> None:
    """Subtract the mean of each frame from it, in place: Kaldi's ``remove_dc_offset``."""
    frames -= frames.mean(axis=-1, keepdims=True)


def frame_energies(frames: np.ndarray) -> np.ndarray:
    """Return the sum of the squares of each frame: Kaldi's raw energy."""
    energies: np.ndarray = np.square(frames).sum(axis=-1)
    return energies


def preemphasise_frames(frames: np.ndarray, factor: float) -> None:
    """Replace ``x[k]`` by ``x[k] - factor x[k-1]`` in each frame, and ``x[0]`` by ``(1 - factor) x[0]``, in place.

    Kaldi's, which takes the sample before the frame to be equal to its first; Gemma-3n and Phi-4 do the same.
    """
    factor = frames.dtype.type(factor)
    frames[:, 1:] -= factor * frames[:, :-1]  # the product is a new array, so nothing is read that was written
    frames[:, 0] *= 1 - factor
