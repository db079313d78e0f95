"""Compute features by their definition: plain Python loops in float64, one value at a time.

It is slow and simple, and written from the definition of the keys, without importing `melcli.mel`.  There is one small
function for each step, in order: signal, frames, spectrum, filters, levels, cepstra, normalization.  A signal is a list
of numbers, frames are a list of such lists; ``key`` contains all options.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = [
    "LOGARITHMS",
    "Keys",
    "TooShort",
    "mel_spectrogram",
    "signal",
    "frames",
    "first_and_count",
    "count_frames",
    "magnitudes",
    "window",
    "bin_value",
    "filters",
    "mel",
    "hertz",
    "cosines",
    "lifter",
    "energy",
]


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Every key that changes numbers, with its default: Keras's 13, the 24 others, and those of the cepstra."""

    fft_length: int = 2048
    sequence_stride: int = 512
    sequence_length: int | None = None
    window: str | list[float] | None = "hann"
    sampling_rate: int = 16_000
    num_mel_bins: int = 128
    min_freq: float = 20.0
    max_freq: float | None = None
    power_to_db: bool = True
    top_db: float | None = 80.0
    mag_exp: float = 2.0
    min_power: float = 1e-10
    ref_power: float | str = 1.0

    input_scale: float = 1.0
    num_samples: int | None = None
    pad_end: int = 0
    preemphasis: float = 0.0
    preemphasis_mode: str = "signal"
    padding: str | list[int] = "center"
    pad_mode: str = "reflect"
    drop_last: bool = False
    remove_dc_offset: bool = False
    window_periodic: bool = True
    mag_floor: float = 0.0
    mag_eps: float = 0.0
    mel_scale: str = "htk"
    mel_norm: str | None = None
    mel_triangles: str = "mel"
    log: str | None = None
    log_offset: float = 0.0
    num_frames: int | None = None
    mean: float | list[float] | str = 0.0
    std: float | list[float] | str = 1.0
    std_ddof: int = 1
    std_eps: float = 0.0
    clip: list[float] | None = None
    time_major: bool = False

    num_ceps: int | None = None
    cepstral_lifter: float = 0.0
    cepstral_norm: str = "ortho"
    use_energy: bool = False

    @property
    def window_length(self):
        return self.fft_length if self.sequence_length is None else self.sequence_length

    @property
    def frame_length(self):
        """Frame length; without a window it is the FFT length, whatever sequence_length is, as in Keras."""
        spans_fft = self.window is None and self.padding in ("center", "same")
        return self.fft_length if spans_fft else self.window_length

    @property
    def unit(self):
        return "dB" if self.power_to_db else self.log

    @property
    def num_features(self):
        return self.num_mel_bins if self.num_ceps is None else self.num_ceps


class TooShort(ValueError):
    """The signal has no sample or no frame."""


def mel_spectrogram(signals, /, **keys):
    """Return ``(features, time)`` for one signal, or one more axis in front for a list of signals."""
    key = Keys(**keys)
    bank = filters(key)
    batch = [frames(signal(row, key), key) for row in np.atleast_2d(signals).tolist()]
    powers = [[mel_powers(frame, bank, key) for frame in row] for row in batch]
    features = levels(powers, key) if key.num_ceps is None else cepstra(levels(powers, key), batch, key)
    features = [resized(row, key.num_frames, [0.0] * key.num_features) for row in features]
    features = [standardized(row, key) for row in features]
    features = np.array(each(features, lambda value: clipped(value, key)))
    if not key.time_major:
        features = features.swapaxes(1, 2)
    return features if np.ndim(signals) == 2 else features[0]


def each(batch, change):
    """Change every value of all frames of all signals."""
    return [[[change(value) for value in frame] for frame in row] for row in batch]


# signal


def signal(samples, key):
    """Return the samples that are divided into frames."""
    samples = [key.input_scale * sample for sample in samples]
    samples = resized(samples, key.num_samples, 0.0)
    samples = resized(samples, max(0, len(samples) + key.pad_end), 0.0)
    return samples if key.preemphasis_mode == "frame" else preemphasized(samples, key)


def resized(items, length, filling):
    """Return the first ``length`` items, padded with ``filling``."""
    return items if length is None else items[:length] + [filling] * (length - len(items))


def preemphasized(samples, key):
    """Subtract from each sample a part of the previous one; the modes differ in the first sample."""
    if key.preemphasis == 0 or not samples:
        return samples
    first = {"signal": [samples[0]], "signal_valid": [], "frame": [(1 - key.preemphasis) * samples[0]]}
    later = [samples[t] - key.preemphasis * samples[t - 1] for t in range(1, len(samples))]
    return first[key.preemphasis_mode] + later


# frames


def frames(samples, key):
    """Divide a signal into frames; subtract the mean of each if configured."""
    first, count = first_and_count(len(samples), key)
    if count < 1:
        raise TooShort
    starts = [first + number * key.sequence_stride for number in range(count)]
    cut = [[sample_at(samples, start + k, key.pad_mode) for k in range(key.frame_length)] for start in starts]
    return [without_mean(frame) for frame in cut] if key.remove_dc_offset else cut


def first_and_count(num_samples, key):
    """Return the position of the first frame, and the number of frames; below one if the signal is too short."""
    fft_length, length, stride = key.fft_length, key.window_length, key.sequence_stride
    if key.padding in ("center", "same"):
        reach = fft_length // 2 if key.padding == "center" else (fft_length - stride) // 2
        first = -reach + (fft_length - key.frame_length) // 2
        count = 1 + (num_samples + 2 * reach - fft_length) // stride
    elif key.padding == "valid":
        first, count = 0, 1 + (num_samples - length) // stride
    elif key.padding == "kaldi":
        first, count = stride // 2 - length // 2, (num_samples + stride // 2) // stride
    else:
        left, right = key.padding
        first, count = -left, 1 + (left + num_samples + right - length) // stride
    return first, count - key.drop_last if num_samples > 0 else 0


def count_frames(num_samples, /, **keys):
    """Count the frames of a signal before num_frames; below one if it is too short."""
    key = Keys(**keys)
    return first_and_count(len(signal([0.0] * num_samples, key)), key)[1]


def sample_at(samples, index, pad_mode):
    """Return the sample at an index, which may be outside the signal."""
    if 0 <= index < len(samples):
        return samples[index]
    return {"constant": nothing, "reflect": mirrored, "symmetric": mirrored_with_end}[pad_mode](samples, index)


def nothing(samples, index):
    return 0.0


def mirrored(samples, index):
    """Mirror the signal repeatedly at its end samples."""
    last = len(samples) - 1
    if last == 0:
        return samples[0]
    index = abs(index) % (2 * last)
    return samples[2 * last - index if index > last else index]


def mirrored_with_end(samples, index):
    """Mirror the signal repeatedly, and repeat the end samples."""
    index %= 2 * len(samples)
    return samples[index if index < len(samples) else 2 * len(samples) - 1 - index]


def without_mean(frame):
    mean = math.fsum(frame) / len(frame)
    return [sample - mean for sample in frame]


# spectrum


def mel_powers(frame, bank, key):
    """Return the output of each filter for a frame."""
    values = [bin_value(magnitude, key) for magnitude in magnitudes(frame, key)]
    return [dot(weights, values) for weights in bank]


def dot(weights, values):
    return math.fsum(weight * value for weight, value in zip(weights, values, strict=True))


def magnitudes(frame, key):
    """Return the magnitude of each bin of a frame."""
    if key.preemphasis_mode == "frame":
        frame = preemphasized(frame, key)
    windowed = [weight * sample for weight, sample in zip(window(key), frame, strict=True)]
    return [float(abs(value)) for value in np.fft.rfft(windowed, key.fft_length)]


def window(key):
    """Return the weight of each sample of a frame."""
    length = key.frame_length
    if isinstance(key.window, list):
        return key.window
    if key.window is None or length == 1:
        return [1.0] * length
    steps = length if key.window_periodic else length - 1
    return [NAMED_WINDOWS[key.window](math.pi * k / steps) for k in range(length)]


# The angle goes from 0 to pi over the window.
NAMED_WINDOWS = {
    "hann": lambda angle: math.sin(angle) ** 2,
    "hamming": lambda angle: 0.08 + 0.92 * math.sin(angle) ** 2,
    "povey": lambda angle: abs(math.sin(angle)) ** 1.7,
    "blackman": lambda angle: 0.42 - 0.5 * math.cos(2 * angle) + 0.08 * math.cos(4 * angle),
}


def bin_value(magnitude, key):
    """Apply floor and offset to the power of a bin; then raise its root to the exponent."""
    power = max(magnitude**2, key.mag_floor) + key.mag_eps
    return math.sqrt(power) ** key.mag_exp


# filters


def filters(key):
    """Return ``num_mel_bins`` triangles over the bins, as lists."""
    top = key.sampling_rate // 2 if key.max_freq is None else key.max_freq
    low, high = mel(key.min_freq, key.mel_scale), mel(top, key.mel_scale)
    step = (high - low) / (key.num_mel_bins + 1)
    bins = [key.sampling_rate / 2 * k / (key.fft_length // 2) for k in range(key.fft_length // 2 + 1)]
    bank = []
    for number in range(key.num_mel_bins):
        lower, peak, upper = (low + (number + edge) * step for edge in range(3))
        weights = triangle(bins, lower, peak, upper, key)
        bank.append([weight * norm(lower, upper, key) for weight in weights])
    return bank


def triangle(bins, lower, peak, upper, key):
    """Return the height of one triangle, whose edges are in mels, over bins in hertz."""
    if key.mel_triangles == "mel":
        heights = [1 - abs(mel(frequency, key.mel_scale) - peak) / (peak - lower) for frequency in bins]
    else:
        lower, peak, upper = (hertz(edge, key.mel_scale) for edge in (lower, peak, upper))
        right = peak - lower if key.mel_triangles == "hz_symmetric" else upper - peak
        heights = [
            1 - (peak - frequency) / (peak - lower) if frequency < peak else 1 - (frequency - peak) / right
            for frequency in bins
        ]
    return [max(0.0, height) for height in heights]


def norm(lower, upper, key):
    """Return the factor of a triangle: with Slaney's norm, all have area 1 over hertz."""
    if key.mel_norm is None:
        return 1.0
    return 2.0 / (hertz(upper, key.mel_scale) - hertz(lower, key.mel_scale))


# Slaney's scale, from his Auditory Toolbox: 3 mels for 200 Hz below 1 kHz, and 27 mels for a factor of 6.4 above.
SLANEY_BREAK_HZ = 1000.0
SLANEY_BREAK = 15.0
SLANEY_STEPS = 27 / math.log(6.4)


def mel(frequency, scale):
    """Convert hertz to mels; HTK's scale is in base 10, and its factor cancels in the filters."""
    if scale == "htk":
        return 2595.0 * math.log10(1.0 + frequency / 700.0)
    if frequency < SLANEY_BREAK_HZ:
        return 3.0 * frequency / 200.0
    return SLANEY_BREAK + SLANEY_STEPS * math.log(frequency / SLANEY_BREAK_HZ)


def hertz(mels, scale):
    """Convert mels to hertz."""
    if scale == "htk":
        return 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    if mels < SLANEY_BREAK:
        return 200.0 * mels / 3.0
    return SLANEY_BREAK_HZ * math.exp((mels - SLANEY_BREAK) / SLANEY_STEPS)


# levels


LOGARITHMS = {"dB": lambda power: 10.0 * math.log10(power), "log10": math.log10, "ln": math.log}


def levels(batch, key):
    """Take the logarithm of all values of a call, if configured."""
    if key.unit is None:
        return batch
    log = LOGARITHMS[key.unit]
    batch = each(batch, lambda power: max(power + key.log_offset, key.min_power))
    reference = loudest(batch) if key.ref_power == "max" else max(abs(key.ref_power), key.min_power)
    batch = each(batch, lambda power: log(power) - log(reference))
    return batch if key.top_db is None else raised(batch, key.top_db * log(10.0) / 10.0)


def raised(batch, depth):
    """Raise every level to the floor, which depends on the loudest level of the whole call."""
    floor = loudest(batch) - depth
    return each(batch, lambda level: max(level, floor))


def loudest(batch):
    return max(value for row in batch for frame in row for value in frame)


# cepstra


def cepstra(batch, batch_of_frames, key):
    """Return the coefficients of all frames of all signals."""
    return [
        [cepstrum(level, frame, key) for level, frame in zip(row, row_of_frames, strict=True)]
        for row, row_of_frames in zip(batch, batch_of_frames, strict=True)
    ]


def cepstrum(level, frame, key):
    """Return the first coefficients of one frame's levels; the energy may replace coefficient 0."""
    coefficients = [lifter(i, key) * dot(cosines(i, key), level) for i in range(key.num_ceps)]
    if key.use_energy:
        coefficients[0] = LOGARITHMS[key.unit](max(energy(frame), key.min_power))
    return coefficients


def cosines(i, key):
    """Return row ``i`` of the discrete cosine transform of type II."""
    size = key.num_mel_bins
    scale = 2.0 if key.cepstral_norm == "none" else math.sqrt((1.0 if i == 0 else 2.0) / size)
    return [scale * math.cos(math.pi * i * (2 * m + 1) / (2 * size)) for m in range(size)]


def lifter(i, key):
    """Return the factor of coefficient ``i``."""
    if key.cepstral_lifter == 0:
        return 1.0
    return 1.0 + key.cepstral_lifter / 2 * math.sin(math.pi * i / key.cepstral_lifter)


def energy(frame):
    return math.fsum(sample**2 for sample in frame)


# normalization


def standardized(row, key):
    """Subtract the mean and divide by the standard deviation of one signal; without a deviation, all is 0."""
    means = statistics(row, key.mean, average)
    stds = statistics(row, key.std, lambda values: deviation(values, key.std_ddof))
    return [
        [
            0.0 if std is None or std + key.std_eps == 0 else (value - mean) / (std + key.std_eps)
            for value, mean, std in zip(frame, means, stds, strict=True)
        ]
        for frame in row
    ]


def statistics(row, wanted, statistic):
    """Return one number per feature: the given ones, or the statistic of the feature or of everything."""
    num_features = len(row[0])
    if wanted == "bin":
        return [statistic([frame[feature] for frame in row]) for feature in range(num_features)]
    if wanted == "all":
        return [statistic([value for frame in row for value in frame])] * num_features
    return wanted if isinstance(wanted, list) else [wanted] * num_features


def average(values):
    """Return the mean, relative to the first value, so that equal values have exactly that mean."""
    return values[0] + math.fsum(value - values[0] for value in values) / len(values)


def deviation(values, ddof):
    """Return the standard deviation; None where it is undefined."""
    if len(values) <= ddof:
        return None
    mean = average(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - ddof))


def clipped(value, key):
    return value if key.clip is None else min(max(value, key.clip[0]), key.clip[1])
