"""How a reference is told: who answers for which config, from which file, in which unit."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["REFERENCES", "Compute", "Reference", "Unit", "answers_for"]

Compute = Callable[[np.ndarray], np.ndarray]
Unit = Literal["dB", "ln", "log10", "linear", "normalised"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Who answers for a config.

    Attributes
    ----------
    compute : callable
        From samples, float32 in [-1, 1), to features in the config's layout.
    packages : tuple of str
        Distributions whose versions matter; the first one is the reference, or does its arithmetic.
    source : str
        The file with the call, in a package or in a project's repository.
    unit : str
        Of the features; ``normalised`` where a mean and a standard deviation have taken the logarithm's unit away.
    made_in : "float32" or "float64"
        What the reference computes in.  The stored answer is float32 either way.
    restated : bool
        The project itself was not run: its call is written anew from its source.
    samples : int or None
        How much of the clip it is asked about, to keep the golden small; None: all.
    """

    compute: Compute
    packages: tuple[str, ...]
    source: str
    unit: Unit
    made_in: Literal["float32", "float64"]
    restated: bool
    samples: int | None

    @property
    def call(self) -> str:
        """What is called, in words."""
        return " ".join((inspect.getdoc(self.compute) or "").split())


REFERENCES: dict[str, Reference] = {}


def answers_for(
    config: str,
    *packages: str,
    source: str,
    unit: Unit,
    made_in: Literal["float32", "float64"] = "float32",
    restated: bool = False,
    samples: int | None = None,
) -> Callable[[Compute], Compute]:
    """Enter a function into `REFERENCES` as the reference of a config."""

    def enter(compute: Compute) -> Compute:
        if config in REFERENCES:
            raise ValueError(f"{config} has two references")
        REFERENCES[config] = Reference(
            compute=compute,
            packages=packages,
            source=source,
            unit=unit,
            made_in=made_in,
            restated=restated,
            samples=samples,
        )
        return compute

    return enter
