"""Layouts of one array in another: transposed, reversed, shifted, truncated, stacked.

Axes are counted in b, once axes of length 1 are left out.  Which of the two axes is time is not asked: an axis that
differs in length, or along which the numbers fit when they are moved, tells by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Layout", "candidate_layouts"]

MAX_MORE = 8  # frames that one may have more: centring an FFT of 2048 at a stride of 256 makes 8
MAX_SHIFT = 8  # frames by which one may be late where both are equally long
STEPS = (2, 3, 4)  # frames of which one is kept, or that are stacked into one


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How b's numbers stand where a's do not.

    Attributes
    ----------
    squeezed : bool
        One has an axis of length 1 that the other has not.
    transposed : bool
        b has a's second axis first.
    flipped : tuple of int
        Axes that run backwards.
    axis : int or None
        The axis along which some of a or b have no partner.
    alone_a, alone_b : tuple of int
        How many of a and of b have none, at the start and at the end of that axis.
    kept : int
        b has one of so many frames of a, along ``axis``.
    stacked : int
        b has so many frames of a in each of its own, along ``axis``.
    """

    squeezed: bool = False
    transposed: bool = False
    flipped: tuple[int, ...] = ()
    axis: int | None = None
    alone_a: tuple[int, int] = (0, 0)
    alone_b: tuple[int, int] = (0, 0)
    kept: int = 1
    stacked: int = 1

    def align(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return views of a and b in which partners stand at the same place."""
        x, y = a.squeeze(), b.squeeze()
        x = np.flip(x.T if self.transposed else x, self.flipped)
        if self.axis is not None and self.kept > 1:
            return x[(slice(None),) * self.axis + (slice(None, None, self.kept),)], y
        if self.axis is not None and self.stacked > 1:
            return _stack(x, self.axis, self.stacked), y
        return self._cut(x, self.alone_a), self._cut(y, self.alone_b)

    def in_words(self, *, time_axis: int | None) -> str:
        """Say it in a sentence without its stop; ``""`` where nothing is changed.

        Parameters
        ----------
        time_axis : int or None
            The axis of b that is time, if that is known.
        """
        said = []
        if self.transposed:
            said.append("B is A transposed")
        if self.kept > 1:
            said.append(f"B has every {_ordinal(self.kept)} frame of A")
        if self.stacked > 1:
            said.append(f"each frame of B is {self.stacked} frames of A, stacked")
        said += [f"B runs backwards along {_axis(axis, time_axis)}" for axis in self.flipped]
        if self.axis is not None and self.kept == self.stacked == 1:
            said.append(self._words_of_the_cut(self.axis, time_axis))
        if self.squeezed and not said:
            said.append("the shapes differ by axes of length 1")
        return " and ".join(said)

    def _cut(self, array: np.ndarray, alone: tuple[int, int]) -> np.ndarray:
        if self.axis is None:
            return array
        start, end = alone
        part = slice(start, array.shape[self.axis] - end)
        return array[(slice(None),) * self.axis + (part,)]

    def _words_of_the_cut(self, axis: int, time_axis: int | None) -> str:
        # That mels are more or late is known of no front end, so without a word on the axes these are frames.
        unit = "frame" if time_axis in (None, axis) else "bin"
        of_axis = f" of {_axis(axis, None)}" if time_axis is None else ""
        if any(self.alone_a) and any(self.alone_b):
            count = max(self.alone_b)
            late = "late" if self.alone_b[0] else "early"
            return f"B is {_count(count, unit)} {late}{of_axis.replace('of', 'along', 1)}"
        longer, (start, end) = ("B", self.alone_b) if any(self.alone_b) else ("A", self.alone_a)
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
    """Yield flips and cuts under which shapes of as many axes agree."""
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
    for count in range(1, min(MAX_SHIFT, length - 1) + 1):
        yield {"axis": axis, "alone_a": (0, count), "alone_b": (count, 0)}
        yield {"axis": axis, "alone_a": (count, 0), "alone_b": (0, count)}


def _other_lengths(axis: int, length_a: int, length_b: int) -> Iterator[dict[str, Any]]:
    yield from ({"axis": axis, "kept": step} for step in STEPS if -(-length_a // step) == length_b)
    more = length_b - length_a
    longer = "alone_b" if more > 0 else "alone_a"
    if min(length_a, length_b) > 0:
        # Many more are padding to a multiple or a fixed length, which is at the end, or around the middle.
        both = range(abs(more) + 1) if abs(more) <= MAX_MORE else (abs(more) // 2,)
        for start in dict.fromkeys((0, abs(more), *both)):
            yield {"axis": axis, longer: (start, abs(more) - start)}


def _stack(array: np.ndarray, axis: int, step: int) -> np.ndarray:
    """Put so many neighbors along an axis into one, one after another along the other axis."""
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
