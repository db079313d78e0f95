"""Find spectrum and filters key by key, from the features of a few frames."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np

from melcli.identify.band_sums import MAX_VALUES_AT_ONCE, Band, BandSums
from melcli.identify.clip import Clip
from melcli.identify.edges import (
    cepstral_bands,
    coarse_bands,
    lower_bands,
    neighboring_edges,
    upper_bands,
    usual_bands,
)
from melcli.identify.effort import TRIALS_PER_SPECTRUM, VALUES_PER_TRIAL, Effort
from melcli.identify.observation import Observation
from melcli.identify.residual import Target
from melcli.identify.variations import (
    CEPSTRAL,
    COARSE,
    FINE,
    Variations,
    cepstral_spectra,
    fft_lengths_of_the_window,
    nearby,
    neighboring_lengths,
    other_spectra,
    spectra,
    triangles,
)
from melcli.mel.options import FeatureOptions

__all__ = ["MAX_EXACT_MISFIT", "Descent"]

MAX_EXACT_MISFIT = 3e-5  # a misfit that only rounding leaves
MAX_MISFIT_AFTER_COARSE = 0.5  # a misfit after one round that further rounds have never repaired
# A misfit of the best upper and then the best lower edge from which all pairs are tried.
MAX_MISFIT_OF_SINGLE_EDGES = 0.3
MAX_MISFIT_TO_REFINE = 0.2  # a misfit that edges between the usual ones may still reduce
MAX_MISFIT_TO_FINISH = 0.05  # a misfit that has little left to explain
MAX_SHARE_OF_LARGE_GAIN = 0.8  # what it has to fall to for a group to help much
MAX_SHARE_OF_GAIN = 0.995  # what a misfit has to fall to for a key to be changed
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
MAX_MISFIT_OF_WHOLE_HERTZ = 5e-3  # a misfit that edges between whole hertz may leave
FRACTIONAL_STEPS_HZ = ((1.0, 1.0), (0.5, 0.5), (0.1, 0.1), (0.0, 0.1), (0.1, 0.0))
LENGTH_STEPS = (64, 16, 4, 1)  # samples of the window
MAX_STEPS = 6
MAX_ROUNDS = 6
MAX_CACHED_SPECTRA = 32  # 1 MB each at 1,025 bins

Item = TypeVar("Item")


class Descent:
    """Goes from a guess to the nearest front end that explains some frames, changing one group of keys at a time.

    Parameters
    ----------
    clip : Clip
    seen : Observation
    frames : np.ndarray of int
        The frames that are compared.
    effort : Effort, optional
        How much may be tried; once it is spent, nothing changes any more.
    """

    def __init__(self, clip: Clip, seen: Observation, frames: np.ndarray, effort: Effort | None = None) -> None:
        self._effort = effort or Effort()
        self._coarse = CEPSTRAL if seen.cepstral else COARSE
        self._clip = clip
        self._frames = frames
        self._cepstral = seen.cepstral
        self._target = Target(seen.of(frames))
        self._kept: OrderedDict[tuple[Any, ...], BandSums] = OrderedDict()
        self._misfits: dict[FeatureOptions, float] = {}

    def misfit(self, options: FeatureOptions | None) -> float:
        """Return how far options are from the features, 1 at most; 1 where they are illegal or have too few frames."""
        return self.misfits([options])[0]

    def misfits(self, many: Sequence[FeatureOptions | None]) -> list[float]:
        """Return how far several options are from the features; see `misfit`."""
        fresh = [one for one in dict.fromkeys(many) if one is not None and one not in self._misfits]
        alike: dict[Any, list[FeatureOptions]] = {}
        for one in fresh:
            key = self._clip.spectral_key(one, self._frames), one.num_mel_bins
            alike.setdefault(key, []).append(one)
        for group in alike.values():
            if self._effort.spent:
                break
            self._misfits.update(zip(group, self._measure(group).tolist(), strict=True))
        return [1.0 if one is None else self._misfits.get(one, 1.0) for one in many]

    def scan(
        self, options: FeatureOptions, bands: Sequence[Band], log_offset: float = 0.0
    ) -> tuple[FeatureOptions, float]:
        """Return the options with the best of some bands, and their misfit."""
        sums = self._sums(options)
        if sums is None or self._effort.spent or not bands:
            return options, 1.0
        floors = nearby(options, {"log_offset": log_offset}) or options
        misfits = np.concatenate(
            [
                self._measured(sums, some, [floors] * len(some))
                for some in _blocks(bands, options.num_mel_bins * sums.num_frames)
            ]
        )
        number = int(misfits.argmin())
        changed = nearby(floors, bands[number].keys())
        return (options, 1.0) if changed is None else (changed, float(misfits[number]))

    def run(self, options: FeatureOptions) -> tuple[FeatureOptions, float]:
        """Return the best options in reach, and their misfit; what does not come near at once is given up."""
        best, least = self._run(options)
        if MAX_EXACT_MISFIT < least < MAX_MISFIT_TO_REFINE:
            for keys in other_spectra(best):
                changed = nearby(best, keys)
                other, found = (best, least) if changed is None else self._run(changed)
                if found < MAX_SHARE_OF_GAIN * least:
                    best, least = other, found
                if least < MAX_EXACT_MISFIT:
                    break
        return best, least

    def _run(self, options: FeatureOptions) -> tuple[FeatureOptions, float]:
        best, least = self._steepest(options, self.misfit(options))
        if least > MAX_MISFIT_AFTER_COARSE:
            return best, least
        best, least = self._rounds(self._coarse, best, least)
        if least > MAX_MISFIT_TO_REFINE:
            return best, least
        every = (*self._coarse, *FINE)
        for groups in (FINE, every):
            best, least = self._rounds(groups, best, least)
            if MAX_EXACT_MISFIT < least < MAX_MISFIT_TO_FINISH and best.window_length < best.fft_length:
                best, least = self._resize(best, least)
            if MAX_EXACT_MISFIT < least < MAX_MISFIT_OF_WHOLE_HERTZ:
                best, least = self._to_whole_hertz(*self._slide(best, least, FRACTIONAL_STEPS_HZ))
        if not MAX_EXACT_MISFIT < least < MAX_MISFIT_TO_FINISH:
            return best, least
        return self._to_whole_hertz(*self._rounds(every, *self._other_slopes(best, least)))

    def with_usual_spectra(self, options: FeatureOptions) -> list[tuple[FeatureOptions, float]]:
        """Return the options with the commonest spectra and the best of some bands, and their misfits.

        The best spectrum of each exponent and pre-emphasis, since other bands may make up for a wrong one.
        """
        variations, bands = (cepstral_spectra, cepstral_bands) if self._cepstral else (spectra, coarse_bands)
        tried = _changed(options, variations(options))
        reached = [self.scan(changed, bands(changed), options.log_offset) for changed in tried]
        best: dict[tuple[float, float], tuple[FeatureOptions, float]] = {}
        for found, misfit in sorted([*reached, (options, self.misfit(options))], key=itemgetter(1)):
            best.setdefault((found.mag_exp, found.preemphasis), (found, misfit))
        return list(best.values())

    def with_usual_bands(self, options: FeatureOptions) -> tuple[FeatureOptions, float]:
        """Return the options with the best of all usual bands, or of others in reach, and their misfit.

        Sounds of few sharp lines, as music has, leave no slope that leads from other edges to the right ones.
        """
        best, least = options, self.misfit(options)
        for bands in (upper_bands, lower_bands, usual_bands):
            if bands is not usual_bands or least > MAX_MISFIT_OF_SINGLE_EDGES:
                best, least = min((best, least), self.scan(best, bands(best), best.log_offset), key=itemgetter(1))
        return self._slide(best, least, EDGE_STEPS_HZ) if least > MAX_MISFIT_TO_REFINE else (best, least)

    def _other_slopes(self, best: FeatureOptions, least: float) -> tuple[FeatureOptions, float]:
        """Try other filters with edges that are moved to suit them, since the slopes shift the best edges."""
        for keys in triangles(best):
            changed = nearby(best, keys)
            if changed is not None:
                moved, found = self._slide(changed, self.misfit(changed), SMALL_STEPS_HZ)
                if found < MAX_SHARE_OF_GAIN * least:
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
        """Try the whole hertz next to both edges, since steps of 0.1 Hz end beside them, under all usual FFTs."""
        edges = {key: getattr(best, key) for key in ("min_freq", "max_freq")}
        whole = {key: float(round(edge)) for key, edge in edges.items() if edge is not None}
        choices = [{}, whole, *({key: edge} for key, edge in whole.items())]
        lengths = [{}, *fft_lengths_of_the_window(best)]
        return self._best_of(lambda _: [one | other for one, other in product(lengths, choices)], best, least)

    def _steepest(self, best: FeatureOptions, least: float) -> tuple[FeatureOptions, float]:
        """Change the group that helps most, for as long as one helps much.

        In a fixed order, keys that make up for other wrong ones would be changed first.
        """
        for _ in range(MAX_STEPS):
            if least < MAX_MISFIT_TO_FINISH:
                break
            reached = [self.with_usual_bands(best)]
            for group in self._coarse:
                reached.append(self._best_of(group, best, least))
                if reached[-1][1] < MAX_EXACT_MISFIT:
                    break
            changed, found = min(reached, key=itemgetter(1))
            if found > MAX_SHARE_OF_LARGE_GAIN * least:
                break
            best, least = changed, found
        return best, least

    def _rounds(
        self, groups: tuple[Variations, ...], best: FeatureOptions, least: float
    ) -> tuple[FeatureOptions, float]:
        for _ in range(MAX_ROUNDS):
            before = least
            best, least = self._round(groups, best, least)
            if least < MAX_EXACT_MISFIT or least > MAX_SHARE_OF_GAIN * before:
                break
        return best, least

    def _round(
        self, groups: tuple[Variations, ...], best: FeatureOptions, least: float
    ) -> tuple[FeatureOptions, float]:
        if groups is self._coarse and least > MAX_MISFIT_TO_FINISH:
            best, least = min((best, least), self.with_usual_bands(best), key=itemgetter(1))
        for group in groups:
            if least < MAX_EXACT_MISFIT:
                break
            best, least = self._best_of(group, best, least)
        return best, least

    def _best_of(self, group: Variations, best: FeatureOptions, least: float) -> tuple[FeatureOptions, float]:
        if self._effort.spent:
            return best, least
        tried = _changed(best, group(best))
        misfits = self.misfits(tried)
        number = min(range(len(tried)), key=misfits.__getitem__, default=None)
        if number is not None and misfits[number] < MAX_SHARE_OF_GAIN * least:
            return tried[number], misfits[number]
        return best, least

    def _measure(self, group: Sequence[FeatureOptions]) -> np.ndarray:
        """Measure options with the same spectrum and number of mels."""
        sums = self._sums(group[0])
        if sums is None:
            return np.ones(len(group))
        blocks = _blocks(group, group[0].num_mel_bins * sums.num_frames)
        return np.concatenate([self._measured(sums, [Band.of(one) for one in some], some) for some in blocks])

    def _measured(self, sums: BandSums, bands: Sequence[Band], floors: Sequence[FeatureOptions]) -> np.ndarray:
        """Measure some bands of one spectrum, with the offsets and floors of some options."""
        mels = sums.mels(bands, floors[0].num_mel_bins)
        self._effort.spend(mels.size)
        offsets = np.array([one.log_offset for one in floors])
        if self._cepstral:
            mels, offsets = _floored(mels, offsets, floors), np.zeros(len(bands))
        return self._target.misfits(mels, offsets)

    def _sums(self, options: FeatureOptions) -> BandSums | None:
        key = self._clip.spectral_key(options, self._frames)
        if key not in self._kept:
            self._effort.spend(VALUES_PER_TRIAL * TRIALS_PER_SPECTRUM)
            powers = self._clip.powers(options, self._frames)
            if powers is None:
                return None
            self._kept[key] = BandSums(powers, options.sampling_rate)
            if len(self._kept) > MAX_CACHED_SPECTRA:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def _blocks(items: Sequence[Item], values_each: int) -> Iterator[Sequence[Item]]:
    """Yield items in blocks whose mel powers stay in the cache."""
    number = max(1, MAX_VALUES_AT_ONCE // values_each)
    for start in range(0, len(items), number):
        yield items[start : start + number]


def _changed(options: FeatureOptions, variations: Iterable[dict[str, Any]]) -> list[FeatureOptions]:
    """Return the legal ones of some variations."""
    return [changed for keys in variations if (changed := nearby(options, keys)) is not None]


def _floored(mels: np.ndarray, offsets: np.ndarray, group: Sequence[FeatureOptions]) -> np.ndarray:
    """Return mels with their offsets and floors, which change all cepstra of a frame, and those of every frame."""
    mels += offsets[:, np.newaxis, np.newaxis]
    depth = np.array([0.0 if one.top_db is None else 10 ** (-one.top_db / 10) for one in group])
    floors = np.maximum([one.min_power for one in group], depth * mels.max(axis=(1, 2)))
    floored: np.ndarray = np.maximum(mels, floors[:, np.newaxis, np.newaxis])
    return floored
