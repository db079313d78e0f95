"""The features as the search sees them: logarithms, time first, reliable values marked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Normalized = Literal["no", "mean", "std"]

__all__ = ["Observation", "observations", "observe"]

# Mean over median of what is above the lowest value: levels had 0.5 to 1.4, magnitudes of speech 3 and more.
MIN_LINEAR_SKEW, MAX_LEVEL_SKEW = 1.2, 20.0
MAX_NEARLY_LINEAR_LEVEL = 30.0  # of ln(1 + x): x is 1e13
MAX_CENTERED_MEAN = 2e-3  # of the deviation: how near 0 the mean of a bin is where each bin has its own mean taken off
# Of the largest deviation: how near each other they are where each bin is divided by its own.
MAX_DEVIATION_SPREAD = 0.02
MIN_SHARE_OF_EQUAL_BINS = 0.5  # of the bins, that have the largest deviation where each is divided by its own
MAX_STILL_CHANGE = 1e-6  # of the range: changes below it are rounding
MIN_EXACT_POWER = 1e-6  # of the loudest power: above it single precision leaves 4 digits
MIN_ROUNDING_STEPS = 100  # of rounding: values above have 2 digits
MIN_RANGE = 1e-30  # in place of a range of 0
MAX_CEPSTRA = 40
# Correlation of neighbors: cepstra had -0.1 to 0.5, mels of all but a few chords 0.6 to 1.
MAX_CEPSTRAL_CORRELATION = 0.6
MIN_FRAMES = 4  # frames that have a mean and a deviation of their own
MAX_FRAMES = 3000  # from the beginning of a long file, of which frames are chosen
QUIET_SHARE_OF_FRAMES = 0.3  # of the frames: the share that is skipped
MIN_COUNTED_SHARE_OF_RANGE = 1e-3  # values above it are counted
MAX_SKIPPED_SHARE = 0.8  # of the values that are counted
# Of the range, from the lowest value: values above it are taken to be free of floors and offsets.
LOUD_SHARE_OF_RANGE = 0.45


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Features in one orientation.

    Attributes
    ----------
    values : np.ndarray [shape=(frames, features)], float64
        As they are.
    logs : np.ndarray [shape=(frames, features)], float64
        The same, or their natural logarithms where they are linear.
    linear : bool
        Whether they are powers or magnitudes rather than levels.
    trusted : np.ndarray [shape=(frames, features)], bool
        What is loud enough to be free of floors and offsets.
    normalized : "no", "mean" or "std"
        Whether each bin had its own mean taken off, and was divided by its own deviation.
    time_major : bool
        Whether time was the first axis.
    num_live_frames : int
        Frames before a tail that is all the same, as padding leaves it.
    cepstral : bool
        Whether the values are taken for cepstral coefficients; the first of them may be an energy, and is not trusted.
    """

    values: np.ndarray
    logs: np.ndarray
    linear: bool
    trusted: np.ndarray
    normalized: Normalized
    time_major: bool
    num_live_frames: int
    cepstral: bool = False

    @property
    def num_frames(self) -> int:
        """Frames."""
        return len(self.values)

    @property
    def num_features(self) -> int:
        """Values in a frame."""
        return len(self.values[0])

    def of(self, frames: np.ndarray) -> Observation:
        """Return some frames of it."""
        return replace(self, values=self.values[frames], logs=self.logs[frames], trusted=self.trusted[frames])

    def alike(self, features: np.ndarray) -> Observation:
        """Look at other features, ``(mels, frames)`` or turned, in the same way."""
        return observe(features, time_major=self.time_major, linear=self.linear, cepstral=self.cepstral)

    def telling_frames(self, number: int) -> np.ndarray:
        """Choose frames that say most: loud ones from all over the clip, away from its ends, where padding shows."""
        margin = max(2, self.num_live_frames // 10)
        inner = np.arange(margin, max(margin + 1, self.num_live_frames - margin))
        inner = inner[inner < self.num_live_frames][:MAX_FRAMES]
        if not len(inner):
            return np.arange(self.num_live_frames)
        heard = self.trusted[inner].mean(axis=1)
        chosen = inner[heard >= np.quantile(heard, QUIET_SHARE_OF_FRAMES)]
        spread: np.ndarray = chosen[np.unique(np.linspace(0, len(chosen) - 1, number).round().astype(int))]
        if self.cepstral:  # the loudest frame says where the floor is
            spread = np.union1d(spread, inner[self.values[inner, 0].argmax()])
        return spread


def observations(features: np.ndarray) -> list[Observation]:
    """Look at features in every way that they may be meant: either axis time, linear values or levels.

    Parameters
    ----------
    features : np.ndarray, two axes
    """
    values = np.asarray(features, dtype=np.float64)
    above = values[values > values.min()]
    skew = float(above.mean() / np.median(above)) if values.min() >= 0 and len(above) else 0.0
    # Beside an offset of 1, levels are nearly linear: no skew rules them out.
    levels = skew < MAX_LEVEL_SKEW or float(values.max()) < MAX_NEARLY_LINEAR_LEVEL
    kinds = [linear for linear, possible in ((True, skew > MIN_LINEAR_SKEW), (False, levels)) if possible]
    found = [observe(values, time_major=time_major, linear=linear) for time_major in (False, True) for linear in kinds]
    return found + [
        observe(values, time_major=time_major, cepstral=True)
        for time_major in (False, True)
        if may_be_cepstra(values if time_major else values.T)
    ]


def may_be_cepstra(values: np.ndarray) -> bool:
    """Return whether neighboring features move so independently of each other as cepstral coefficients do.

    Parameters
    ----------
    values : np.ndarray [shape=(frames, features)]
    """
    if not values.min() < 0 or len(values[0]) > MAX_CEPSTRA:
        return False
    centered = values - values.mean(axis=0)
    deviation = centered.std(axis=0)
    moving = deviation > MAX_STILL_CHANGE * max(MIN_RANGE, deviation.max())
    both = moving[1:] & moving[:-1]
    if not both.any():
        return False
    common = (centered[:, 1:] * centered[:, :-1]).mean(axis=0)[both]
    return float(np.median(common / (deviation[1:] * deviation[:-1])[both])) < MAX_CEPSTRAL_CORRELATION


def observe(features: np.ndarray, *, time_major: bool, linear: bool = False, cepstral: bool = False) -> Observation:
    """Look at features in one way.

    Parameters
    ----------
    features : np.ndarray, two axes
    time_major : bool
        Whether the first axis is taken for time.
    linear : bool
        Whether the values are taken for powers or magnitudes; then none may be negative.
    cepstral : bool
        Whether the values are taken for cepstral coefficients.
    """
    values = np.asarray(features, dtype=np.float64)
    values = values if time_major else values.T
    logs = np.log(np.maximum(values, values[values > 0].min())) if linear else values
    live = _num_live_frames(values)
    # A tail of equal frames may have been there before the mean was taken off, or have been appended afterwards.
    both = (_normalized(values), _normalized(values[:live]))
    normalized: Normalized = "no" if linear else "std" if cepstral else next((one for one in both if one != "no"), "no")
    return Observation(
        values=values,
        logs=logs,
        linear=linear,
        trusted=_in_loud_frames(values) if cepstral else _exact(values) if linear else _above_floor(logs, normalized),
        normalized=normalized,
        time_major=time_major,
        num_live_frames=live,
        cepstral=cepstral,
    )


def _exact(values: np.ndarray) -> np.ndarray:
    """Mark linear values that rounding in the spectrum, or in ``log10(1 + x)``, has left their digits."""
    least = values[values > 0].min()
    steps = values / least
    quantum = least if np.abs(steps - steps.round())[steps < MIN_ROUNDING_STEPS].max(initial=0.0) < 0.01 else 0.0
    marked: np.ndarray = values > max(MIN_EXACT_POWER * values.max(), MIN_ROUNDING_STEPS * quantum)
    return marked


def _in_loud_frames(values: np.ndarray) -> np.ndarray:
    """Mark all coefficients but the first, where the first is not low: it follows the level, or is the energy."""
    marked: np.ndarray = np.repeat(
        (values[:, :1] > np.quantile(values[:, 0], QUIET_SHARE_OF_FRAMES)), len(values[0]), axis=1
    )
    marked[:, 0] = False
    return marked


def _above_floor(logs: np.ndarray, normalized: str) -> np.ndarray:
    """Mark the upper part of the range, of all values or of each bin: neither floors nor offsets reach there."""
    axis = None if normalized == "no" else 0
    lowest, highest = logs.min(axis=axis), logs.max(axis=axis)
    limit = lowest + LOUD_SHARE_OF_RANGE * (highest - lowest)
    if normalized == "no":
        # Beside an offset of 1 levels are nearly linear: hardly any are in the upper part of the range.
        above = logs[logs > lowest + MIN_COUNTED_SHARE_OF_RANGE * (highest - lowest)]
        limit = min(limit, np.quantile(above, MAX_SKIPPED_SHARE)) if len(above) else limit
    marked: np.ndarray = logs > limit
    return marked


def _normalized(values: np.ndarray) -> Normalized:
    deviation = values.std(axis=0)
    moving = deviation > MAX_STILL_CHANGE * max(MIN_RANGE, deviation.max())
    if len(values) < MIN_FRAMES or np.abs(values.mean(axis=0)).max() > MAX_CENTERED_MEAN * deviation.max():
        return "no"
    equal = (
        deviation[moving] > (1 - MAX_DEVIATION_SPREAD) * deviation.max()
    )  # those of quiet bins are lower if std_eps was added
    return "std" if equal.mean() >= MIN_SHARE_OF_EQUAL_BINS else "mean"


def _num_live_frames(values: np.ndarray) -> int:
    """Count the frames before a tail of equal frames; silence at the end of a clip is such a tail too."""
    changes = np.flatnonzero(
        np.abs(np.diff(values, axis=0)).max(axis=1) > MAX_STILL_CHANGE * max(MIN_RANGE, np.ptp(values))
    )
    return int(changes[-1]) + 2 if len(changes) else len(values)
