"""Find spectrum and filters key by key, from the features of a few frames."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

from melcli.identify.clip import Clip
from melcli.identify.effort import Effort
from melcli.identify.observation import Observation
from melcli.identify.residual import misfit
from melcli.identify.variations import (
    CEPSTRAL,
    COARSE,
    FINE,
    Variations,
    every_usual_edge,
    nearby,
    neighboring_edges,
    neighboring_lengths,
    other_spectra,
    scales_and_edges,
    triangles,
)
from melcli.mel.filters import mel_filters
from melcli.mel.options import FeatureOptions

__all__ = ["FOUND", "Descent"]

FOUND = 3e-5  # a misfit that only rounding leaves
HOPELESS = 0.5  # a misfit after one round that no further round has been seen to mend
NEAR = 0.2  # a misfit that edges between the usual ones may still mend
CLOSE = 0.05  # a misfit that has little left to explain
BETTER = 0.995  # what a misfit has to fall to for a key to be changed
# Of the upper and the lower edge.
EDGE_STEPS_HZ = (
    (800.0, 100.0),
    (400.0, 50.0),
    (200.0, 20.0),
    (100.0, 10.0),
    (50.0, 5.0),
    (20.0, 2.0),
    (10.0, 1.0),
)
SMALL_STEPS_HZ = ((5.0, 5.0), (1.0, 1.0))
FRACTION = 5e-3  # a misfit that edges between whole hertz may leave
FRACTIONAL_STEPS_HZ = ((1.0, 1.0), (0.5, 0.5), (0.1, 0.1), (0.0, 0.1), (0.1, 0.0))
LENGTH_STEPS = (64, 16, 4, 1)  # samples of the window
MAX_STEPS = 6
MAX_ROUNDS = 6
CACHED_SPECTRA = 64  # 0.2 MB each at 1,025 bins
CACHED_FILTERS = 128  # 0.5 MB each at 128 mels of 1,025 bins; `scales_and_edges` has up to 98
SPECTRAL = (
    *("sampling_rate", "sequence_stride", "padding", "pad_mode", "drop_last", "num_samples", "pad_end", "input_scale"),
    *("fft_length", "sequence_length", "window", "window_periodic", "preemphasis", "preemphasis_mode"),
    *("remove_dc_offset", "mag_exp", "mag_floor", "mag_eps"),
)
FILTRAL = (
    *("sampling_rate", "fft_length", "num_mel_bins", "min_freq", "max_freq", "mel_scale", "mel_norm", "mel_triangles"),
)

Array = TypeVar("Array")


class Descent:
    """Goes from a guess to the nearest front end that explains some frames, changing one group of keys at a time.

    Parameters
    ----------
    clip : Clip
    seen : Observation
    frames : np.ndarray of int
        The frames that are looked at.
    effort : Effort, optional
        How much may be tried; once it is spent, nothing changes any more.
    """

    def __init__(self, clip: Clip, seen: Observation, frames: np.ndarray, effort: Effort | None = None) -> None:
        self._effort = effort or Effort()
        self._num_frames = len(frames)
        self._coarse = (*CEPSTRAL, *COARSE) if seen.cepstral else COARSE
        self._seen = seen.of(frames)
        self._powers = _kept(CACHED_SPECTRA, SPECTRAL, lambda options: clip.powers(options, frames))
        self._filters = _kept(CACHED_FILTERS, FILTRAL, mel_filters)
        self._misfits: dict[FeatureOptions, float] = {}

    def misfit(self, options: FeatureOptions | None) -> float:
        """Return how far options are from the features, 1 at most; 1 where they are illegal or have too few frames."""
        if options is None:
            return 1.0
        if options not in self._misfits:
            if self._effort.spent:
                return 1.0
            self._misfits[options] = self._measure(options)
        return self._misfits[options]

    def run(self, options: FeatureOptions) -> tuple[FeatureOptions, float]:
        """Return the best options in reach, and their misfit; what does not come near at once is given up."""
        best, least = self._run(options)
        if FOUND < least < NEAR:
            for keys in other_spectra(best):
                changed = nearby(best, keys)
                other, found = (best, least) if changed is None else self._run(changed)
                if found < BETTER * least:
                    best, least = other, found
                if least < FOUND:
                    break
        return best, least

    def _run(self, options: FeatureOptions) -> tuple[FeatureOptions, float]:
        best, least = self._round(self._coarse, options, self.misfit(options))
        if least > HOPELESS:
            return best, least
        best, least = self._rounds(self._coarse, best, least)
        if least > NEAR:
            return best, least
        every = (*self._coarse, *FINE)
        for groups in (FINE, every):
            best, least = self._rounds(groups, best, least)
            if FOUND < least < CLOSE and best.window_length < best.fft_length:
                best, least = self._resize(best, least)
            if FOUND < least < FRACTION:
                best, least = self._to_whole_hertz(*self._slide(best, least, FRACTIONAL_STEPS_HZ))
        if not FOUND < least < CLOSE:
            return best, least
        return self._to_whole_hertz(*self._rounds(every, *self._other_slopes(best, least)))

    def with_usual_edges(self, options: FeatureOptions) -> tuple[FeatureOptions, float]:
        """Return the options with the best of the commonest edges, and their misfit."""
        return self._best_of(scales_and_edges, options, self.misfit(options))

    def with_moved_edges(self, options: FeatureOptions) -> tuple[FeatureOptions, float]:
        """Return the options with the best edges in reach, and their misfit."""
        return self._slide(options, self.misfit(options), EDGE_STEPS_HZ)

    def with_any_edges(self, options: FeatureOptions) -> tuple[FeatureOptions, float]:
        """Return the options with the best of all usual edges, and their misfit.

        Sounds of few sharp lines, as music has, leave no slope that leads from other edges to the right ones.
        """
        return self._best_of(every_usual_edge, options, self.misfit(options))

    def _other_slopes(self, best: FeatureOptions, least: float) -> tuple[FeatureOptions, float]:
        """Try other filters with edges that are moved to suit them, since the slopes shift the best edges."""
        for keys in triangles(best):
            changed = nearby(best, keys)
            if changed is not None:
                moved, found = self._slide(changed, self.misfit(changed), SMALL_STEPS_HZ)
                if found < BETTER * least:
                    best, least = moved, found
        return best, least

    def _slide(
        self, best: FeatureOptions, least: float, all_steps_hz: tuple[tuple[float, float], ...]
    ) -> tuple[FeatureOptions, float]:
        """Move the edges by ever smaller steps: the misfit is smooth in them."""
        return self._repeat((partial(neighboring_edges, steps_hz=steps_hz) for steps_hz in all_steps_hz), best, least)

    def _resize(self, best: FeatureOptions, least: float) -> tuple[FeatureOptions, float]:
        """Move the length of the window by ever smaller steps."""
        return self._repeat((partial(neighboring_lengths, step=step) for step in LENGTH_STEPS), best, least)

    def _repeat(self, groups: Iterable[Variations], best: FeatureOptions, least: float) -> tuple[FeatureOptions, float]:
        """Try each group of variations for as long as it helps."""
        for group in groups:
            for _ in range(MAX_STEPS):
                before = least
                best, least = self._best_of(group, best, least)
                if least == before:
                    break
        return best, least

    def _to_whole_hertz(self, best: FeatureOptions, least: float) -> tuple[FeatureOptions, float]:
        """Try the whole hertz next to both edges: steps of 0.1 Hz end beside them."""
        edges = {key: getattr(best, key) for key in ("min_freq", "max_freq")}
        whole = {key: float(round(edge)) for key, edge in edges.items() if edge is not None}
        return self._best_of(lambda _: [whole, *({key: edge} for key, edge in whole.items())], best, least)

    def _rounds(
        self, groups: tuple[Variations, ...], best: FeatureOptions, least: float
    ) -> tuple[FeatureOptions, float]:
        for _ in range(MAX_ROUNDS):
            before = least
            best, least = self._round(groups, best, least)
            if least < FOUND or least > BETTER * before:
                break
        return best, least

    def _round(
        self, groups: tuple[Variations, ...], best: FeatureOptions, least: float
    ) -> tuple[FeatureOptions, float]:
        for group in groups:
            if least < FOUND:
                break
            best, least = self._best_of(group, best, least)
            if group is scales_and_edges and least > NEAR:
                best, least = self._slide(best, least, EDGE_STEPS_HZ)
        return best, least

    def _best_of(self, group: Variations, best: FeatureOptions, least: float) -> tuple[FeatureOptions, float]:
        for keys in group(best):
            if self._effort.spent:
                break
            changed = nearby(best, keys)
            found = self.misfit(changed)
            if changed is not None and found < BETTER * least:
                best, least = changed, found
        return best, least

    def _measure(self, options: FeatureOptions) -> float:
        self._effort.spend(self._num_frames * options.num_bins * options.num_mel_bins)
        powers = self._powers(options)
        if powers is None:
            return 1.0
        mels = powers @ self._filters(options).T + options.log_offset
        if self._seen.cepstral:  # floors change all coefficients of a frame, and in every frame
            depth = 0.0 if options.top_db is None else 10 ** (-options.top_db / 10)
            mels = np.maximum(mels, max(options.min_power, depth * float(mels.max())))
        return misfit(mels, self._seen)


def _kept(
    number: int, keys: tuple[str, ...], compute: Callable[[FeatureOptions], Array]
) -> Callable[[FeatureOptions], Array]:
    """Return ``compute`` with its last results kept; options with the same ``keys`` have the same result."""
    results: OrderedDict[tuple[Any, ...], Array] = OrderedDict()
    values = attrgetter(*keys)

    def look_up(options: FeatureOptions) -> Array:
        key = values(options)
        if key not in results:
            results[key] = compute(options)
            if len(results) > number:
                results.popitem(last=False)
        results.move_to_end(key)
        return results[key]

    return look_up
