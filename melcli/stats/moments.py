"""Count, mean, deviations, minimum and maximum of features, and their combination."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

__all__ = ["Moments", "fold", "moments_of"]

BLOCK_FRAMES = 1 << 15  # converted to float64 at a time, so that a day of audio takes no more memory than is stored


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """The moments of some items.

    Attributes
    ----------
    items, frames : int
        Frames that contain signal; padding does not count.
    seconds : float
        Duration of the signals.
    mean, squares, min, max : np.ndarray [shape=(features,)], float64
        Over the frames; ``squares`` is the sum of squared deviations from the mean.  Without frames, ``mean`` and
        ``squares`` are 0, ``min`` and ``max`` infinite.
    """

    items: int
    frames: int
    seconds: float
    mean: np.ndarray
    squares: np.ndarray
    min: np.ndarray
    max: np.ndarray

    def merged(self, other: Moments) -> Moments:
        """Return the moments of the items of both.

        The formula is that of Chan, Golub and LeVeque (1979), which adds no large numbers that cancel.
        """
        frames = self.frames + other.frames
        delta = other.mean - self.mean
        share = other.frames / frames if frames else 0.0
        return Moments(
            items=self.items + other.items,
            frames=frames,
            seconds=self.seconds + other.seconds,
            mean=self.mean + delta * share,
            squares=self.squares + other.squares + delta**2 * (self.frames * share),
            min=np.minimum(self.min, other.min),
            max=np.maximum(self.max, other.max),
        )

    @property
    def variance(self) -> np.ndarray:
        """Variance of each feature over the frames; divided by their number, as `numpy.var` does."""
        return self.squares / max(self.frames, 1)

    @property
    def std(self) -> np.ndarray:
        """Standard deviation of each feature; 1 for a feature that is constant, so that it can be a divisor."""
        return np.sqrt(np.where(self.min < self.max, self.variance, 1.0))

    @property
    def overall(self) -> dict[str, float]:
        """Mean, variance, min and max over all features together."""
        mean = float(self.mean.mean())
        return {
            "mean": mean,
            "variance": float(self.variance.mean() + np.square(self.mean - mean).mean()),
            "min": float(self.min.min()),
            "max": float(self.max.max()),
        }


def moments_of(features: np.ndarray, *, time_axis: int, valid_frames: int, seconds: float) -> Moments:
    """Return the moments of one item.

    Parameters
    ----------
    features : np.ndarray [shape=(features, time) or (time, features)]
    time_axis : int
    valid_frames : int
        Frames that count, from the first.
    seconds : float
    """
    frames = np.moveaxis(features, time_axis, 0)[:valid_frames]
    nothing, infinite = np.zeros(frames.shape[1]), np.full(frames.shape[1], np.inf)
    moments = Moments(items=1, frames=0, seconds=seconds, mean=nothing, squares=nothing, min=infinite, max=-infinite)
    for start in range(0, len(frames), BLOCK_FRAMES):
        block = _moments_of_block(frames[start : start + BLOCK_FRAMES].astype(np.float64))
        moments = moments.merged(block)
    return moments


def _moments_of_block(frames: np.ndarray) -> Moments:
    """Return the moments of frames that may be changed; they are of no item, and have no duration."""
    mean = frames.mean(axis=0)
    low, high = frames.min(axis=0), frames.max(axis=0)
    frames -= mean
    # The second term removes what the rounding of the mean adds.
    squares = np.square(frames).sum(axis=0) - np.square(frames.sum(axis=0)) / len(frames)
    return Moments(
        items=0, frames=len(frames), seconds=0.0, mean=mean, squares=np.maximum(squares, 0.0), min=low, max=high
    )


def fold(pairs: Iterable[tuple[str | None, Moments]]) -> dict[str | None, Moments]:
    """Merge the moments of each group, in the given order; the result depends on nothing else."""
    groups: dict[str | None, Moments] = {}
    for name, moments in pairs:
        groups[name] = groups[name].merged(moments) if name in groups else moments
    return groups
