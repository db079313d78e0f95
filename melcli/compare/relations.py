"""Relations between the values of two arrays, as data.

The forms, from the simplest: a factor, an offset, or both, as from subtracting a mean and dividing by a standard
deviation; the same for each bin or frame separately; all of these on the squares or the logarithms of one array; a
floor that only one array has; and rounding to a narrower type.

Numbers are ranges (minimum, maximum), since one relation may describe many bins or many files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["Floor", "Function", "Range", "Relation"]

Function = Literal["", "square", "ln"]
Range = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The minimum of an array, if the other array has values below it.

    Attributes
    ----------
    level : tuple of float
        The minimum.
    depth : tuple of float
        Distance from the maximum of the array.
    """

    level: Range
    depth: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """``B = factor * function(A) + offset``, or with A and B exchanged.

    Attributes
    ----------
    function : "", "square" or "ln"
        Function that is applied first to the array on the right side.
    swapped : bool
        B is on the right side and A on the left.
    factors, offsets : tuple of float
        The same number twice, unless each bin or each file has a separate one.
    each : int or None
        The axis along which every place has a separate factor and offset.
    floor_right, floor_left : Floor or None
        The relation holds above it.
    ceiling_right, ceiling_left : float range or None
        The maximum, if the other array has values above it.
    eps_right, eps_left : float range or None
        This side is the logarithm of a power plus this number, the other that of the power alone.
    scaled_to : float range or None
        The left side reaches both ends of this range exactly, as after min-max scaling.
    scaled_from : float range or None
        The minimum and maximum of the right side before that scaling.
    rounded_right, rounded_left : str or None
        The type to which this side was rounded, if that explains the whole residual.
    rms, max_residual : float
        The residual that the relation leaves unexplained, in units of the left side: RMS and maximum.
    """

    function: Function = ""
    swapped: bool = False
    factors: Range = (1.0, 1.0)
    offsets: Range = (0.0, 0.0)
    each: int | None = None
    floor_right: Floor | None = None
    floor_left: Floor | None = None
    ceiling_right: Range | None = None
    ceiling_left: Range | None = None
    eps_right: Range | None = None
    eps_left: Range | None = None
    scaled_to: Range | None = None
    scaled_from: Range | None = None
    rounded_right: str | None = None
    rounded_left: str | None = None
    rms: float = 0.0
    max_residual: float = 0.0

    @property
    def keeps_values(self) -> bool:
        """Whether the values are unchanged, so that the residual is the whole difference."""
        return replace(self, rms=0.0, max_residual=0.0) == Relation()

    @property
    def is_rounding(self) -> bool:
        """Whether rounding explains the whole residual."""
        return self.rounded_left is not None or self.rounded_right is not None
