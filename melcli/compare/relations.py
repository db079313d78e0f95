"""Relations between the values of two arrays, as data.

The forms, from the simplest: a factor, an offset, both (which a subtracted mean and a divided standard deviation are);
the same for each bin or frame by itself; all of these on the squares or the logarithms of one of the arrays; a floor
that only one of them has; and rounding to a narrower type.

Numbers stand as ranges, lowest and highest, since one relation may be told of many bins, or of many files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["Floor", "Function", "Range", "Relation"]

Function = Literal["", "square", "ln"]
Range = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The lowest value of an array, where the other one goes on below it.

    Attributes
    ----------
    level : tuple of float
        The value.
    depth : tuple of float
        How far it lies below the highest value.
    """

    level: Range
    depth: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """``B = factor * function(A) + offset``, or with A and B exchanged.

    Attributes
    ----------
    function : "", "square" or "ln"
        What is done to the array on the right side first.
    swapped : bool
        B stands on the right side and A on the left.
    factors, offsets : tuple of float
        The same number twice, unless each bin or each file has its own.
    each : int or None
        The axis along which every place has a factor and an offset of its own.
    floor_right, floor_left : Floor or None
        Above it the relation holds.
    ceiling_right, ceiling_left : float range or None
        The highest value, where the other one goes on above it.
    eps_right, eps_left : float range or None
        This side is the logarithm of a power and so much more, and the other of the power alone.
    scaled_to : float range or None
        The left side reaches both ends of this range exactly, as after min-max scaling.
    scaled_from : float range or None
        The lowest and the highest value of the right side, for the same.
    rounded_right, rounded_left : str or None
        The type that this side was rounded to, if that explains all that is left.
    rms, left : float
        What the relation leaves unexplained, in units of the left side: RMS and maximum.
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
    left: float = 0.0

    @property
    def keeps_values(self) -> bool:
        """Whether it names nothing that was done to the values: what is left is all there is."""
        return replace(self, rms=0.0, left=0.0) == Relation()

    @property
    def is_rounding(self) -> bool:
        """Whether rounding explains all that is left."""
        return self.rounded_left is not None or self.rounded_right is not None
