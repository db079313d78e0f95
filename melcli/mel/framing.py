"""Positions and number of frames.

A signal has N samples, an FFT has n samples every S, and a frame has F samples (`FeatureOptions.frame_length`, usually
the window length L).  Frame t begins at sample ``first + t S``.

=================  ========================  ============================  =======================================
``padding``        ``first``                 frames                        used by
=================  ========================  ============================  =======================================
``center``         ``-P + (n - F) // 2``     ``1 + (N + 2P - n) // S``     Keras, librosa; ``P = n // 2``
``same``           ``-P + (n - F) // 2``     ``1 + (N + 2P - n) // S``     HiFi-GAN; ``P = (n - S) // 2``
``valid``          ``0``                     ``1 + (N - L) // S``          Kaldi's snip_edges, TensorFlow
``kaldi``          ``S // 2 - L // 2``       ``(N + S // 2) // S``         Kaldi's snip_edges=false, Lhotse
``[left, right]``  ``-left``                 ``1 + (left + N + right - L) // S``  Gemma-4
=================  ========================  ============================  =======================================
"""

from __future__ import annotations

from melcli.mel.options import FeatureOptions

__all__ = [
    "count_discarded_samples",
    "count_frames",
    "count_output_frames",
    "count_prepared_samples",
    "count_valid_frames",
    "first_sample",
    "max_samples_after_end",
]


def count_prepared_samples(num_samples: int, options: FeatureOptions) -> int:
    """Count the samples that are divided into frames, after ``num_samples``, ``pad_end`` and pre-emphasis."""
    wanted = num_samples if options.num_samples is None else options.num_samples
    dropped = 1 if options.preemphasis and options.preemphasis_mode == "signal_valid" else 0
    return max(0, wanted + options.pad_end - dropped)


def first_sample(options: FeatureOptions) -> int:
    """Return the index of the first sample of frame 0; negative before the signal."""
    if options.padding in ("center", "same"):
        return (options.fft_length - options.frame_length) // 2 - _pad_length(options)
    if options.padding == "kaldi":
        return options.sequence_stride // 2 - options.window_length // 2
    return -options.padding[0] if isinstance(options.padding, tuple) else 0


def count_frames(prepared_samples: int, options: FeatureOptions) -> int:
    """Count the frames of a prepared signal, after ``drop_last``; 0 if it is too short for a frame."""
    stride = options.sequence_stride
    if options.padding == "kaldi":
        frames = (prepared_samples + stride // 2) // stride
    else:
        if options.padding in ("center", "same"):
            room = prepared_samples + 2 * _pad_length(options) - options.fft_length
        else:
            room = prepared_samples - options.window_length
            room += sum(options.padding) if isinstance(options.padding, tuple) else 0
        frames = 1 + room // stride
    return max(0, frames - options.drop_last) if prepared_samples > 0 else 0


def max_samples_after_end(options: FeatureOptions) -> int:
    """Return an upper limit for the number of samples by which the last frame extends beyond the signal."""
    if options.padding in ("center", "same"):
        return _pad_length(options)
    if options.padding == "kaldi":
        return options.window_length - options.window_length // 2
    return options.padding[1] if isinstance(options.padding, tuple) else 0


def count_output_frames(num_samples: int, options: FeatureOptions) -> int:
    """Count the frames of the result for a signal of ``num_samples``; 0 if it is too short for a frame."""
    frames = count_frames(count_prepared_samples(num_samples, options), options) if num_samples > 0 else 0
    return options.num_frames if frames and options.num_frames is not None else frames


def count_valid_frames(num_samples: int, options: FeatureOptions) -> int:
    """Count the frames of the result, from the first, that contain signal; the rest is padding.

    A frame counts if it begins before the end of the signal, so frames in the padding before the signal count too.
    """
    return min(_count_frames_with_signal(num_samples, options), count_output_frames(num_samples, options))


def count_discarded_samples(num_samples: int, options: FeatureOptions) -> int:
    """Count the samples of a signal that ``num_samples`` and ``num_frames`` discard.

    Each frame with signal that ``num_frames`` removes counts as ``sequence_stride`` samples.
    """
    taken = _count_taken_samples(num_samples, options)
    if options.num_frames is None:
        return num_samples - taken
    lost_frames = max(0, _count_frames_with_signal(num_samples, options) - options.num_frames)
    return num_samples - taken + min(taken, lost_frames * options.sequence_stride)


def _count_taken_samples(num_samples: int, options: FeatureOptions) -> int:
    return num_samples if options.num_samples is None else min(num_samples, options.num_samples)


def _count_frames_with_signal(num_samples: int, options: FeatureOptions) -> int:
    """Count the frames that begin before the end of the signal, before ``num_frames`` removes or appends any."""
    prepared = count_prepared_samples(num_samples, options)
    # Pre-emphasis subtracts the previous sample, so the first zero after the signal depends on its last sample.
    spread = 1 if options.preemphasis and options.preemphasis_mode == "signal" else 0
    end = min(prepared, _count_taken_samples(num_samples, options) + spread)
    begun = -((first_sample(options) - end) // options.sequence_stride)  # rounded up
    return max(0, min(begun, count_frames(prepared, options)))


def _pad_length(options: FeatureOptions) -> int:
    centered = options.padding == "center"
    return options.fft_length // 2 if centered else (options.fft_length - options.sequence_stride) // 2
