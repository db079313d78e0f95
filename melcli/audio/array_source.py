"""Samples in an array, read in blocks like those of a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from melcli.audio.levels import Levels
from melcli.audio.rates import check_rate
from melcli.audio.scan import Scan
from melcli.errors import AudioError, ConfigError

__all__ = ["ArraySource"]

BLOCK_SAMPLES = 32_768  # over all channels, as of a file
MAX_CHANNELS = 1024  # libsndfile's limit for files


class ArraySource:
    """Samples in an array, instead of `melcli.audio.decode.AudioFile`.

    Parameters
    ----------
    samples : array_like [shape=(samples,) or (samples, channels)]
        Floating-point numbers; full scale is +-1.
    sampling_rate : int
        In Hz.
    dtype : "float32" or "float64"
        Of the blocks.

    Attributes
    ----------
    sampling_rate, num_channels, format, claimed_samples, flags, levels
        See `melcli.audio.decode.AudioFile`.

    Raises
    ------
    ConfigError
        The array is not samples: its shape, or a type that is not floating-point.
    AudioError
        ``bad_rate``, ``empty``; while it is read: ``nonfinite``.
    """

    def __init__(self, samples: ArrayLike, sampling_rate: int, *, dtype: Literal["float32", "float64"]) -> None:
        array = np.asarray(samples)
        _check_type(array)
        if array.ndim not in (1, 2):
            raise ConfigError(f"an array of shape {array.shape} must be (samples,) or (samples, channels)")
        self._array = array.reshape(len(array), -1) if len(array) else array.reshape(0, 1)
        self.num_channels = self._array.shape[1]
        if not 1 <= self.num_channels <= MAX_CHANNELS:
            raise ConfigError(
                f"an array of shape {array.shape} has {self.num_channels:,} channels: it must be (samples, channels), "
                f"with 1 to {MAX_CHANNELS:,} channels",
                hint="transpose it",
            )
        if not len(self._array):
            raise AudioError("empty", "the array holds no samples")
        check_rate(sampling_rate)
        self.sampling_rate = sampling_rate
        self.format = "array"
        self.claimed_samples: int | None = len(self._array)
        self._dtype = dtype
        self._scan = Scan(self.num_channels)

    @property
    def num_samples(self) -> int:
        """Samples read so far, per channel."""
        return self._scan.num_samples

    @property
    def flags(self) -> tuple[str, ...]:
        """``clipped`` and ``silent``, where they hold."""
        found = {"clipped": self._scan.clipped, "silent": self._scan.silent}
        return tuple(name for name, holds in found.items() if holds)

    @property
    def levels(self) -> Levels:
        """Levels of all samples; complete when `blocks` is exhausted."""
        return self._scan.levels()

    def blocks(self) -> Iterator[np.ndarray]:
        """Read to the end.

        Yields
        ------
        block : np.ndarray [shape=(samples, channels)]
            As of a file: finite, C-contiguous, the caller's own.

        Raises
        ------
        AudioError
            ``nonfinite``, at the latest after the last block.
        """
        most = max(1, BLOCK_SAMPLES // self.num_channels)
        for start in range(0, len(self._array), most):
            with np.errstate(over="ignore"):  # too large for float32: found as infinite
                block = np.array(self._array[start : start + most], dtype=self._dtype, order="C")
            self._scan.add(block)
            if not self._scan.num_nonfinite:
                yield block
        self._scan.refuse_nonfinite(self.sampling_rate)


def _check_type(array: np.ndarray) -> None:
    if np.issubdtype(array.dtype, np.floating):
        return
    if np.issubdtype(array.dtype, np.integer):
        full_scale = np.iinfo(array.dtype).max + 1
        hint = "convert it to floating point" if array.dtype.kind == "u" else f"divide it by {full_scale}"
        raise ConfigError(f"an array of {array.dtype} must be floating-point, with full scale +-1.0", hint=hint)
    raise ConfigError(f"an array of {array.dtype} must be floating-point: samples are real numbers")
