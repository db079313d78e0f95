"""Artificial features, for which only the shape and the variation matter."""

from __future__ import annotations

import numpy as np

__all__ = ["log_mels", "powers"]


def powers(num_mels: int = 40, num_frames: int = 90, seed: int = 0) -> np.ndarray:
    """Return mel powers from about 1e-9 to 1e1, float32, that vary between bins and between frames."""
    generator = np.random.default_rng(seed)
    steps = generator.normal(0.0, 1.0, (num_mels, num_frames))
    wander = np.cumsum(steps, axis=1) / 2 + np.linspace(0.0, -6.0, num_mels)[:, None]
    levels = np.clip(wander + generator.normal(0.0, 1.0, wander.shape), -20.0, 3.0)
    return np.exp(levels - seed / 2).astype(np.float32)


def log_mels(num_mels: int = 40, num_frames: int = 90, seed: int = 0) -> np.ndarray:
    """Return the logarithm of `powers`, float32."""
    return np.log(powers(num_mels, num_frames, seed))
