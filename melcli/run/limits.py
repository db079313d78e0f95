"""Limits of a run, a worker and an input."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits that a user sets.  None means no limit; for ``timeout_per_item_s``, a limit that grows with the size.

    Attributes
    ----------
    max_duration_s : float or None
        Maximum duration of a source, in seconds; a longer source fails as ``too_long``.
    min_duration_s : float or None
        Minimum duration of a source, in seconds; a shorter source fails as ``too_short``.
    timeout_per_item_s : float or None
        Seconds that a worker may take for one item; then the item fails as ``timeout``.
    max_memory_bytes : int or None
        Limit of a worker's anonymous memory; an item that needs more fails as ``out_of_memory``.
    max_time_s : float or None
        Seconds after which a run dispatches nothing more.
    """

    max_duration_s: float | None = None
    min_duration_s: float | None = None
    timeout_per_item_s: float | None = None
    max_memory_bytes: int | None = None
    max_time_s: float | None = None

    def until_s(self, started_s: float) -> float:
        """Return the time from which a run dispatches nothing more, by `time.monotonic`."""
        return math.inf if self.max_time_s is None else started_s + self.max_time_s
