"""Empty mel filters: they contain no bin of the spectrum, or the source has no signal there.

A filter has weight strictly between its outer edges, on whatever axis its slopes are straight, so its edges alone tell
whether `melcli.mel.filters.mel_filters` has a row of zeros.  They are computed here without NumPy, which a command
that has nothing to compute does not load.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import NamedTuple

from melcli.mel.options import SIZES, FeatureOptions
from melcli.mel.scales import one_hertz_to_mel, one_mel_to_hertz

__all__ = ["empty_filters", "unheard_filters", "empty_filters_in_words", "ranges_in_words"]

# A bin as near as this to an edge is on it, relative to its frequency.  Converting to mels and back moved edges by
# up to 2e-15, and a weight that results from that alone, such as 1e-13, does not count.
ON_THE_EDGE = 1e-12
MAX_RANGES = 8


class _Support(NamedTuple):
    """Where a filter has weight, its edges not included, in parts of half the sampling rate."""

    lower: float
    upper: float

    @property
    def is_out_of_reach(self) -> bool:
        return self.lower >= 1.0

    def holds_a_bin(self, num_steps: int) -> bool:
        """Tell whether one of the bins ``0, 1 / num_steps, ..., 1`` is inside."""
        step = math.floor(self.lower * num_steps) + 1
        return step <= num_steps and step < self.upper * num_steps

    def next_num_steps(self, num_steps: int) -> int:
        """Return the number of steps at which the first bin behind an empty filter is before its end.

        With fewer steps the filter stays empty.  With this number it can still be empty: that bin may also be before
        the beginning.
        """
        step = math.floor(self.lower * num_steps) + 1
        return max(num_steps + 1, math.floor(step / self.upper) + 1)


def empty_filters(options: FeatureOptions) -> list[int]:
    """Return the numbers, from 0, of all filters that contain no bin of the spectrum."""
    num_steps = options.num_bins - 1
    return [number for number, support in enumerate(_supports(options)) if not support.holds_a_bin(num_steps)]


def unheard_filters(options: FeatureOptions, source_sampling_rate: int) -> list[int]:
    """Return the numbers of all filters that ``sampling_rate`` reaches, but nothing of a source.

    Parameters
    ----------
    options : FeatureOptions
    source_sampling_rate : int
        Hertz of the source before it was brought to ``sampling_rate``; it holds nothing above half of it.
    """
    reach = source_sampling_rate / options.sampling_rate
    supports = enumerate(_supports(options))
    return [number for number, support in supports if support.lower >= reach and not support.is_out_of_reach]


def empty_filters_in_words(options: FeatureOptions) -> str:
    """Say which filters are empty, why, and which ``fft_length`` fills them; nothing where none is."""
    supports, num_steps = _supports(options), options.num_bins - 1
    within = {number: support for number, support in enumerate(supports) if not support.is_out_of_reach}
    between = [number for number, support in within.items() if not support.holds_a_bin(num_steps)]
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


def ranges_in_words(numbers: Iterable[int]) -> str:
    """Write ascending numbers as ``0, 2 and 5 to 9``; of many ranges the first ones, and how many numbers follow."""
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
    return f"{filters} {ranges_in_words(numbers)} of {options.num_mel_bins} {are} empty"


def _remedy(fft_length: int | None, options: FeatureOptions, it: str) -> str:
    if fft_length is None:
        return f"no fft_length up to {SIZES['fft_length'][1]} fills {it}"
    # Left to itself the window would grow with the FFT, and change all that the other filters hold.
    window = f" (sequence_length={options.fft_length} keeps the window)" if options.sequence_length is None else ""
    return f"fft_length={fft_length} is the smallest that fills {it}{window}"


def _smallest(supports: Sequence[_Support], options: FeatureOptions) -> int | None:
    """Return the smallest FFT with a bin in each of these supports; it only ever leaps over lengths that have none."""
    num_steps = options.num_bins - 1
    filled = 0
    for support in cycle(sorted(supports, key=lambda support: support.upper - support.lower)):
        while not support.holds_a_bin(num_steps):
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
        _Support(lower * (1 + ON_THE_EDGE), upper * (1 - ON_THE_EDGE))
        for lower, upper in zip(edges, uppers, strict=False)
    ]


def _edges_hz(options: FeatureOptions) -> list[float]:
    """Return the edges of all filters: filter k reaches from edge k to k + 2."""
    scale = options.mel_scale
    lowest, highest = one_hertz_to_mel(options.min_freq, scale), one_hertz_to_mel(options.upper_edge_hz, scale)
    step = (highest - lowest) / (options.num_mel_bins + 1)
    return [one_mel_to_hertz(lowest + number * step, scale) for number in range(options.num_mel_bins + 2)]
