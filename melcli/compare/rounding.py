"""Recognize numbers that were rounded to a type narrower than float32."""

from __future__ import annotations

import numpy as np

__all__ = ["FLOAT32_STEP", "half_steps", "narrow_type"]

FLOAT32_STEP = float(np.finfo(np.float32).eps)  # from 1 to the next number

# Bits of the fraction, and the exponent of the smallest normal number; bfloat16 is not a type of NumPy's.
_TYPES = {"uint8": (0, 0), "bfloat16": (7, -126), "float16": (10, -14)}
INTEGER_REACH = 0.6  # of rounding and truncation alike, with what the fit of a line through them adds
FEWEST_INTEGERS = 8  # different ones, to be taken for rounded numbers
_FEW = 64  # values, which are enough to tell that most arrays are of neither type


def narrow_type(values: np.ndarray) -> str | None:
    """Return the narrow type that holds all values (float64, finite) exactly: uint8, bfloat16, float16; or None."""
    for name in _TYPES:
        if _fits(values[:_FEW], name) and _fits(values, name):
            return name
    return None


def half_steps(values: np.ndarray, name: str) -> np.ndarray:
    """Return half the distance to a type's next number at each value: how far off rounding may have moved it."""
    if name == "uint8":
        return np.full_like(values, INTEGER_REACH)
    bits, lowest = _TYPES[name]
    exponents = np.where(values == 0, lowest, np.frexp(values)[1] - 1)
    steps: np.ndarray = np.ldexp(0.5, np.maximum(exponents, lowest) - bits)
    return steps


def _fits(values: np.ndarray, name: str) -> bool:
    if name == "uint8":
        few = len(values) <= _FEW
        enough = few or len(np.unique(values[:: max(1, len(values) // 4096)])) >= FEWEST_INTEGERS
        return bool(enough and (values == np.rint(values)).all() and values.min() >= 0 and values.max() <= 255)
    with np.errstate(over="ignore"):
        if name == "float16":
            return bool((values.astype(np.float16) == values).all())
        rounded = values.astype(np.float32)
    return bool((rounded == values).all() and not (rounded.view(np.uint32) & 0xFFFF).any())
