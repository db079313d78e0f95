"""Mel powers of many bands at once, from running sums of one spectrum.

Between two edges a filter's slope is straight, so its share of the power is a sum of the spectrum and a sum of the
spectrum times frequency. Differences of running sums give both for any edges. One band takes about 20 us, and building
its filters and multiplying by them takes several hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from melcli.mel.options import FeatureOptions
from melcli.mel.scales import MelScale, hertz_to_mel, mel_to_hertz

__all__ = ["MAX_VALUES_AT_ONCE", "Band", "BandSums"]

MAX_VALUES_AT_ONCE = 2**17  # of one block of bands: 1 MB, which stays in the cache


class Band(NamedTuple):
    """What decides the filters, beside the FFT and the number of mels."""

    lower_hz: float
    upper_hz: float
    scale: MelScale
    norm: str | None
    triangles: str

    @classmethod
    def of(cls, options: FeatureOptions) -> Band:
        """Return the band of some options."""
        return cls(options.min_freq, options.upper_edge_hz, options.mel_scale, options.mel_norm, options.mel_triangles)

    def keys(self) -> dict[str, Any]:
        """Return it as keys of a config."""
        return {
            "min_freq": self.lower_hz,
            "max_freq": self.upper_hz,
            "mel_scale": self.scale,
            "mel_norm": self.norm,
            "mel_triangles": self.triangles,
        }


class BandSums:
    """A spectrum whose mel powers can be had for any band.

    Parameters
    ----------
    spectrum : np.ndarray [shape=(frames, bins)]
        Powers or magnitudes.
    sampling_rate : int
        Hertz.
    """

    def __init__(self, spectrum: np.ndarray, sampling_rate: int) -> None:
        self._powers = np.ascontiguousarray(spectrum.T, dtype=np.float64)
        self._bins_hz = np.linspace(0.0, sampling_rate / 2, len(self._powers))
        self._above = _sums_above(self._powers)
        self._by_axis: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    @property
    def num_frames(self) -> int:
        """Frames."""
        return len(self._powers[0])

    def mels(self, bands: Sequence[Band], num_mel_bins: int) -> np.ndarray:
        """Return the mel powers of some bands.

        Parameters
        ----------
        bands : sequence of Band
        num_mel_bins : int

        Returns
        -------
        mels : np.ndarray [shape=(bands, num_mel_bins, frames)]
            In float64; what a filter with no bin gives is 0.
        """
        mels = np.empty((len(bands), num_mel_bins, self.num_frames))
        kinds: dict[tuple[MelScale, str], list[int]] = {}
        for number, band in enumerate(bands):
            kinds.setdefault((band.scale, band.triangles), []).append(number)
        for (scale, triangles), numbers in kinds.items():
            mels[numbers] = self._alike([bands[number] for number in numbers], num_mel_bins, scale, triangles)
        return mels

    def _alike(self, bands: Sequence[Band], num_mel_bins: int, scale: MelScale, triangles: str) -> np.ndarray:
        """Return the mel powers of bands on one scale with one kind of slopes."""
        lowest, highest = (
            hertz_to_mel(np.array([getattr(band, edge) for band in bands]), scale) for edge in ("lower_hz", "upper_hz")
        )
        steps = np.arange(num_mel_bins + 2) / (num_mel_bins + 1)
        edges_mel = lowest[:, np.newaxis] + (highest - lowest)[:, np.newaxis] * steps
        edges = edges_mel if triangles == "mel" else mel_to_hertz(edges_mel, scale)
        moments, bins = self._on_axis(scale if triangles == "mel" else "hz")
        at = np.searchsorted(bins, edges)
        powers, moment = _between(self._above, at), _between(moments, at)
        # A slope rises from 0 to 1 between two edges: its share of the power. The weight of the rest falls from 1 to 0.
        rising = moment
        rising -= edges[:, :-1, np.newaxis] * powers
        rising /= np.diff(edges, axis=1)[..., np.newaxis]
        if triangles == "hz_symmetric":
            mels = rising[:, :-1] + self._falling(edges, at, moments, bins)
        else:
            mels = rising[:, :-1] - rising[:, 1:]
            mels += powers[:, 1:]
        slaney = [number for number, band in enumerate(bands) if band.norm == "slaney"]
        if slaney:
            edges_hz = mel_to_hertz(edges_mel[slaney], scale) if triangles == "mel" else edges[slaney]
            mels[slaney] *= (2.0 / (edges_hz[:, 2:] - edges_hz[:, :-2]))[..., np.newaxis]
        positive: np.ndarray = np.maximum(mels, 0.0, out=mels)
        return positive

    def _falling(self, edges: np.ndarray, at: np.ndarray, moments: np.ndarray, bins: np.ndarray) -> np.ndarray:
        """Return the shares of falling slopes that are as wide as the rising ones before them."""
        centers, widths = edges[:, 1:-1], np.diff(edges, axis=1)[:, :-1]
        ends = centers + widths
        at_ends = np.searchsorted(bins, ends)
        falling: np.ndarray = ends[..., np.newaxis] * (self._above[at[:, 1:-1]] - self._above[at_ends])
        falling -= moments[at[:, 1:-1]] - moments[at_ends]
        falling /= widths[..., np.newaxis]
        return falling

    def _on_axis(self, axis: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the sums of the spectrum times frequency, and the bins, in hertz or mels."""
        if axis not in self._by_axis:
            bins = self._bins_hz if axis == "hz" else hertz_to_mel(self._bins_hz, "htk" if axis == "htk" else "slaney")
            self._by_axis[axis] = _sums_above(self._powers * bins[:, np.newaxis]), bins
        return self._by_axis[axis]


def _between(above: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the sums between neighboring edges."""
    found = above[at]
    between: np.ndarray = found[:, :-1] - found[:, 1:]
    return between


def _sums_above(values: np.ndarray) -> np.ndarray:
    """Return, for each bin, the sum of the values from there to the top, and 0 behind it.

    Spectra fall with frequency, so these sums lose less to rounding than those from below.
    """
    sums = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values[::-1], axis=0, out=sums[-2::-1])
    return sums
