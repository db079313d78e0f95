"""Drawing values as people choose them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

__all__ = ["Draw"]

T = TypeVar("T")


class Draw:
    """A random generator that chooses from usual values.

    Parameters
    ----------
    rng : np.random.Generator
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def one(self, *values: T) -> T:
        """Return one of some values."""
        return values[int(self.rng.integers(len(values)))]

    def chance(self, share: float) -> bool:
        """Return True in a share of all calls."""
        return bool(self.rng.random() < share)

    def number(self, low: float, high: float, digits: int) -> float:
        """Return a number of so many decimals."""
        return round(float(self.rng.uniform(low, high)), digits)

    def frames(self, rate_hz: int) -> dict[str, int]:
        """Return FFT, window and stride in samples, for a rate."""
        fft = self.one(512, 1024, 2048) if rate_hz >= 16_000 else self.one(256, 512, 1024)
        window = self.one(fft, fft, fft, round(0.025 * rate_hz), fft * 3 // 4, 920, 600)
        stride = self.one(fft // 4, fft // 2, round(0.01 * rate_hz), round(0.0125 * rate_hz), round(0.02 * rate_hz))
        return {"fft": fft, "window": min(window, fft), "stride": stride}

    def band(self, rate_hz: int) -> tuple[float, float]:
        """Return the lowest and the highest edge in hertz."""
        nyquist = rate_hz / 2
        low = self.one(0.0, 0.0, 0.0, 20.0, 50.0, 60.0, 80.0, 125.0, 27.5, 32.7, 300.0)
        usual = [hz for hz in (3800.0, 4000.0, 7000.0, 7600.0, 8000.0, 10_000.0, 11_025.0, 16_000.0) if hz < nyquist]
        return low, nyquist if self.chance(0.5) or not usual else self.one(*usual)

    def mels(self, fft: int) -> int:
        """Return a number of mels that an FFT can fill."""
        return self.one(*(n for n in (26, 32, 40, 60, 64, 80, 96, 100, 128, 229) if n <= fft // 8))

    def any_of(self, weighted: Sequence[tuple[float, Any]]) -> Any:
        """Return one of some values with weights."""
        weights = np.array([weight for weight, _ in weighted])
        return weighted[int(self.rng.choice(len(weighted), p=weights / weights.sum()))][1]
