"""Recognize ``log(x + eps)`` against ``log(max(x, floor))``."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np

from melcli.compare.relations import Floor, Relation

__all__ = ["fit_offset"]

NEPERS = (1.0, math.log(10.0), math.log(10.0) / 10.0)  # of a unit: ln, log10, dB
LARGEST_NEPERS = 80.0  # beyond, the powers leave float32
LEFT = 2e-4  # RMS that may be left, in nepers
AT_FLOOR = 1e-6  # of the range
LEAST_ABOVE = 0.05  # of the values lie above the floor
NOTICED = 0.01  # share of a power that the offset has to be for some values, or it explains nothing
DIGITS = 1e-3  # how near an offset has to be to a number of two digits to be taken for it


def fit_offset(a: np.ndarray, b: np.ndarray) -> Relation | None:
    """Find the offset under one of two logarithms, of which the other may have a floor.

    Parameters
    ----------
    a, b : np.ndarray, float64
        Finite values at the same places, in one dimension.

    Returns
    -------
    Relation or None
        The relation that leaves least; None where no offset explains the difference.
    """
    found = []
    for (unit_a, unit_b), swapped in product(product(NEPERS, NEPERS), (False, True)):
        with_offset, plain = (b * unit_b, a * unit_a) if swapped else (a * unit_a, b * unit_b)
        fitted = _fit(with_offset, plain)
        if fitted is None:
            continue
        eps, rms, left, has_floor = fitted
        factor, values = unit_a / unit_b, a if swapped else b
        low, depth = float(values.min()), float(np.ptp(values))
        floor = Floor(level=(low, low), depth=(depth, depth)) if has_floor else None
        relation = Relation(factors=(factor, factor), rms=rms / unit_b, left=left / unit_b)
        if swapped:
            found.append(replace(relation, eps_left=(eps, eps), floor_right=floor))
        else:
            found.append(replace(relation, eps_right=(eps, eps), floor_left=floor))
    return min(found, key=lambda relation: relation.rms, default=None)


def _fit(with_offset: np.ndarray, plain: np.ndarray) -> tuple[float, float, float, bool] | None:
    """Return the offset, what is left (RMS and maximum) and whether the plain side has a floor; all in nepers."""
    if max(np.abs(with_offset).max(), np.abs(plain).max()) > LARGEST_NEPERS:
        return None
    lowest = plain.min()
    above = plain > lowest + AT_FLOOR * np.ptp(plain)
    if above.mean() < LEAST_ABOVE:
        return None
    difference = np.exp(with_offset[above]) - np.exp(plain[above])
    quiet = plain[above] <= np.median(plain[above])  # where the difference has not lost its digits
    eps = float(np.median(difference[quiet]))
    if eps <= NOTICED * float(np.exp(plain[above].min())):
        return None
    rounded = float(f"{eps:.1e}")
    eps = rounded if abs(rounded / eps - 1) < DIGITS else eps
    rest = with_offset[above] - np.log(np.exp(plain[above]) + eps)
    rms = float(np.sqrt(np.mean(rest**2)))
    has_floor = int((~above).sum()) > 1
    # Below the floor of the one the other goes on, down to the offset alone.
    too_high = with_offset[~above] > math.log(math.exp(lowest) + eps) + 6 * LEFT
    too_low = with_offset[~above] < math.log(eps) - 6 * LEFT
    if rms > LEFT or (too_high | too_low).any():
        return None
    return eps, rms, float(np.abs(rest).max()), has_floor
