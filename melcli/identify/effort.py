"""The limit on the effort of a search, and its progress."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import monotonic

__all__ = ["Effort"]

MAX_TRIALS = 80_000  # of about 0.06 ms of CPU
VALUES_PER_TRIAL = 2_560  # mel powers, of 32 frames and 80 mels
TRIALS_PER_SPECTRUM = 10
TOLD_EVERY = 1_000  # trials


class Effort:
    """Counts trials, so that a search ends at the same point on any machine; and a limit on time, if there is one.

    Parameters
    ----------
    max_trials : float
    until_s : float
        On the clock of `time.monotonic`.
    listener : callable, optional
        Called with the effort after every `TOLD_EVERY` trials.

    Attributes
    ----------
    nearest : float
        The least misfit so far.
    out_of_time : bool
        Whether the limit on time ended the search.
    """

    def __init__(
        self,
        *,
        max_trials: float = MAX_TRIALS,
        until_s: float = math.inf,
        listener: Callable[[Effort], None] | None = None,
    ) -> None:
        self.trials = 0.0
        self.nearest = 1.0
        self.out_of_time = False
        self._max_trials = max_trials
        self._until_s = until_s
        self._listener = listener
        self._told = 0

    @property
    def spent(self) -> bool:
        """Whether nothing more is to be tried."""
        return self.out_of_time or self.trials >= self._max_trials

    @property
    def share(self) -> float:
        """The share of the trials that are allowed."""
        return min(1.0, self.trials / self._max_trials)

    def multiply(self, factor: int) -> None:
        """Allow a multiple of the trials, as for a file whose channels may be taken in several ways."""
        self._max_trials *= max(1, factor)

    def spend(self, values: float) -> None:
        """Count trials by the number of mel powers that they compute."""
        self.trials += values / VALUES_PER_TRIAL
        if self._until_s < math.inf and monotonic() > self._until_s:
            self.out_of_time = True
        if self._listener is not None and self.trials >= self._told + TOLD_EVERY:
            self._told = int(self.trials)
            self._listener(self)
