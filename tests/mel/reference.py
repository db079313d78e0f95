"""The mel spectrogram as its definition reads: plain Python loops in float64, one value at a time.

Slow and without a trick, and written from Keras's documentation rather than from `melcli.mel`, which it imports
nothing of.  Arguments have Keras's names and defaults.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["filters", "mel", "mel_spectrogram", "mirrored", "padded_window"]


def mel_spectrogram(
    signal,
    *,
    fft_length=2048,
    sequence_stride=512,
    sequence_length=None,
    window="hann",
    sampling_rate=16_000,
    num_mel_bins=128,
    min_freq=20.0,
    max_freq=None,
    power_to_db=True,
    top_db=80.0,
    mag_exp=2.0,
    min_power=1e-10,
    ref_power=1.0,
):
    """Return ``(num_mel_bins, time)`` for one signal, or one more axis in front for a list of signals."""
    signal = np.asarray(signal, dtype=np.float64)
    if max_freq is None:
        max_freq = sampling_rate // 2
    weights = padded_window(window, sequence_length or fft_length, fft_length)
    bank = filters(num_mel_bins, fft_length // 2 + 1, sampling_rate, min_freq, max_freq)

    spectrograms = []
    for row in np.atleast_2d(signal):
        columns = []
        start = -(fft_length // 2)
        while start + fft_length <= len(row) + fft_length // 2:
            frame = [weights[k] * mirrored(row, start + k) for k in range(fft_length)]
            magnitudes = [abs(value) ** mag_exp for value in np.fft.rfft(frame)]
            columns.append([math.fsum(w * m for w, m in zip(curve, magnitudes, strict=True)) for curve in bank])
            start += sequence_stride
        spectrograms.append(np.array(columns).T)
    result = np.array(spectrograms)
    if power_to_db:
        reference_db = 10.0 * math.log10(max(abs(ref_power), min_power))
        for index, power in np.ndenumerate(result):
            result[index] = 10.0 * math.log10(max(power, min_power)) - reference_db
        if top_db is not None:
            floor = max(result.flat) - top_db
            for index, level in np.ndenumerate(result):
                result[index] = max(level, floor)
    return result if signal.ndim == 2 else result[0]


def mirrored(signal, index):
    """Return the sample at an index that may lie outside: the signal is seen in mirrors at its end samples."""
    last = len(signal) - 1
    if last == 0:
        return signal[0]
    index = abs(index) % (2 * last)
    return signal[2 * last - index if index > last else index]


def padded_window(window, length, fft_length):
    """Return the window as a list of ``fft_length`` numbers."""
    if window is None:
        return [1.0] * fft_length
    if isinstance(window, str) and length == 1:
        window = [1.0]
    elif window == "hann":
        window = [math.sin(math.pi * k / length) ** 2 for k in range(length)]
    elif window == "hamming":
        window = [0.08 + 0.92 * math.sin(math.pi * k / length) ** 2 for k in range(length)]
    before = (fft_length - length) // 2
    return [0.0] * before + list(window) + [0.0] * (fft_length - length - before)


def mel(hertz):
    """Convert hertz to mels: HTK's scale in base 10, whose factor cancels in the filters."""
    return 2595.0 * math.log10(1.0 + hertz / 700.0)


def filters(num_mel_bins, num_bins, sampling_rate, min_freq, max_freq):
    """Return ``num_mel_bins`` triangles over the bins, as lists; the slopes are straight in mels."""
    step = (mel(max_freq) - mel(min_freq)) / (num_mel_bins + 1)
    bank = []
    for number in range(num_mel_bins):
        peak = mel(min_freq) + (number + 1) * step
        distances = [abs(mel(sampling_rate / 2 * k / (num_bins - 1)) - peak) for k in range(num_bins)]
        bank.append([max(0.0, 1.0 - distance / step) for distance in distances])
    return bank
