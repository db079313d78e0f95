"""Check every decoded sample: finite, silent, clipped; and measure the levels."""

from __future__ import annotations

import math

import numpy as np

from melcli.audio.levels import Levels, Sums
from melcli.errors import AudioError

__all__ = ["FULL_SCALE", "Scan"]

FULL_SCALE = 1 - 2**-15  # the largest positive 16-bit sample


class Scan:
    """Properties of the samples so far: of a file, an array, or any piece of one.

    The scan reads each block four times while it is still in cache, which takes 1 to 2 % of the time of a run.  Closer
    checks run only if they can find something.

    Parameters
    ----------
    num_channels : int

    Attributes
    ----------
    num_samples : int
        Samples per channel.
    silent : bool
        Every sample is exactly 0.
    num_clipped : int
        Values with a magnitude of at least ``1 - 2**-15``, of which the sample before or after in the same channel has
        such a magnitude too, also across two blocks.  Recordings in 8 bits, u-law or A-law never reach that on the
        positive side.
    num_nonfinite : int
        Values that are NaN or infinite, over all channels.
    first_nonfinite : int
        Index of the first sample with such a value; undefined if there is none.
    """

    __slots__ = (
        *("_ended_clipped", "_ended_full", "_num_channels", "_sums", "first_nonfinite", "num_clipped"),
        *("num_nonfinite", "num_samples", "silent"),
    )

    def __init__(self, num_channels: int) -> None:
        self.num_samples = 0
        self.silent = True
        self.num_clipped = 0
        self.num_nonfinite = 0
        self.first_nonfinite = 0
        self._num_channels = num_channels
        self._sums = Sums()
        self._ended_full = self._ended_clipped = np.zeros((1, num_channels), bool)

    @property
    def clipped(self) -> bool:
        """A channel has two adjacent samples at full scale."""
        return self.num_clipped > 0

    def add(self, block: np.ndarray) -> None:
        """Scan the next block, ``(samples, channels)``, with at least one sample."""
        # argmax finds NaN as max does, in a third of the time for small blocks: 2 instead of 5 us for 0.5 s at 8 kHz.
        flat = block.reshape(-1)
        peak = max(float(flat[flat.argmax()]), -float(flat[flat.argmin()]))
        if not math.isfinite(peak):
            self._count_nonfinite(block)
        else:
            self._sums.add(flat, peak)
        self.silent = self.silent and peak == 0
        if peak >= FULL_SCALE:
            self._count_clipped(np.abs(block) >= FULL_SCALE)
        else:
            self._ended_full = self._ended_clipped = np.zeros_like(self._ended_full)
        self.num_samples += len(block)

    def levels(self) -> Levels:
        """Return the levels of at least one sample, all of them finite."""
        num_values = self.num_samples * self._num_channels
        mean, mean_square = self._sums.means(num_values)
        return Levels(
            peak=self._sums.peak,
            rms_db=round(10 * math.log10(mean_square), 3) if mean_square > 0 else None,
            clipped_fraction=float(f"{self.num_clipped / num_values:.6g}"),
            dc_offset=round(mean, 8) + 0.0 if math.isfinite(mean) else None,  # adding 0 turns -0.0 into 0.0
        )

    def _count_clipped(self, is_full: np.ndarray) -> None:
        full = np.concatenate([self._ended_full, is_full])
        pairs = full[1:] & full[:-1]  # each sample with the one before it
        self._ended_full, before = full[-1:], self._ended_clipped
        self._ended_clipped = pairs[-1:]
        if pairs.any():
            followed = pairs[:-1] | pairs[1:]
            ends = np.count_nonzero(pairs[-1]) + np.count_nonzero(pairs[:1] & ~before)
            self.num_clipped += int(np.count_nonzero(followed)) + int(ends)

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
