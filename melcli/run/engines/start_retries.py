"""Retries of failed worker starts: back-off, limit, and message."""

from __future__ import annotations

import errno
import os
import time

from melcli.errors import MelcliError, StorageError, WorkersFailing
from melcli.run.control_groups import CGROUP_ROOT, MEMBERSHIP
from melcli.run.memory_limit import cgroup_memory

__all__ = ["START_TIMEOUT_S", "StartRetries"]

START_TIMEOUT_S = 120.0  # generous, for imports from a slow network disk
FIRST_BACKOFF_S = 0.1
MAX_BACKOFF_S = 60.0  # while other workers process calls
MAX_BACKOFF_WITHOUT_WORKERS_S = 2.0
MAX_ATTEMPTS = 5  # in a row without a working worker; a starting process may be killed from outside once
MAX_SLOW_ATTEMPTS = 2
MAX_FAILURES_WITHOUT_WARNING = 2
# What to do about each limit of the system.
LIMITS = {
    errno.EMFILE: "allow more open files (ulimit -n), or use fewer workers (-j)",
    errno.ENFILE: "allow more open files in the system (sysctl fs.file-max)",
    errno.EAGAIN: "allow more processes (ulimit -u, pids.max of the control group), or use fewer workers (-j)",
    errno.ENOMEM: "allow more memory, or use fewer workers (-j)",
}
NO_THREAD = "can't start new thread"  # Python's message for EAGAIN of a thread
KILLED_FOR_MEMORY = "was killed by the system because memory ran out"


class StartRetries:
    """The failed starts since the last worker that answered a call.

    Attributes
    ----------
    next_s : float
        The time of the next attempt, by `time.monotonic`.
    timeout_s : float
        Seconds that a start may take.
    """

    def __init__(self) -> None:
        self.next_s = 0.0
        self.timeout_s = START_TIMEOUT_S
        self.succeeded()

    def succeeded(self) -> None:
        """Reset the counts of failures."""
        self.next_s = 0.0
        self._num_failed = 0
        self._num_without_workers = 0
        self._num_slow = 0
        self._cause = ""
        self._limit: int | None = None

    def failed(self, cause: str, *, num_working: int, limit: int | None = None, slow: bool = False) -> None:
        """Record a failure.

        Parameters
        ----------
        cause : str
            What was observed, as a predicate of "the last one".
        num_working : int
            Live workers that have answered a call.
        limit : int, optional
            The error number, if the system refused a resource.
        slow : bool
            Whether the worker was not ready in time.
        """
        self._num_failed += 1
        self._num_without_workers = 0 if num_working else self._num_without_workers + 1
        self._num_slow += slow
        self._cause = f"was not ready after {self.timeout_s:.0f} s" if slow else cause
        self._limit = limit if limit in LIMITS else errno.EAGAIN if NO_THREAD in cause else None
        max_backoff_s = MAX_BACKOFF_S if num_working else MAX_BACKOFF_WITHOUT_WORKERS_S
        self.next_s = time.monotonic() + min(max_backoff_s, FIRST_BACKOFF_S * 2 ** min(self._num_failed - 1, 20))

    @property
    def reached_limit(self) -> bool:
        """Whether the last start failed at a limit of the system."""
        return self._limit is not None

    @property
    def should_give_up(self) -> bool:
        """Whether to give up if no worker is ready."""
        return self._num_without_workers >= MAX_ATTEMPTS or self._num_slow >= MAX_SLOW_ATTEMPTS

    def error(self) -> MelcliError:
        """Return the error to raise: what was observed, and the remedy."""
        attempts = f"no worker process can be started ({self._num_failed} attempts)"
        if self._limit is None or self._cause == KILLED_FOR_MEMORY:
            return WorkersFailing(f"{attempts}: the last one {self._cause}", hint=self._advice())
        return StorageError(f"{attempts}: {os.strerror(self._limit)}", hint=self._advice())

    def warning(self, num_ready: int, workers: int) -> str:
        """Return why fewer workers run than were requested; empty after only one or two failures."""
        if self._num_failed <= MAX_FAILURES_WITHOUT_WARNING and not self.reached_limit:
            return ""
        if self._limit is None or self._cause == KILLED_FOR_MEMORY:
            cause = f"the last one {self._cause}"
        else:
            cause = os.strerror(self._limit)
        return f"only {num_ready} of {workers} workers run: {cause}; {self._advice()}"

    def _advice(self) -> str:
        if self._limit is None:
            return "`melcli doctor` checks the installation"
        max_bytes = cgroup_memory(CGROUP_ROOT, MEMBERSHIP) if self._limit == errno.ENOMEM else None
        group = f" (the control group may use {max_bytes // 1_000_000:,} MB)" if max_bytes else ""
        return f"{LIMITS[self._limit]}{group}"
