"""Triangular mel filters, and their product with a spectrum.

The edges are equidistant on a mel scale.  The slopes of a triangle are straight on a separate axis: the same mel scale
(Keras, TensorFlow, Kaldi), or hertz (librosa, torchaudio, Hugging Face).  Filters are built in float64.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np

from melcli.errors import ConfigError
from melcli.mel.blocks import block_frames
from melcli.mel.options import FeatureOptions
from melcli.mel.scales import MelScale, hertz_to_mel, mel_to_hertz

__all__ = ["FilterBank", "linear_to_mel_weight_matrix", "mel_filters"]

# Maximum of filters times bins times frames in one product.  Above it OpenBLAS uses several threads, which takes longer
# than the work.  Groups of half or twice that size were slower or no faster.
MAX_GROUP_PRODUCTS = 2**18


def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20,
    num_spectrogram_bins: int = 129,
    sampling_rate: float = 8000,
    lower_edge_hertz: float = 125.0,
    upper_edge_hertz: float = 3800.0,
    dtype: str = "float32",
) -> np.ndarray:
    """Build the filters that convert a spectrum to the mel scale, with Keras's signature and defaults.

    Parameters
    ----------
    num_mel_bins : int
        Number of filters.
    num_spectrogram_bins : int
        Number of bins from 0 Hz to ``sampling_rate / 2``, both included, for odd FFT lengths too.
    sampling_rate, lower_edge_hertz, upper_edge_hertz : float
        Hertz.
    dtype : str
        Type of the result.

    Returns
    -------
    weights : np.ndarray [shape=(num_spectrogram_bins, num_mel_bins)]
        The maximum of a filter is 1.0; row 0 (0 Hz) is zero, since no edge may be negative.

    Raises
    ------
    ConfigError
        A number of filters or bins below 1, a sampling rate that is not above 0, edges unless
        ``0 <= lower_edge_hertz < upper_edge_hertz``, or a type that is not a floating-point type.
    """
    _check_matrix(num_mel_bins, num_spectrogram_bins, sampling_rate, lower_edge_hertz, upper_edge_hertz, dtype)
    weights = _triangles(
        np.linspace(0.0, sampling_rate / 2, num_spectrogram_bins),
        _edges_mel(lower_edge_hertz, upper_edge_hertz, num_mel_bins, "htk"),
        scale="htk",
        straight_on="mel",
    )
    transposed: np.ndarray = weights.astype(dtype).T
    return transposed


def _check_matrix(
    num_mel_bins: int,
    num_spectrogram_bins: int,
    sampling_rate: float,
    lower_edge_hertz: float,
    upper_edge_hertz: float,
    dtype: str,
) -> None:
    for name, number in (("num_mel_bins", num_mel_bins), ("num_spectrogram_bins", num_spectrogram_bins)):
        if not isinstance(number, int | np.integer) or isinstance(number, bool) or number < 1:
            raise ConfigError(f"{name}={number!r} must be an integer of 1 or more", key=name)
    if not 0 < sampling_rate < math.inf:
        raise ConfigError(f"sampling_rate={sampling_rate!r} must be above 0 and finite", key="sampling_rate")
    if not 0 <= lower_edge_hertz < upper_edge_hertz:
        raise ConfigError(
            f"lower_edge_hertz={lower_edge_hertz} must be in [0, {upper_edge_hertz}), below upper_edge_hertz",
            key="lower_edge_hertz",
        )
    if upper_edge_hertz == math.inf:
        raise ConfigError(f"upper_edge_hertz={upper_edge_hertz} must be finite", key="upper_edge_hertz")
    if not np.issubdtype(np.dtype(dtype), np.floating):
        raise ConfigError(f"dtype={dtype!r} must be a floating-point type, such as float32", key="dtype")


def mel_filters(options: FeatureOptions) -> np.ndarray:
    """Build the filters of a front end.

    In float32, the triangles are rounded before they are multiplied by Slaney's norm, and rounded again, as in
    librosa.  Only then are they bit for bit the filters that Whisper stores.

    Returns
    -------
    filters : np.ndarray [shape=(num_mel_bins, num_bins)], compute_dtype
    """
    scale = options.mel_scale
    edges_mel = _edges_mel(options.min_freq, options.upper_edge_hz, options.num_mel_bins, scale)
    bins_hz = np.linspace(0.0, options.sampling_rate / 2, options.num_bins)
    filters = _triangles(bins_hz, edges_mel, scale=scale, straight_on=options.mel_triangles)
    filters = filters.astype(options.compute_dtype)
    if options.mel_norm == "slaney":
        filters *= _slaney_norm(mel_to_hertz(edges_mel, scale))[:, np.newaxis]
    return filters


class FilterBank:
    """The filters of a front end, divided into groups of neighbors for the product with a spectrum.

    A bin is in at most two filters (three with ``hz_symmetric``), so a single dense product multiplies mostly by zeros.
    A group is a small dense product over its own range of bins.  Microseconds per frame in blocks of 128, on one core,
    in float32, for one dense product, SciPy's sparse product and the groups: 2.9, 1.2 and 0.46 with 1025 bins and 128
    filters; 0.16, 0.13 and 0.14 with 201 bins and 80 filters.

    Parameters
    ----------
    options : FeatureOptions
    """

    def __init__(self, options: FeatureOptions) -> None:
        filters = mel_filters(options)
        self._num_mel_bins = len(filters)
        self._groups = [
            (bins, mels, np.ascontiguousarray(filters[mels, bins].T))
            for bins, mels in _groups(filters, MAX_GROUP_PRODUCTS // block_frames(options))
        ]

    def __call__(self, spectrum: np.ndarray) -> np.ndarray:
        """Apply the filters to a spectrum.

        The last bit of the products depends on the number of frames in the block, as with every BLAS.

        Parameters
        ----------
        spectrum : np.ndarray [shape=(frames, num_bins)], compute_dtype

        Returns
        -------
        mels : np.ndarray [shape=(frames, num_mel_bins)], same type
        """
        mels = np.empty((len(spectrum), self._num_mel_bins), dtype=spectrum.dtype)
        for bins, filters, weights in self._groups:
            np.matmul(spectrum[:, bins], weights, out=mels[:, filters])
        return mels


def _groups(filters: np.ndarray, max_weights: int) -> Iterator[tuple[slice, slice]]:
    """Divide filters into groups of neighbors with at most ``max_weights`` weights; yield their bins and filters."""
    heard = [np.flatnonzero(weights) for weights in filters]
    spans = [(int(bins[0]), int(bins[-1]) + 1) if len(bins) else (0, 0) for bins in heard]
    first, low, high = 0, *spans[0]
    for number, (start, stop) in enumerate(spans[1:], 1):
        both = low < high and start < stop  # (0, 0) is an empty filter without bins
        lower, higher = (min(low, start), max(high, stop)) if both else (low + start, high + stop)
        if (number + 1 - first) * (higher - lower) > max_weights:
            yield slice(low, high), slice(first, number)
            first, lower, higher = number, start, stop
        low, high = lower, higher
    yield slice(low, high), slice(first, len(filters))


def _edges_mel(lower_hz: float, upper_hz: float, num_mel_bins: int, scale: MelScale) -> np.ndarray:
    """Return the edges of all filters, in mels: filter k rises from edge k to k + 1 and falls to k + 2."""
    return np.linspace(hertz_to_mel(lower_hz, scale), hertz_to_mel(upper_hz, scale), num_mel_bins + 2)


def _triangles(
    bins_hz: np.ndarray, edges_mel: np.ndarray, *, scale: MelScale, straight_on: Literal["mel", "hz", "hz_symmetric"]
) -> np.ndarray:
    """Return triangles of height 1 with straight slopes on one axis, (filters, bins) in float64."""
    bins = hertz_to_mel(bins_hz, scale) if straight_on == "mel" else bins_hz
    edges = edges_mel if straight_on == "mel" else mel_to_hertz(edges_mel, scale)
    lower, center, upper = edges[:-2, np.newaxis], edges[1:-1, np.newaxis], edges[2:, np.newaxis]
    if straight_on == "hz_symmetric":  # SpeechBrain uses the width of the left half for both
        upper = center + (center - lower)
    rising = (bins - lower) / (center - lower)
    falling = (upper - bins) / (upper - center)
    triangles: np.ndarray = np.maximum(0.0, np.minimum(rising, falling))
    return triangles


def _slaney_norm(edges_hz: np.ndarray) -> np.ndarray:
    """Return the factors that give every triangle the same area in hertz: 2 divided by its width."""
    norm: np.ndarray = 2.0 / (edges_hz[2:] - edges_hz[:-2])
    return norm
