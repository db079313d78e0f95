"""The features as they are looked at: logarithms, time first, with what can be trusted of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

__all__ = ["Observation", "observations", "observe"]

# Mean over median of what is above the lowest value: levels had 0.5 to 1.4, magnitudes of speech 3 and more.
SURELY_LEVELS, SURELY_LINEAR = 1.2, 20.0
CENTRED = 2e-3  # of the deviation: how near 0 the mean of a bin is where each bin has its own mean taken off
EQUAL = 0.02  # of the largest deviation: how near each other they are where each bin is divided by its own
STILL = 1e-6  # of the range: changes below it are rounding
LEAST = 1e-30  # in place of a range of 0
FEWEST = 4  # frames that have a mean and a deviation of their own
MAX_FRAMES = 3000  # from the beginning, that are chosen from: what is looked at of a long file
QUIET = 0.3  # of the frames: the share that is passed over
LOUD = 0.45  # of the range, from the lowest value: what lies above it is taken to be free of floors and offsets


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
    normalised : "no", "mean" or "std"
        Whether each bin had its own mean taken off, and was divided by its own deviation.
    time_major : bool
        Whether time was the first axis.
    num_live_frames : int
        Frames before a tail that is all the same, as padding leaves it.
    """

    values: np.ndarray
    logs: np.ndarray
    linear: bool
    trusted: np.ndarray
    normalised: Literal["no", "mean", "std"]
    time_major: bool
    num_live_frames: int

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

    def telling_frames(self, number: int) -> np.ndarray:
        """Choose frames that say most: loud ones from all over the clip, away from its ends, where padding shows."""
        margin = max(2, self.num_live_frames // 10)
        inner = np.arange(margin, max(margin + 1, self.num_live_frames - margin))
        inner = inner[inner < self.num_live_frames][:MAX_FRAMES]
        if not len(inner):
            return np.arange(self.num_live_frames)
        heard = self.trusted[inner].mean(axis=1)
        chosen = inner[heard >= np.quantile(heard, QUIET)]
        spread: np.ndarray = chosen[np.unique(np.linspace(0, len(chosen) - 1, number).round().astype(int))]
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
    kinds = [linear for linear, possible in ((False, skew < SURELY_LINEAR), (True, skew > SURELY_LEVELS)) if possible]
    return [observe(values, time_major=time_major, linear=linear) for time_major in (False, True) for linear in kinds]


def observe(features: np.ndarray, *, time_major: bool, linear: bool = False) -> Observation:
    """Look at features in one way.

    Parameters
    ----------
    features : np.ndarray, two axes
    time_major : bool
        Whether the first axis is taken for time.
    linear : bool
        Whether the values are taken for powers or magnitudes; then none may be negative.
    """
    values = np.asarray(features, dtype=np.float64)
    values = values if time_major else values.T
    logs = np.log(np.maximum(values, values[values > 0].min())) if linear else values
    live = _num_live_frames(values)
    normalised = "no" if linear else _normalised(values[:live])
    return Observation(
        values=values,
        logs=logs,
        linear=linear,
        trusted=_above_floor(logs, normalised),
        normalised=normalised,
        time_major=time_major,
        num_live_frames=live,
    )


def _above_floor(logs: np.ndarray, normalised: str) -> np.ndarray:
    """Mark the upper part of the range, of all values or of each bin: neither floors nor offsets reach there."""
    axis = None if normalised == "no" else 0
    lowest, highest = logs.min(axis=axis), logs.max(axis=axis)
    marked: np.ndarray = logs > lowest + LOUD * (highest - lowest)
    return marked


def _normalised(values: np.ndarray) -> Literal["no", "mean", "std"]:
    deviation = values.std(axis=0)
    moving = deviation > STILL * max(LEAST, deviation.max())
    if len(values) < FEWEST or np.abs(values.mean(axis=0)).max() > CENTRED * deviation.max():
        return "no"
    return "std" if np.ptp(deviation[moving]) < EQUAL * deviation.max() else "mean"


def _num_live_frames(values: np.ndarray) -> int:
    """Count the frames before a tail of equal frames; silence at the end of a clip is such a tail too."""
    changes = np.flatnonzero(np.abs(np.diff(values, axis=0)).max(axis=1) > STILL * max(LEAST, np.ptp(values)))
    return int(changes[-1]) + 2 if len(changes) else len(values)
