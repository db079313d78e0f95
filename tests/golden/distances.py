"""What the references of the front ends answered, how far ours lie from them, and how far they may.

The goldens are in front_ends/, made by `tests.golden.make`; measured.json has the worst case of each config and its
date, written by `tests.golden.report`.  Neither needs any of the reference packages to be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from melcli.config.resolve import resolve_config
from melcli.mel import MelSpectrogram
from melcli.options import to_plain
from tests.golden.signals import front_end_clip

__all__ = [
    "MEASURED",
    "PRECISIONS",
    "UNVERIFIED",
    "Difference",
    "Golden",
    "front_end",
    "golden_configs",
    "measure",
    "measured_on",
    "read_golden",
    "read_measured",
    "remeasure",
]

FOLDER = Path(__file__).parent / "front_ends"
MEASURED = Path(__file__).parent / "measured.json"
PRECISIONS = ("float32", "float64")

# Named configs without a golden, each with the reason.
UNVERIFIED: Mapping[str, str] = {}

# What another machine may add to a figure, beside half of it: its logarithm and its FFT may round otherwise.
MORE = 1.5
HAIR = 2e-6

# A reference in float64 and ours in float64 differ by the rounding of its filters and of the stored answer to float32.
EXACT = 1e-5
FLOAT32_ROUNDING = 2.0**-24


class Difference(NamedTuple):
    """Absolute differences: the largest, the 99.9th percentile, the mean.

    In the golden's unit.  Linear values have none, so theirs are divided by the largest value of the answer.
    """

    maximum: float
    p999: float
    mean: float

    def within(self, limit: Difference) -> bool:
        """Tell whether no figure is above its limit; NaN is not within."""
        return all(figure <= most for figure, most in zip(self, limit, strict=True))

    def limit(self) -> Difference:
        """Return how far ours may lie from the reference where this was measured."""
        return Difference(*(MORE * figure + HAIR for figure in self))


@dataclass(frozen=True)
class Golden:
    """The answer of a config's reference to the clip.

    Attributes
    ----------
    config : str
    answer : np.ndarray
        float32, in the config's layout.
    about : Mapping
        ``packages`` (versions by name), ``source`` (the file with the call), ``call`` (in words), ``restated`` (the
        call was rewritten from the source), ``made_in`` (float32 or float64), ``unit``, ``samples`` (of the clip;
        None: all), ``python``, ``machine``.
    """

    config: str
    answer: np.ndarray
    about: Mapping[str, Any]

    @property
    def signal(self) -> np.ndarray:
        """What the reference was asked about."""
        return front_end_clip(self.about["samples"])

    @property
    def exact(self) -> np.ndarray | None:
        """How far ours in float64 may lie from the answer, value by value; None where it was made in float32."""
        if self.about["made_in"] != "float64":
            return None
        sizes = np.abs(self.answer.astype(np.float64))
        return (0.0 if self.is_linear else EXACT) + (EXACT if self.is_linear else FLOAT32_ROUNDING) * sizes

    @property
    def is_linear(self) -> bool:
        """Tell whether the answer is no logarithm."""
        return bool(self.about["unit"] == "linear")

    def difference(self, ours: np.ndarray) -> Difference:
        """Measure how far our features lie from the answer.

        Raises
        ------
        ValueError
            The shapes differ.
        """
        if ours.shape != self.answer.shape:
            raise ValueError(f"{self.config}: {ours.shape} is not the reference's {self.answer.shape}")
        distances = np.abs(ours.astype(np.float64) - self.answer)
        if self.is_linear:
            distances /= self.answer.max()
        return Difference(*map(float, (distances.max(), np.percentile(distances, 99.9), distances.mean())))


def golden_configs() -> list[str]:
    """Return the configs that have a golden.

    Raises
    ------
    FileNotFoundError
        None has.
    """
    names = sorted(path.stem for path in FOLDER.glob("*.npz"))
    if not names:
        raise FileNotFoundError(f"no goldens in {FOLDER}: run python -m tests.golden.make --front-ends")
    return names


@cache
def read_golden(config: str) -> Golden:
    """Read the golden of a config."""
    with np.load(FOLDER / f"{config}.npz") as stored:
        return Golden(config, stored["answer"], json.loads(str(stored["about"])))


def front_end(config: str, compute_dtype: str = "float32", **changes: Any) -> MelSpectrogram:
    """Make ours by a named config, with changed keys where a test wants to see what they do."""
    return MelSpectrogram(**{**to_plain(resolve_config(config).features), **changes, "compute_dtype": compute_dtype})


def measure(config: str, compute_dtype: str = "float32", **changes: Any) -> Difference:
    """Measure how far ours lies from the reference of a named config."""
    golden = read_golden(config)
    return golden.difference(front_end(config, compute_dtype, **changes)(golden.signal))


def read_measured(config: str, compute_dtype: str) -> Difference:
    """Read the worst case that was measured for a config."""
    return Difference(**_measured()[config][compute_dtype])


def measured_on(config: str) -> str:
    """Return the date on which a config's figures were measured."""
    return str(_measured()[config]["date"])


def remeasure(configs: Iterable[str]) -> None:
    """Measure configs again and write them to measured.json, dated today unless their figures stayed the same."""
    measured = dict(_measured()) if MEASURED.exists() else {}
    for config in configs:
        figures = {precision: _rounded(measure(config, precision)) for precision in PRECISIONS}
        if {**measured.get(config, {}), **figures} != measured.get(config):
            measured[config] = {"date": date.today().isoformat(), **figures}
    MEASURED.write_text(json.dumps(dict(sorted(measured.items())), indent=1) + "\n", encoding="utf-8")
    _measured.cache_clear()


def _rounded(difference: Difference) -> dict[str, float]:
    return {name: float(f"{figure:.1e}") for name, figure in difference._asdict().items()}


@cache
def _measured() -> Mapping[str, Any]:
    return dict(json.loads(MEASURED.read_text(encoding="utf-8")))
