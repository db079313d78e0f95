"""Explain the difference of two arrays: moved numbers, and changed values.

`explain` is pure and need not know which axis is time.  `melcli.compare.sentences` describes the result in words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from melcli.compare.fitting import relate
from melcli.compare.layouts import Layout, candidate_layouts
from melcli.compare.relations import Range, Relation
from melcli.compare.rounding import FLOAT32_STEP

__all__ = ["Explanation", "explain"]

MAX_SAMPLE_LENGTH = 64  # places along each axis on which a layout is tried first


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How B is derived from A.

    Attributes
    ----------
    layout : Layout
        The position of B's numbers in A.
    relation : Relation
        The change of the values.
    undetermined : bool
        The numbers also fit with the axes exchanged, so both layouts are possible.
    constants : tuple of tuple of float or None
        The constant values of A and B, as ranges like those of `Relation`, if each array is constant.  Layout and
        relation are then meaningless.
    """

    layout: Layout
    relation: Relation
    undetermined: bool = False
    constants: tuple[Range, Range] | None = None

    @property
    def changes_nothing(self) -> bool:
        """Whether layout and values are unchanged, so that the residual of the relation is the whole difference."""
        return self.constants is None and self.layout == Layout() and self.relation.keeps_values


def explain(a: np.ndarray, b: np.ndarray) -> Explanation | None:
    """Find the layout and the relation that turn a into b.

    Parameters
    ----------
    a, b : np.ndarray
        Real numbers, of any shapes.

    Returns
    -------
    Explanation or None
        None if nothing explains the difference; otherwise the simplest of all explanations with about the smallest
        residual.  It `changes_nothing` if the arrays are equal, or nearly equal, as they are.
    """
    constants = _constants(a, b)
    if constants is not None:
        same = constants[0] == constants[1] and a.shape == b.shape
        return Explanation(layout=Layout(), relation=Relation(), constants=None if same else constants)
    noise = FLOAT32_STEP * float(np.abs(b[np.isfinite(b)]).max(initial=0.0))
    ambiguous = b.ndim == 2 and b.shape[0] == b.shape[1]
    found: list[tuple[Layout, Relation]] = []
    for layout in candidate_layouts(a.shape, b.shape):
        x, y = layout.align(a, b)
        if relate(_sample(x), _sample(y)) is None:
            continue
        relation = relate(x, y)
        if relation is not None:
            found.append((layout, relation))
            if relation.rms <= noise and not ambiguous:
                break  # later layouts are neither simpler nor better
    if not found:
        return None
    max_rms = 2 * min(relation.rms for _, relation in found) + noise
    good = [(layout, relation) for layout, relation in found if relation.rms <= max_rms]
    layout, relation = good[0]
    undetermined = any(other.transposed != layout.transposed for other, _ in good)
    return Explanation(layout=layout, relation=relation, undetermined=undetermined)


def _constants(a: np.ndarray, b: np.ndarray) -> tuple[Range, Range] | None:
    """Return the constant values, if both arrays are constant; any relation would fit such arrays."""
    if not (a.size and b.size and (a == a.flat[0]).all() and (b == b.flat[0]).all()):
        return None
    one_a, one_b = float(a.flat[0]), float(b.flat[0])
    return (one_a, one_a), (one_b, one_b)


def _sample(array: np.ndarray) -> np.ndarray:
    """Return an evenly spaced part, which rules out most layouts in a tenth of the time."""
    return array[tuple(slice(None, None, -(-max(length, 1) // MAX_SAMPLE_LENGTH)) for length in array.shape)]
