"""Check every decoded sample: finite, silent, clipped."""

from __future__ import annotations

import math

import numpy as np

from melcli.errors import AudioError

__all__ = ["FULL_SCALE", "Scan"]

FULL_SCALE = 1 - 2**-15  # the largest positive 16-bit sample


class Scan:
    """Properties of the samples so far.

    The scan reads each block twice while it is still in cache, which takes 1 to 2 % of the time of decoding FLAC.
    Closer checks run only if they can find something.

    Parameters
    ----------
    num_channels : int

    Attributes
    ----------
    num_samples : int
        Samples per channel.
    silent : bool
        Every sample is exactly 0.
    clipped : bool
        A channel has two adjacent samples with a magnitude of at least ``1 - 2**-15``, also across two blocks.
        Recordings in 8 bits, u-law or A-law never reach that on the positive side.
    num_nonfinite : int
        Values that are NaN or infinite, over all channels.
    first_nonfinite : int
        Index of the first sample with such a value; undefined if there is none.
    """

    __slots__ = ("_ended_full", "_num_channels", "clipped", "first_nonfinite", "num_nonfinite", "num_samples", "silent")

    def __init__(self, num_channels: int) -> None:
        self.num_samples = 0
        self.silent = True
        self.clipped = False
        self.num_nonfinite = 0
        self.first_nonfinite = 0
        self._num_channels = num_channels
        self._ended_full = np.zeros((1, num_channels), bool)

    def add(self, block: np.ndarray) -> None:
        """Scan the next block, ``(samples, channels)``, with at least one sample."""
        # argmax finds NaN as max does, in a third of the time for small blocks: 2 instead of 5 us for 0.5 s at 8 kHz.
        flat = block.reshape(-1)
        peak = max(float(flat[flat.argmax()]), -float(flat[flat.argmin()]))
        if not math.isfinite(peak):
            self._count_nonfinite(block)
        self.silent = self.silent and peak == 0
        if peak >= FULL_SCALE and not self.clipped:
            full = np.concatenate([self._ended_full, np.abs(block) >= FULL_SCALE])
            self.clipped = bool((full[1:] & full[:-1]).any())
            self._ended_full = full[-1:]
        else:
            self._ended_full[:] = False
        self.num_samples += len(block)

    def refuse_nonfinite(self, sampling_rate: int) -> None:
        """Raise `AudioError` if a value was NaN or infinite: ``nonfinite``, with the time of the first one."""
        if self.num_nonfinite:
            raise AudioError(
                "nonfinite",
                f"{self.num_nonfinite:,} of {self.num_samples * self._num_channels:,} values are NaN or infinite, "
                f"the first at {self.first_nonfinite / sampling_rate:.3f} s",
            )

    def _count_nonfinite(self, block: np.ndarray) -> None:
        bad = ~np.isfinite(block)
        if not self.num_nonfinite:
            self.first_nonfinite = self.num_samples + int(bad.any(axis=1).argmax())
        self.num_nonfinite += int(bad.sum())
