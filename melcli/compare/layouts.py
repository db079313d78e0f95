"""Layouts of one array in another: transposed, reversed, shifted, truncated, stacked.

Axes are those of b, without axes of length 1.  The time axis need not be known: an axis shows by its different length,
or because the numbers fit when they are moved along it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Layout", "candidate_layouts"]

MAX_EXTRA_FRAMES = 8  # that one array may have more: centering an FFT of 2048 at a stride of 256 adds 8
MAX_SHIFT_FRAMES = 8  # between arrays of the same length
STEPS = (2, 3, 4)  # frames of which one is kept, or that are stacked into one


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The position of b's numbers in a.

    Attributes
    ----------
    squeezed : bool
        One array has an axis of length 1 that the other lacks.
    transposed : bool
        The first axis of b is the second axis of a.
    flipped : tuple of int
        Axes that are reversed.
    axis : int or None
        The axis along which some of a or b have no partner.
    unpaired_a, unpaired_b : tuple of int
        Number of places of a and b without a partner, at the start and at the end of that axis.
    kept : int
        b has every ``kept``-th frame of a, along ``axis``.
    stacked : int
        Each frame of b consists of this number of frames of a, along ``axis``.
    """

    squeezed: bool = False
    transposed: bool = False
    flipped: tuple[int, ...] = ()
    axis: int | None = None
    unpaired_a: tuple[int, int] = (0, 0)
    unpaired_b: tuple[int, int] = (0, 0)
    kept: int = 1
    stacked: int = 1

    def align(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return views of a and b with partners at the same place."""
        x, y = a.squeeze(), b.squeeze()
        x = np.flip(x.T if self.transposed else x, self.flipped)
        if self.axis is not None and self.kept > 1:
            return x[(slice(None),) * self.axis + (slice(None, None, self.kept),)], y
        if self.axis is not None and self.stacked > 1:
            return _stack(x, self.axis, self.stacked), y
        return self._cut(x, self.unpaired_a), self._cut(y, self.unpaired_b)

    def describe(self, *, time_axis: int | None) -> str:
        """Describe the layout in a sentence without a full stop; ``""`` if nothing changes.

        Parameters
        ----------
        time_axis : int or None
            The time axis of b, if known.
        """
        said = []
        if self.transposed:
            said.append("B is A transposed")
        if self.kept > 1:
            said.append(f"B has every {_ordinal(self.kept)} frame of A")
        if self.stacked > 1:
            said.append(f"each frame of B is {self.stacked} frames of A, stacked")
        said += [f"B is reversed along {_axis(axis, time_axis)}" for axis in self.flipped]
        if self.axis is not None and self.kept == self.stacked == 1:
            said.append(self._describe_cut(self.axis, time_axis))
        if self.squeezed and not said:
            said.append("the shapes differ by axes of length 1")
        return " and ".join(said)

    def _cut(self, array: np.ndarray, unpaired: tuple[int, int]) -> np.ndarray:
        if self.axis is None:
            return array
        start, end = unpaired
        part = slice(start, array.shape[self.axis] - end)
        return array[(slice(None),) * self.axis + (part,)]

    def _describe_cut(self, axis: int, time_axis: int | None) -> str:
        # No known front end shifts mels or adds some, so without known axes these are frames.
        unit = "frame" if time_axis in (None, axis) else "bin"
        of_axis = f" of {_axis(axis, None)}" if time_axis is None else ""
        if any(self.unpaired_a) and any(self.unpaired_b):
            count = max(self.unpaired_b)
            late = "late" if self.unpaired_b[0] else "early"
            return f"B is {_count(count, unit)} {late}{of_axis.replace('of', 'along', 1)}"
        longer, (start, end) = ("B", self.unpaired_b) if any(self.unpaired_b) else ("A", self.unpaired_a)
        where = "at the end" if not start else "at the start" if not end else f"{start} at the start, {end} at the end"
        return f"{longer} has {_count(start + end, unit)} more, {where}{of_axis}"


def candidate_layouts(shape_a: tuple[int, ...], shape_b: tuple[int, ...]) -> Iterator[Layout]:
    """Yield the layouts in which two shapes can agree, the simplest first."""
    core_a, core_b = (tuple(length for length in shape if length != 1) for shape in (shape_a, shape_b))
    if len(core_a) != len(core_b) or len(core_b) > 2:
        if shape_a == shape_b:
            yield Layout()
        return
    squeezed = shape_a != shape_b and (len(shape_a), len(shape_b)) != (len(core_a), len(core_b))
    for transposed in (False, True)[: len(core_b)] or (False,):
        turned = core_a[::-1] if transposed else core_a
        for placed in _placements(turned, core_b):
            yield Layout(squeezed=squeezed, transposed=transposed, **placed)


def _placements(shape_a: tuple[int, ...], shape_b: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Yield flips and cuts with which two shapes with the same number of axes agree."""
    axes = range(len(shape_b))
    unequal = [axis for axis in axes if shape_a[axis] != shape_b[axis]]
    if not unequal:
        yield {}
        yield from ({"flipped": (axis,)} for axis in axes)
        if len(shape_b) == 2:
            yield {"flipped": (0, 1)}
        for axis in reversed(axes):
            yield from _shifts(axis, shape_b[axis])
    elif len(unequal) == 1:
        yield from _other_lengths(unequal[0], shape_a[unequal[0]], shape_b[unequal[0]])
    elif len(unequal) == len(shape_b) == 2:
        for axis, step in ((axis, step) for axis in (1, 0) for step in STEPS):
            if shape_b[1 - axis] == step * shape_a[1 - axis] and shape_b[axis] == shape_a[axis] // step > 0:
                yield {"axis": axis, "stacked": step}


def _shifts(axis: int, length: int) -> Iterator[dict[str, Any]]:
    for count in range(1, min(MAX_SHIFT_FRAMES, length - 1) + 1):
        yield {"axis": axis, "unpaired_a": (0, count), "unpaired_b": (count, 0)}
        yield {"axis": axis, "unpaired_a": (count, 0), "unpaired_b": (0, count)}


def _other_lengths(axis: int, length_a: int, length_b: int) -> Iterator[dict[str, Any]]:
    yield from ({"axis": axis, "kept": step} for step in STEPS if -(-length_a // step) == length_b)
    more = length_b - length_a
    longer = "unpaired_b" if more > 0 else "unpaired_a"
    if min(length_a, length_b) > 0:
        # More frames than that are padding to a multiple or to a fixed length, at the end or on both sides.
        both = range(abs(more) + 1) if abs(more) <= MAX_EXTRA_FRAMES else (abs(more) // 2,)
        for start in dict.fromkeys((0, abs(more), *both)):
            yield {"axis": axis, longer: (start, abs(more) - start)}


def _stack(array: np.ndarray, axis: int, step: int) -> np.ndarray:
    """Stack ``step`` neighbors along an axis into one, one after another along the other axis."""
    frames = array if axis == 0 else array.T
    whole = frames[: len(frames) // step * step].reshape(len(frames) // step, -1)
    return whole if axis == 0 else whole.T


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")


def _axis(axis: int, time_axis: int | None) -> str:
    if time_axis is None:
        return ("its first axis", "its second axis")[axis]
    return "time" if axis == time_axis else "the mel axis"


def _count(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
