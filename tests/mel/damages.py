"""Ways to break the core on purpose, small enough to be overlooked; the comparisons must notice each of them.

Each takes pytest's ``monkeypatch`` and breaks `melcli.mel` until the test ends.  `DAMAGES` has them by name, and
`leaves_its_mark` knows on which options a damage changes anything at all.
"""

from __future__ import annotations

import numpy as np

from melcli.mel import filters, frames, levels, spectrogram, windows

__all__ = ["DAMAGES", "leaves_its_mark"]


def symmetric_window(monkeypatch):
    def symmetric(offset, length):
        return offset - (1 - offset) * np.cos(2 * np.pi * np.arange(length) / (length - 1))

    monkeypatch.setattr(windows, "_periodic_cosine", symmetric)


def window_at_the_left(monkeypatch):
    def left(options):
        window = windows.analysis_window(options)
        return np.roll(window, -((options.fft_length - options.window_length) // 2))

    monkeypatch.setattr(spectrogram, "analysis_window", left)


def triangles_straight_in_hertz(monkeypatch):
    def straight(num_mel_bins, num_spectrogram_bins, sampling_rate, lower_edge_hertz, upper_edge_hertz, dtype):
        bins = np.linspace(0.0, sampling_rate / 2, num_spectrogram_bins)[:, np.newaxis]
        mels = np.linspace(*np.log1p(np.array([lower_edge_hertz, upper_edge_hertz]) / 700.0), num_mel_bins + 2)
        lower, center, upper = (700.0 * np.expm1(mels[k : k + num_mel_bins]) for k in range(3))
        return np.maximum(0, np.minimum((bins - lower) / (center - lower), (upper - bins) / (upper - center))).astype(
            dtype
        )

    monkeypatch.setattr(filters, "linear_to_mel_weight_matrix", straight)


def filters_one_bin_up(monkeypatch):
    right = filters.linear_to_mel_weight_matrix
    monkeypatch.setattr(filters, "linear_to_mel_weight_matrix", lambda **keys: np.roll(right(**keys), 1, axis=0))


def natural_logarithm(monkeypatch):
    monkeypatch.setattr(levels, "DB_PER_NEPER", 10.0)


def ends_repeated(monkeypatch):
    _pad_by(monkeypatch, "symmetric")


def ends_of_zeros(monkeypatch):
    _pad_by(monkeypatch, "constant")


def _pad_by(monkeypatch, mode):
    def frame_signal(signal, options):
        padded = np.pad(signal, options.fft_length // 2, mode=mode)
        cut = np.lib.stride_tricks.sliding_window_view(padded, options.fft_length)
        return cut[:: options.sequence_stride]

    monkeypatch.setattr(spectrogram, "frame_signal", frame_signal)


def frames_one_sample_late(monkeypatch):
    right = frames.frame_signal
    monkeypatch.setattr(spectrogram, "frame_signal", lambda signal, options: right(np.roll(signal, -1), options))


def a_floor_for_each_signal(monkeypatch):
    def raise_each(levels, top_db):
        np.maximum(levels, levels.max(axis=(-1, -2), keepdims=True) - top_db, out=levels)

    monkeypatch.setattr(spectrogram, "raise_to_top_db", raise_each)


DAMAGES = {
    damage.__name__: damage
    for damage in (
        symmetric_window,
        window_at_the_left,
        triangles_straight_in_hertz,
        filters_one_bin_up,
        natural_logarithm,
        ends_repeated,
        ends_of_zeros,
        frames_one_sample_late,
        a_floor_for_each_signal,
    )
}


def leaves_its_mark(damage, options, *, batch):
    """Tell whether a damage changes the numbers of these options, on a batch or on one signal."""
    if damage == "symmetric_window":
        return options.window in ("hann", "hamming")
    if damage == "window_at_the_left":
        return options.window is not None and options.window_length < options.fft_length - 1
    if damage == "natural_logarithm":
        return options.power_to_db
    if damage in ("ends_repeated", "ends_of_zeros"):
        return options.top_db != 0.0  # a constant, whatever the ends are
    if damage == "a_floor_for_each_signal":
        return batch and options.power_to_db and options.top_db < 100.0  # min_power is the higher floor above that
    return True
