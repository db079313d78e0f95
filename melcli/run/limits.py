"""Limits of a run, a worker and an input."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds that a user sets; None is none, or for ``timeout_per_item_s`` as much as an item's size allows.

    Attributes
    ----------
    max_duration_s : float or None
        Seconds that a source may last; a longer one fails as ``too_long``.
    timeout_per_item_s : float or None
        Seconds that a worker may take for one item before it is ended: ``timeout``.
    max_memory_bytes : int or None
        Of a worker's anonymous memory; an item that needs more fails as ``out_of_memory``.
    max_time_s : float or None
        Seconds after which a run dispatches nothing more.
    """

    max_duration_s: float | None = None
    timeout_per_item_s: float | None = None
    max_memory_bytes: int | None = None
    max_time_s: float | None = None

    def until_s(self, started_s: float) -> float:
        """Return when a run that began then dispatches nothing more, by `time.monotonic`."""
        return math.inf if self.max_time_s is None else started_s + self.max_time_s
