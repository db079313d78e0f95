"""Mean and standard deviation for each feature, and features that are normalized with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from melcli.errors import ConfigError
from melcli.printable import printable

__all__ = ["Normalizer", "Normalizers", "from_sums"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalizer:
    """One number or one for each feature; features become ``(x - mean) / std``.

    Attributes
    ----------
    mean, std : tuple of float
        Of equal length.  All are finite, and deviations are above 0.

    Raises
    ------
    ConfigError
        The numbers break these rules.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        mean, std = np.asarray(self.mean, np.float64), np.asarray(self.std, np.float64)
        if mean.ndim != 1 or std.ndim != 1 or not len(mean):
            raise ConfigError(f"mean of shape {mean.shape} and std of shape {std.shape} must be lists of numbers")
        if len(mean) != len(std):
            raise ConfigError(f"it has {len(mean)} means, but {len(std)} standard deviations")
        if not (np.isfinite(mean).all() and np.isfinite(std).all()):
            raise ConfigError("a mean or a standard deviation is not finite")
        if not (std > 0).all():
            raise ConfigError(f"std={std.min():g} must be above 0")
        object.__setattr__(self, "mean", tuple(mean.tolist()))
        object.__setattr__(self, "std", tuple(std.tolist()))

    def apply(self, features: np.ndarray, time_axis: int) -> np.ndarray:
        """Return normalized features of the same type, computed in float64.

        Parameters
        ----------
        features : np.ndarray [shape=(features, time) or (time, features)]
        time_axis : int

        Raises
        ------
        ConfigError
            The features have another number of values per frame.
        """
        num_features = features.shape[1 - time_axis]
        if len(self.mean) not in (1, num_features):
            raise ConfigError(f"{len(self.mean)} means do not fit {num_features} features")
        shape = (1, -1) if time_axis == 0 else (-1, 1)
        mean, std = np.array(self.mean).reshape(shape), np.array(self.std).reshape(shape)
        normalized: np.ndarray = ((features - mean) / std).astype(features.dtype)
        return normalized


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalizers:
    """What a file contains.

    Attributes
    ----------
    total : Normalizer or None
        Over everything; None if the file has only groups.
    by : str or None
        The column whose values name the groups; None if it is not known.
    groups : Mapping of str to Normalizer
        One for each speaker, for example.
    """

    total: Normalizer | None = None
    by: str | None = None
    groups: Mapping[str, Normalizer] = field(default_factory=dict)

    def single(self) -> Normalizer:
        """Return the normalizer over everything.

        Raises
        ------
        ConfigError
            There are only groups.
        """
        if self.total is not None:
            return self.total
        if len(self.groups) == 1:
            return next(iter(self.groups.values()))
        first = ", ".join(printable(name) for name in list(self.groups)[:3])
        raise ConfigError(f"it has {len(self.groups)} entries ({first}, ...), not one for all files")


def from_sums(count: float, sums: Sequence[float] | np.ndarray, squares: Sequence[float] | np.ndarray) -> Normalizer:
    """Return the normalizer for sums and sums of squares over ``count`` frames.

    A variance that is 0 within rounding gives the deviation 1, so that a constant feature becomes 0.

    Raises
    ------
    ConfigError
        The sums are not statistics.
    """
    if not count > 0:
        raise ConfigError(f"a count of {count:g} frames must be above 0")
    mean = np.asarray(sums, np.float64) / count
    square = np.asarray(squares, np.float64) / count
    if mean.shape != square.shape:
        raise ConfigError(f"it has sums of shape {mean.shape}, but squares of shape {square.shape}")
    variance = square - mean**2
    if (variance < -1e-6 * square).any():
        raise ConfigError("a sum of squares is smaller than its sum allows")
    is_constant = variance <= 1e-12 * square
    return Normalizer(mean=tuple(mean.tolist()), std=tuple(np.sqrt(np.where(is_constant, 1.0, variance)).tolist()))
