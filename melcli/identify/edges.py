"""Bands that are tried, and other edges for the filters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from melcli.identify.band_sums import Band
from melcli.identify.common_values import (
    BELOW_NYQUIST_HZ,
    CEPSTRAL_MAX_FREQS_HZ,
    CEPSTRAL_MIN_FREQS_HZ,
    COARSE_MAX_FREQS_HZ,
    COARSE_MIN_FREQS_HZ,
    MAX_FREQS_HZ,
    MIN_FREQS_HZ,
    PROBE_MAX_FREQS_HZ,
    PROBE_MIN_FREQS_HZ,
    SCALES_AND_NORMS,
    UPPER_MIN_FREQS_HZ,
    USUAL_MIN_FREQS_HZ,
)
from melcli.mel.options import FeatureOptions

__all__ = [
    "cepstral_bands",
    "coarse_bands",
    "finer_edges",
    "lower_bands",
    "lowers",
    "neighboring_edges",
    "probe_bands",
    "upper_bands",
    "uppers",
    "usual_bands",
    "usual_uppers",
]


def coarse_bands(options: FeatureOptions) -> list[Band]:
    """Return some bands on both scales, of which one overlaps most of any usual one."""
    uppers = {hz for hz in COARSE_MAX_FREQS_HZ if hz < options.sampling_rate / 2} | {options.sampling_rate / 2}
    return _bands(sorted(uppers), COARSE_MIN_FREQS_HZ)


def probe_bands(options: FeatureOptions) -> list[Band]:
    """Return the few bands that frames are compared by."""
    uppers = {hz for hz in PROBE_MAX_FREQS_HZ if hz < options.sampling_rate / 2} | {options.sampling_rate / 2}
    return _bands(sorted(uppers), PROBE_MIN_FREQS_HZ)


def usual_bands(options: FeatureOptions) -> list[Band]:
    """Return all usual bands on both scales, about 1,000."""
    return _bands(sorted(usual_uppers(options)), USUAL_MIN_FREQS_HZ)


def upper_bands(options: FeatureOptions) -> list[Band]:
    """Return all usual upper edges with some lower ones."""
    return _bands(sorted(usual_uppers(options)), sorted({*UPPER_MIN_FREQS_HZ, options.min_freq}))


def lower_bands(options: FeatureOptions) -> list[Band]:
    """Return all usual lower edges with the present upper one."""
    return _bands([options.upper_edge_hz], MIN_FREQS_HZ)


def _bands(uppers_hz: Iterable[float], lowers_hz: Iterable[float]) -> list[Band]:
    return [
        Band(lower, upper, scale, norm, "hz")
        for upper, lower, (scale, norm) in product(uppers_hz, lowers_hz, SCALES_AND_NORMS)
        if lower < upper
    ]


def cepstral_bands(options: FeatureOptions) -> list[Band]:
    """Return the commonest bands of cepstra."""
    nyquist = options.sampling_rate / 2
    uppers = {hz for hz in CEPSTRAL_MAX_FREQS_HZ if hz < nyquist} | {nyquist - 400.0, nyquist}
    return _bands(sorted(uppers), CEPSTRAL_MIN_FREQS_HZ)


def uppers(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield all usual upper edges."""
    for upper in sorted(usual_uppers(options)):
        yield {"max_freq": upper}


def lowers(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield all usual lower edges."""
    for lower in MIN_FREQS_HZ:
        yield {"min_freq": lower}


def usual_uppers(options: FeatureOptions) -> set[float]:
    """Return all usual upper edges, in hertz."""
    nyquist = options.sampling_rate / 2
    return {*(hz for hz in MAX_FREQS_HZ if hz <= nyquist), *(nyquist - below for below in BELOW_NYQUIST_HZ)}


def finer_edges(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield edges beside the present ones."""
    upper = options.upper_edge_hz
    for step in (500.0, 100.0, 20.0, 5.0, 1.0):
        for sign in (-1, 1):
            yield {"max_freq": upper + sign * step}
            yield {"min_freq": max(0.0, options.min_freq + sign * step / 5)}


def neighboring_edges(options: FeatureOptions, steps_hz: tuple[float, float]) -> Iterator[dict[str, Any]]:
    """Yield edges a step beside the present ones, the upper and the lower by a step of its own, one or both."""
    upper_step, lower_step = steps_hz
    nyquist = options.sampling_rate / 2
    for up in (-1, 0, 1):
        for low in (-1, 0, 1):
            upper = min(nyquist, options.upper_edge_hz + up * upper_step)
            yield {"max_freq": upper, "min_freq": max(0.0, options.min_freq + low * lower_step)}
