"""Refine a candidate with the real mel core, key by key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from melcli.errors import AudioError
from melcli.identify.clip import Clip
from melcli.identify.observation import Observation
from melcli.identify.variations import varied
from melcli.mel.framing import count_output_frames
from melcli.mel.log_compression import mels_to_levels
from melcli.mel.options import FeatureOptions
from melcli.mel.postprocess import cut_into_chunks, join_chunks, postprocess
from melcli.mel.spectrogram import MelSpectrogram
from melcli.options import to_plain

__all__ = ["Difference", "Settling", "linear"]

MAX_CACHED_MELS = 8  # of one clip, up to 3,000 frames each
MAX_ROUNDING_RESIDUAL = 2e-7  # of the range: a mean difference that only rounding leaves
ROUNDING_SHARE = 0.05  # of what rounding to a narrow type may change, by which equally good options differ
MAX_SHARE_OF_GAIN = 0.98  # what a difference has to fall to for a key to be changed
TAIL_SHARE = 0.02  # of the 99.9th percentile that counts beside the mean
MAX_ROUNDS = 3

# Keys that are tried together, since one of them alone makes things worse.
TOGETHER = (
    ("padding", "pad_mode", "drop_last", "pad_end"),
    ("pad_mode",),
    ("log_offset", "min_power", "top_db"),
    ("mag_floor", "mag_eps"),
    ("mean", "std", "std_ddof", "std_eps"),
    ("std_ddof", "std_eps"),
    ("window", "window_periodic"),
    ("preemphasis", "preemphasis_mode", "remove_dc_offset"),
    ("mel_scale", "mel_norm", "mel_triangles"),
    ("ref_power",),
    ("clip",),
    ("num_ceps", "cepstral_lifter", "cepstral_norm", "use_energy"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How far features lie from those that some options give, in the unit of the features.

    Attributes
    ----------
    maximum, p999, mean : float
        Of the absolute differences.
    range : float
        From the lowest to the highest of the features.
    """

    maximum: float
    p999: float
    mean: float
    range: float

    @property
    def relative(self) -> float:
        """The 99.9th percentile in parts of the range; 0 is alike."""
        return self.p999 / self.range if self.range else float(self.p999 > 0)


def linear(options: FeatureOptions) -> FeatureOptions:
    """Return the options with all that comes behind the filters taken away, time first."""
    return replace(
        options,
        power_to_db=False,
        log=None,
        top_db=None,
        min_power=1e-10,
        ref_power=1.0,
        log_offset=0.0,
        num_ceps=None,
        use_energy=False,
        cepstral_lifter=0.0,
        num_frames=None,
        mean=0.0,
        std=1.0,
        std_ddof=1,
        std_eps=0.0,
        clip=None,
        time_major=True,
    )


class Settling:
    """Holds options against features by the real core, and changes them one usual value at a time.

    Parameters
    ----------
    clip : Clip
    seen : Observation
    known : sequence of FeatureOptions
        The named configs, whose values are the usual ones.
    rounding : float
        What the features' own type rounds away, relative.
    """

    def __init__(
        self, clip: Clip, seen: Observation, known: Sequence[FeatureOptions], *, rounding: float = 0.0
    ) -> None:
        self.clip = clip
        self.seen = seen
        self.known = known
        self._distances: dict[FeatureOptions, float] = {}
        self.range = float(np.ptp(seen.values))
        self.rounding = rounding
        self._rounded = rounding * float(np.abs(seen.values).mean())
        self._mels = lru_cache(MAX_CACHED_MELS)(self._compute_mels)

    @property
    def parts(self) -> Sequence[Settling]:
        """The view of each clip by itself."""
        return [self]

    def with_clips(self, change: Callable[[Clip], Clip]) -> Settling:
        """Return the same view of other clips."""
        return Settling(change(self.clip), self.seen, self.known, rounding=self.rounding)

    def fits(self, options: FeatureOptions) -> bool:
        """Return whether options give features of this shape and orientation."""
        seen = self.seen
        return (
            options.num_features == seen.num_features
            and options.time_major == seen.time_major
            and self._count(options) == seen.num_frames
        )

    def features(self, options: FeatureOptions) -> np.ndarray | None:
        """Return what options make of the clip, time first; None where their shape is another."""
        if not self.fits(options):
            return None
        mels = self.mels(options)
        if mels is None:
            return None
        if options.use_energy:  # which is not to be had from the mels
            made = MelSpectrogram(**to_plain(options))(self.clip.at(options.sampling_rate))
        else:
            chunks = cut_into_chunks(mels.T, options)
            for chunk in chunks:
                mels_to_levels(chunk, options)
            postprocess([chunks], options)
            made = join_chunks(chunks, options)
        return self._as_stored(made if options.time_major else made.T)

    def _as_stored(self, made: np.ndarray) -> np.ndarray:
        """Return features rounded to the type of those that are explained, if it is a narrow one."""
        if self.rounding == np.finfo(np.float16).eps:
            with np.errstate(over="ignore"):
                made = made.astype(np.float16)
        return made.astype(np.float64)

    def mels(self, options: FeatureOptions) -> np.ndarray | None:
        """Return the linear mels that options make of the clip, (frames, mels); None where it is too short."""
        return self._mels(linear(options))

    def _compute_mels(self, options: FeatureOptions) -> np.ndarray | None:
        try:
            return MelSpectrogram(**to_plain(options))(self.clip.at(options.sampling_rate))
        except AudioError:
            return None

    def difference(self, options: FeatureOptions) -> Difference | None:
        """Measure options; None where the shape is another."""
        made = self.features(options)
        if made is None:
            return None
        apart = np.abs(made - self.seen.values)
        return Difference(
            maximum=float(apart.max()),
            p999=float(np.percentile(apart, 99.9)),
            mean=float(apart.mean()),
            range=self.range,
        )

    def distance(self, options: FeatureOptions | None) -> float:
        """Return the mean absolute difference and a share of the largest ones; infinite without a fit.

        A few frames at the ends change the mean, and a few quiet values the largest differences.
        """
        if options is None:
            return np.inf
        if options not in self._distances:
            difference = self.difference(options)
            found = np.inf if difference is None else difference.mean + TAIL_SHARE * difference.p999
            self._distances[options] = found
        return self._distances[options]

    def best(self, candidates: Iterable[FeatureOptions | None]) -> FeatureOptions | None:
        """Return the nearest of several, or None if none has the shape; of those as near as rounding, the first."""
        fitting = [candidate for candidate in candidates if self.distance(candidate) < np.inf]
        if not fitting:
            return None
        enough = self.enough(min(map(self.distance, fitting)))
        return next(candidate for candidate in fitting if self.distance(candidate) <= enough)

    def enough(self, least: float) -> float:
        """Return the distance up to which options are as near as others: what rounding changes."""
        return max(
            least / MAX_SHARE_OF_GAIN, least + MAX_ROUNDING_RESIDUAL * self.range + ROUNDING_SHARE * self._rounded
        )

    def settle(self, options: FeatureOptions) -> FeatureOptions:
        """Change groups of keys to usual values for as long as that brings the options nearer."""
        for _ in range(MAX_ROUNDS):
            before = options
            if self.distance(options) < MAX_ROUNDING_RESIDUAL * self.range:
                break
            for keys in self._usual(options):
                changed = varied(options, **keys)
                if self.distance(changed) < MAX_SHARE_OF_GAIN * self.distance(options):
                    options = changed or options
            if options == before:
                break
        return options

    def _usual(self, options: FeatureOptions) -> Iterator[dict[str, Any]]:
        for group in TOGETHER:
            seen = {tuple(getattr(known, key) for key in group) for known in self.known}
            for values in sorted(seen, key=repr):
                yield dict(zip(group, values, strict=True))
        # A symmetric window is a periodic one that is a sample shorter, and a last value of 0: only the frame differs.
        for length in (options.window_length - 1, options.window_length + 1):
            for periodic in (False, True):
                yield {"sequence_length": length, "window_periodic": periodic}

    def _count(self, options: FeatureOptions) -> int:
        if not self.clip.can_be_read_at(options.sampling_rate):
            return 0
        return count_output_frames(len(self.clip.at(options.sampling_rate)), options)
