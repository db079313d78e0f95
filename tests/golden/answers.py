"""What Keras answered: the goldens, how far other numbers lie from them, and how far they may."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.golden.signals import case_signal, load_signals

__all__ = ["BACKENDS", "LIMITS_DB", "LIMITS_LINEAR", "Answers", "Distance", "limits", "read_answers", "worst_distance"]

FOLDER = Path(__file__).parent / "keras"
BACKENDS = ("numpy", "torch", "jax", "tensorflow")


class Distance(NamedTuple):
    """How far numbers lie apart: the 99.9th percentile and the maximum of the absolute differences.

    In dB for levels.  Linear values have no unit of their own, so theirs are divided by the largest value of the
    case's answer.
    """

    p999: float
    maximum: float

    def within(self, limit: Distance) -> bool:
        """Tell whether neither figure is above its limit; NaN is not."""
        return self.p999 <= limit.p999 and self.maximum <= limit.maximum


LIMITS_DB = Distance(2e-3, 1e-2)
LIMITS_LINEAR = Distance(5e-6, 1e-5)  # measured on 2026-11-22: 1.7e-6 and 2.0e-6 at worst, on four backends


@dataclass(frozen=True)
class Answers:
    """The golden of one backend.

    Attributes
    ----------
    backend : str
    made_by : Mapping of str to str
        Versions.
    settings : Mapping of str to Mapping
        By name: ``options`` (the layer's arguments), ``config`` (its own get_config), ``purpose``,
        ``cases``, and ``refused`` (cases that raised, with the exception's name).
    facts : Mapping
        What else was asked: ``weights``, ``shapes``, ``mixed_float16``.
    arrays : Mapping of str to np.ndarray
        By ``setting/case`` and ``weights/number``.
    """

    backend: str
    made_by: Mapping[str, str]
    settings: Mapping[str, Mapping[str, Any]]
    facts: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    def cases(self, setting: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield each case's signal with Keras's answer."""
        signals = load_signals()
        for case in self.settings[setting]["cases"]:
            yield case_signal(case, signals), self.arrays[f"{setting}/{case}"]

    def is_linear(self, setting: str) -> bool:
        """Tell whether the answers are no levels in dB."""
        return not self.settings[setting]["config"]["power_to_db"]


@cache
def read_answers(backend: str) -> Answers:
    """Read the golden of one backend."""
    with np.load(FOLDER / f"{backend}.npz") as stored:
        arrays = dict(stored)
    about = json.loads(str(arrays.pop("about")))
    return Answers(backend, about.pop("made_by"), about.pop("settings"), about, arrays)


def limits(answers: Answers, setting: str) -> Distance:
    """Return how far from Keras the numbers of a setting may lie."""
    return LIMITS_LINEAR if answers.is_linear(setting) else LIMITS_DB


def worst_distance(answers: Answers, setting: str, compute: Callable[[np.ndarray], np.ndarray]) -> Distance:
    """Return the worst figures over the cases of a setting: each case has a percentile of its own.

    Raises
    ------
    ValueError
        A shape differs, or the backend answered no case.
    """
    distances = []
    for signal, answer in answers.cases(setting):
        ours = compute(signal)
        if ours.shape != answer.shape:
            raise ValueError(f"{setting}: {ours.shape} is not Keras's {answer.shape}")
        difference = np.abs(ours.astype(np.float64) - answer)
        if answers.is_linear(setting):
            difference /= np.max(answer) or 1.0
        distances.append((np.percentile(difference, 99.9), difference.max()))
    return Distance(*map(float, np.max(distances, axis=0)))
