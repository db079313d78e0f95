"""Recognize ``log(x + eps)`` compared with ``log(max(x, floor))``."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np

from melcli.compare.relations import Floor, Relation

__all__ = ["fit_offset"]

NEPERS = (1.0, math.log(10.0), math.log(10.0) / 10.0)  # per unit: ln, log10, dB
MAX_NEPERS = 80.0  # beyond it, the powers exceed float32
MAX_RMS_NEPERS = 2e-4  # of the residual
FLOOR_TOLERANCE = 1e-6  # of the range
MIN_SHARE_ABOVE = 0.05  # of the values, above the floor
MIN_OFFSET_SHARE = 0.01  # of the smallest power; a smaller offset explains nothing
ROUND_TOLERANCE = 1e-3  # relative: an offset this near to a number of two digits is replaced by it


def fit_offset(a: np.ndarray, b: np.ndarray) -> Relation | None:
    """Find the offset inside one of two logarithms; the other one may have a floor.

    Parameters
    ----------
    a, b : np.ndarray, float64
        Finite values at the same places, one-dimensional.

    Returns
    -------
    Relation or None
        The relation with the smallest residual; None if no offset explains the difference.
    """
    found = []
    for (unit_a, unit_b), swapped in product(product(NEPERS, NEPERS), (False, True)):
        with_offset, plain = (b * unit_b, a * unit_a) if swapped else (a * unit_a, b * unit_b)
        fitted = _fit(with_offset, plain)
        if fitted is None:
            continue
        eps, rms, max_residual, has_floor = fitted
        factor, values = unit_a / unit_b, a if swapped else b
        low, depth = float(values.min()), float(np.ptp(values))
        floor = Floor(level=(low, low), depth=(depth, depth)) if has_floor else None
        relation = Relation(factors=(factor, factor), rms=rms / unit_b, max_residual=max_residual / unit_b)
        if swapped:
            found.append(replace(relation, eps_left=(eps, eps), floor_right=floor))
        else:
            found.append(replace(relation, eps_right=(eps, eps), floor_left=floor))
    return min(found, key=lambda relation: relation.rms, default=None)


def _fit(with_offset: np.ndarray, plain: np.ndarray) -> tuple[float, float, float, bool] | None:
    """Return the offset, the residual (RMS and maximum) and whether ``plain`` has a floor; all in nepers."""
    if max(np.abs(with_offset).max(), np.abs(plain).max()) > MAX_NEPERS:
        return None
    lowest = plain.min()
    above = plain > lowest + FLOOR_TOLERANCE * np.ptp(plain)
    if above.mean() < MIN_SHARE_ABOVE:
        return None
    difference = np.exp(with_offset[above]) - np.exp(plain[above])
    quiet = plain[above] <= np.median(plain[above])  # where the difference keeps enough digits
    eps = float(np.median(difference[quiet]))
    if eps <= MIN_OFFSET_SHARE * float(np.exp(plain[above].min())):
        return None
    rounded = float(f"{eps:.1e}")
    eps = rounded if abs(rounded / eps - 1) < ROUND_TOLERANCE else eps
    residual = with_offset[above] - np.log(np.exp(plain[above]) + eps)
    rms = float(np.sqrt(np.mean(residual**2)))
    has_floor = int((~above).sum()) > 1
    # Where ``plain`` is at its floor, ``with_offset`` is between that and the offset alone.
    too_high = with_offset[~above] > math.log(math.exp(lowest) + eps) + 6 * MAX_RMS_NEPERS
    too_low = with_offset[~above] < math.log(eps) - 6 * MAX_RMS_NEPERS
    if rms > MAX_RMS_NEPERS or (too_high | too_low).any():
        return None
    return eps, rms, float(np.abs(residual).max()), has_floor
