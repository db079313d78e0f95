"""One set of features whose maker is known: what `identify` is asked about, and what it has to find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Case", "read_float32"]


def _nothing(_: Path) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Features that a package makes of an audio file, and the same thing in melcli's keys.

    Attributes
    ----------
    make : callable
        Takes the path of an audio file and returns the features as the package's user would store them.
    options : dict
        Those keys of `melcli.mel.options.FeatureOptions` that differ from their defaults.
    packages : tuple of str
        The distributions that made them, whose versions are written down.
    rate_hz : int
        Rate of the audio file; where ``sampling_rate`` differs, ``make`` resamples.
    untold : tuple of str
        Keys that the clip cannot tell, such as a floor that no value reaches; any value of theirs is right.
    measure : callable
        Takes the path too, and returns further ``options``, which hang from the audio itself.
    """

    make: Callable[[Path], np.ndarray]
    options: dict[str, Any]
    packages: tuple[str, ...]
    rate_hz: int = 16_000
    untold: tuple[str, ...] = ()
    measure: Callable[[Path], dict[str, Any]] = _nothing


def read_float32(path: Path) -> np.ndarray:
    """Read a mono file as users of torch do, full scale +-1: ``(samples,)``."""
    import soundfile

    return soundfile.read(path, dtype="float32")[0]
