"""Numbers that could be known without the clip: round ones, and those of named front ends.

Any front end with a mean and a deviation agrees with features that were scaled by a statistic of the clip itself: by
its peak, its loudest level, its range.  So an explanation with a number that nobody would write says nothing about
another clip, however well it fits this one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

__all__ = ["is_knowable", "significant_digits"]

MAX_DIGITS = 3
MAX_USUAL_NUMBER_ERROR = 1e-6  # relative
MAX_UNREACHED_POWER = 1e-30  # floors below it are no floors


def is_knowable(value: Any, usual: Iterable[Any]) -> bool:
    """Return whether a number is one that people write, or one of the usual ones.

    Parameters
    ----------
    value : object
        What is no number, such as ``"max"`` or None, is always known.
    usual : iterable
        The values of named front ends.
    """
    if not isinstance(value, float) or abs(value) <= MAX_UNREACHED_POWER or not math.isfinite(value):
        return True
    if significant_digits(value) <= MAX_DIGITS or math.frexp(abs(value))[0] == 0.5:
        return True
    return any(
        isinstance(other, float) and math.isclose(value, other, rel_tol=MAX_USUAL_NUMBER_ERROR) for other in usual
    )


def significant_digits(value: float) -> int:
    """Count the digits of a number in scientific notation, up to 7."""
    return len(f"{value:.6e}".partition("e")[0].lstrip("-").replace(".", "").rstrip("0"))
