"""From mel powers to decibels, in place."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["power_to_db", "raise_to_top_db"]

# A float64 scalar of NumPy's, so that this pass computes in float64 and rounds once: silence is -100 dB exactly.  It
# costs 0.1 us a frame of 128 mels; np.log10, which has no vectorised float32, costs 0.6 us more than np.log.
DB_PER_NEPER = np.float64(10.0 / math.log(10.0))


def power_to_db(powers: np.ndarray, *, min_power: float, ref_power: float) -> None:
    """Replace powers by ``10 log10(max(power, min_power) / max(|ref_power|, min_power))``, in place."""
    np.maximum(powers, min_power, out=powers)
    np.log(powers, out=powers)
    powers *= DB_PER_NEPER
    powers -= 10.0 * math.log10(max(abs(ref_power), min_power))


def raise_to_top_db(levels: np.ndarray, top_db: float) -> None:
    """Raise every level to at least ``top_db`` below the loudest of the whole array, in place.

    Keras takes the maximum of all that it is given in one call, so signals of one batch share one floor.
    """
    np.maximum(levels, levels.max() - levels.dtype.type(top_db), out=levels)
