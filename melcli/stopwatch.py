"""Measure the time of work by stage."""

from __future__ import annotations

import time
from collections import Counter

__all__ = ["STAGES", "Stopwatch"]

# In the order of work; "other" is for checking files, building rows and checksums.
STAGES = ("decode", "resample", "fft", "mel", "log", "write", "other")


class Stopwatch:
    """Adds the time since the last lap to a stage; a lap takes 0.15 us.

    Attributes
    ----------
    seconds : Counter
        Wall time by stage.
    """

    __slots__ = ("_last_s", "seconds")

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._last_s = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Add the time since the last lap to a stage."""
        now_s = time.perf_counter()
        self.seconds[stage] += now_s - self._last_s  # type: ignore[assignment]  # Counter is typed for whole numbers
        self._last_s = now_s
