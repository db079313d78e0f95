"""The FFT alone, without which no mel spectrogram is: of blocks that lie windowed in the cache."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.fft

__all__ = ["BLOCKS", "bare_ffts", "fft_s", "prepared_block"]

BLOCKS = (32, 64, 128, 256)  # frames; which one is best depends on the FFT's length and the core's cache
CALLS = 8  # of one timing, since one call takes some tens of microseconds


def prepared_block(fft_length: int, num_frames: int) -> np.ndarray:
    """Return windowed noise, ``(num_frames, fft_length)`` in float32."""
    noise = np.random.default_rng(0).standard_normal((num_frames, fft_length))
    return (noise * np.hanning(fft_length)).astype(np.float32)


def bare_ffts(fft_length: int) -> dict[str, Callable[[], None]]:
    """Return a run for each size of block; `fft_s` reads their times."""

    def repeated(block: np.ndarray) -> Callable[[], None]:
        def run() -> None:
            for _ in range(CALLS):
                scipy.fft.rfft(block, axis=-1)

        return run

    return {f"rfft {size}": repeated(prepared_block(fft_length, size)) for size in BLOCKS}


def fft_s(times_s: dict[str, list[float]], num_frames: int) -> list[float]:
    """Return for each round what the FFT of so many frames takes, by the best size of block."""
    per_frame = [[time / (size * CALLS) for time in times_s[f"rfft {size}"]] for size in BLOCKS]
    return [num_frames * min(sizes) for sizes in zip(*per_frame, strict=True)]
