"""Recognize numbers that were rounded to a type narrower than float32."""

from __future__ import annotations

import numpy as np

__all__ = ["FLOAT32_STEP", "half_steps", "narrow_type"]

FLOAT32_STEP = float(np.finfo(np.float32).eps)  # from 1 to the next float32

# Bits of the fraction, and exponent of the smallest normal number; NumPy has no bfloat16.
_TYPES = {"uint8": (0, 0), "bfloat16": (7, -126), "float16": (10, -14)}
INTEGER_ERROR = 0.6  # maximum error of rounding or truncation, plus that of a line fitted to such values
MIN_DISTINCT_INTEGERS = 8  # to count as rounded
_PROBE_VALUES = 64  # enough to rule out a narrow type for most arrays


def narrow_type(values: np.ndarray) -> str | None:
    """Return the type that represents all values (float64, finite) exactly: uint8, bfloat16, float16; or None."""
    for name in _TYPES:
        if _fits(values[:_PROBE_VALUES], name) and _fits(values, name):
            return name
    return None


def half_steps(values: np.ndarray, name: str) -> np.ndarray:
    """Return half the distance from each value to the next one of a type: the maximum error of rounding."""
    if name == "uint8":
        return np.full_like(values, INTEGER_ERROR)
    bits, lowest = _TYPES[name]
    exponents = np.where(values == 0, lowest, np.frexp(values)[1] - 1)
    steps: np.ndarray = np.ldexp(0.5, np.maximum(exponents, lowest) - bits)
    return steps


def _fits(values: np.ndarray, name: str) -> bool:
    if name == "uint8":
        is_probe = len(values) <= _PROBE_VALUES
        enough = is_probe or len(np.unique(values[:: max(1, len(values) // 4096)])) >= MIN_DISTINCT_INTEGERS
        return bool(enough and (values == np.rint(values)).all() and values.min() >= 0 and values.max() <= 255)
    with np.errstate(over="ignore"):
        if name == "float16":
            return bool((values.astype(np.float16) == values).all())
        rounded = values.astype(np.float32)
    return bool((rounded == values).all() and not (rounded.view(np.uint32) & 0xFFFF).any())
