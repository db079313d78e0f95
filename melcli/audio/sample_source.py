"""What `melcli.audio.load.AudioStream` reads: a file, a part of a recording, or an array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from melcli.audio.levels import Levels

__all__ = ["SampleSource"]


class SampleSource(Protocol):
    """Samples that are read once, from their beginning to their end.

    Attributes
    ----------
    sampling_rate : int
        In Hz.
    num_channels : int
    format : str
        Container and coding, in lower case.
    claimed_samples : int or None
        Samples per channel as far as they are known before reading.
    """

    sampling_rate: int
    num_channels: int
    format: str
    claimed_samples: int | None

    @property
    def num_samples(self) -> int:
        """Samples read so far, per channel."""

    @property
    def flags(self) -> tuple[str, ...]:
        """Noteworthy properties that are not errors, sorted; complete at the end."""

    @property
    def levels(self) -> Levels:
        """Levels of the samples; complete at the end."""

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield blocks ``(samples, channels)`` that the caller owns; raise `AudioError` at the latest at the end."""
