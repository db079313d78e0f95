"""Explain the difference of two arrays: moved numbers, and changed values.

`explain` is pure and needs no word on which axis is time.  `melcli.compare.sentences` says the result in words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from melcli.compare.fitting import relate
from melcli.compare.layouts import Layout, candidate_layouts
from melcli.compare.relations import Range, Relation
from melcli.compare.rounding import FLOAT32_STEP

__all__ = ["Explanation", "explain"]

MOST_IN_A_SAMPLE = 64  # places along each axis that a layout is tried on first


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How B comes from A.

    Attributes
    ----------
    layout : Layout
        Where B's numbers stand.
    relation : Relation
        What was done to them.
    undetermined : bool
        The numbers fit as well with the axes exchanged, so nobody can tell.
    constants : tuple of tuple of float or None
        Each of the two is one number throughout, as a range like those of `Relation`; layout and relation then say
        nothing.
    """

    layout: Layout
    relation: Relation
    undetermined: bool = False
    constants: tuple[Range, Range] | None = None

    @property
    def changes_nothing(self) -> bool:
        """Whether the two are alike as they stand: what the relation leaves is the whole difference."""
        return self.constants is None and self.layout == Layout() and self.relation.keeps_values


def explain(a: np.ndarray, b: np.ndarray) -> Explanation | None:
    """Find what turns a into b.

    Parameters
    ----------
    a, b : np.ndarray
        Real numbers, of any two shapes.

    Returns
    -------
    Explanation or None
        None where nothing explains the difference; else the simplest of all that leave as good as equally little.  It
        `changes_nothing` where the two are equal, or as good as equal, as they stand.
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
                break  # nothing later is simpler, or better
    if not found:
        return None
    enough = 2 * min(relation.rms for _, relation in found) + noise
    good = [(layout, relation) for layout, relation in found if relation.rms <= enough]
    layout, relation = good[0]
    undetermined = any(other.transposed != layout.transposed for other, _ in good)
    return Explanation(layout=layout, relation=relation, undetermined=undetermined)


def _constants(a: np.ndarray, b: np.ndarray) -> tuple[Range, Range] | None:
    """Return the one number of each, if each holds one; of such arrays anything could be said."""
    if not (a.size and b.size and (a == a.flat[0]).all() and (b == b.flat[0]).all()):
        return None
    one_a, one_b = float(a.flat[0]), float(b.flat[0])
    return (one_a, one_a), (one_b, one_b)


def _sample(array: np.ndarray) -> np.ndarray:
    """Return an evenly spaced part, which tells most layouts to be wrong in a tenth of the time."""
    return array[tuple(slice(None, None, -(-max(length, 1) // MOST_IN_A_SAMPLE)) for length in array.shape)]
