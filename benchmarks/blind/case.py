"""One drawn setting: what a package makes of samples, and the same thing as a config, where there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Case"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A setting of a package.

    Attributes
    ----------
    package : str
        The package, and its function.
    arguments : dict
        What was drawn, for people.
    make : callable
        Takes samples at the file's own rate and returns features.
    features : dict or None
        Section ``features`` of a config that does the same; None where there is none.
    audio : dict
        Section ``audio`` of that config.
    why_not : str
        Why there is none.
    """

    package: str
    arguments: dict[str, Any]
    make: Callable[[np.ndarray], np.ndarray]
    features: dict[str, Any] | None
    audio: dict[str, Any] = field(default_factory=dict)
    why_not: str = ""
