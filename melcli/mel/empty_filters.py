"""Empty mel filters: filters without a bin of the spectrum, or above the bandwidth of the source.

A filter has weight strictly between its outer edges, whatever the axis on which its slopes are straight.  So its edges
determine whether `melcli.mel.filters.mel_filters` has a row of zeros.  They are computed here without NumPy, which a
command that computes nothing does not load.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import NamedTuple

from melcli.mel.options import SIZES, FeatureOptions
from melcli.mel.scales import one_hertz_to_mel, one_mel_to_hertz

__all__ = ["empty_filters", "filters_above_source", "describe_empty_filters", "format_ranges"]

# Relative to its frequency, a bin this near to an edge is on it.  Converting to mels and back moved edges by up to
# 2e-15, and a weight that results only from that, such as 1e-13, does not count.
EDGE_TOLERANCE = 1e-12
MAX_RANGES = 8


class _Support(NamedTuple):
    """The open interval in which a filter has weight, as a fraction of half the sampling rate."""

    lower: float
    upper: float

    @property
    def is_above_nyquist(self) -> bool:
        return self.lower >= 1.0

    def contains_bin(self, num_steps: int) -> bool:
        """Return whether one of the bins ``0, 1 / num_steps, ..., 1`` is inside."""
        step = math.floor(self.lower * num_steps) + 1
        return step <= num_steps and step < self.upper * num_steps

    def next_num_steps(self, num_steps: int) -> int:
        """Return a number of steps with which the next bin after the start of an empty filter is below its end.

        With fewer steps the filter stays empty.  With this number it may still be empty, because that bin may
        then be below its start too.
        """
        step = math.floor(self.lower * num_steps) + 1
        return max(num_steps + 1, math.floor(step / self.upper) + 1)


def empty_filters(options: FeatureOptions) -> list[int]:
    """Return the numbers, from 0, of all filters that contain no bin of the spectrum."""
    num_steps = options.num_bins - 1
    return [number for number, support in enumerate(_supports(options)) if not support.contains_bin(num_steps)]


def filters_above_source(options: FeatureOptions, source_sampling_rate: int) -> list[int]:
    """Return the numbers of all filters below half of ``sampling_rate`` that are above half of the source's rate.

    Parameters
    ----------
    options : FeatureOptions
    source_sampling_rate : int
        Sampling rate of the source before resampling, in hertz; it has no signal above half of that.
    """
    reach = source_sampling_rate / options.sampling_rate
    supports = enumerate(_supports(options))
    return [number for number, support in supports if support.lower >= reach and not support.is_above_nyquist]


def describe_empty_filters(options: FeatureOptions) -> str:
    """Describe which filters are empty, why, and which ``fft_length`` fills them; empty if no filter is."""
    supports, num_steps = _supports(options), options.num_bins - 1
    within = {number: support for number, support in enumerate(supports) if not support.is_above_nyquist}
    between = [number for number, support in within.items() if not support.contains_bin(num_steps)]
    beyond = [number for number in range(len(supports)) if number not in within]
    said = []
    if beyond:
        they_are = "it is" if len(beyond) == 1 else "they are"
        limit = f"{options.sampling_rate / 2:g} Hz, half of sampling_rate={options.sampling_rate}"
        said.append(f"{_are_empty(beyond, options)}: {they_are} above {limit}")
    if between:
        it = "it" if len(between) == 1 else "them"
        said.append(f"{_are_empty(between, options)}: no bin is inside {it} at fft_length={options.fft_length}")
        said.append(_remedy(_smallest(list(within.values()), options), options, it))
    return "; ".join(said)


def format_ranges(numbers: Iterable[int]) -> str:
    """Format ascending numbers like ``0, 2 and 5 to 9``; abbreviate many ranges with the number of omitted ones."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [part for run in runs for part in ([run] if len(run) > 2 else [[number] for number in run])]
    shown = [str(part[0]) if len(part) == 1 else f"{part[0]} to {part[-1]}" for part in parts]
    if len(parts) > MAX_RANGES:
        left = sum(map(len, parts[MAX_RANGES - 1 :]))
        shown = [*shown[: MAX_RANGES - 1], f"{left:,} more"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def _are_empty(numbers: list[int], options: FeatureOptions) -> str:
    filters, are = ("filter", "is") if len(numbers) == 1 else ("filters", "are")
    return f"{filters} {format_ranges(numbers)} of {options.num_mel_bins} {are} empty"


def _remedy(fft_length: int | None, options: FeatureOptions, it: str) -> str:
    if fft_length is None:
        return f"no fft_length up to {SIZES['fft_length'][1]} fills {it}"
    # By default the window would grow with the FFT, which would change the values of all other filters.
    window = f" (sequence_length={options.fft_length} keeps the window)" if options.sequence_length is None else ""
    return f"fft_length={fft_length} is the smallest that fills {it}{window}"


def _smallest(supports: Sequence[_Support], options: FeatureOptions) -> int | None:
    """Return the smallest FFT with a bin inside each of these supports; lengths without one are skipped."""
    num_steps = options.num_bins - 1
    filled = 0
    for support in cycle(sorted(supports, key=lambda support: support.upper - support.lower)):
        while not support.contains_bin(num_steps):
            num_steps, filled = support.next_num_steps(num_steps), 0
            if num_steps > SIZES["fft_length"][1] // 2:
                return None
        filled += 1
        if filled >= len(supports):
            break
    return options.fft_length if num_steps == options.num_bins - 1 else 2 * num_steps


def _supports(options: FeatureOptions) -> list[_Support]:
    edges = [edge_hz / (options.sampling_rate / 2) for edge_hz in _edges_hz(options)]
    centers, uppers = edges[1:-1], edges[2:]
    if options.mel_triangles == "hz_symmetric":
        uppers = [2 * center - lower for lower, center in zip(edges, centers, strict=False)]
    return [
        _Support(lower * (1 + EDGE_TOLERANCE), upper * (1 - EDGE_TOLERANCE))
        for lower, upper in zip(edges, uppers, strict=False)
    ]


def _edges_hz(options: FeatureOptions) -> list[float]:
    """Return the edges of all filters: filter k extends from edge k to k + 2."""
    scale = options.mel_scale
    lowest, highest = one_hertz_to_mel(options.min_freq, scale), one_hertz_to_mel(options.upper_edge_hz, scale)
    step = (highest - lowest) / (options.num_mel_bins + 1)
    return [one_mel_to_hertz(lowest + number * step, scale) for number in range(options.num_mel_bins + 2)]
