"""Retries of failed worker starts: back-off, limit, and message."""

from __future__ import annotations

import errno
import os
import time

from melcli.errors import MelcliError, StorageError, WorkersFailing
from melcli.run.control_groups import CGROUP_ROOT, MEMBERSHIP
from melcli.run.memory_limit import cgroup_memory

__all__ = ["START_TIMEOUT_S", "Starts"]

START_TIMEOUT_S = 120.0  # that a worker may take until it is ready, on a slow network disk
FIRST_BACKOFF_S = 0.1
MAX_BACKOFF_ALONE_S, MAX_BACKOFF_S = 2.0, 60.0  # while no worker has done a call, and while others do the work
MAX_ATTEMPTS = 5  # in a row while no worker has done a call; one newborn may be killed from outside
MAX_SLOW_ATTEMPTS = 2
MAX_SILENT = 2  # failures in a row that are not worth a warning
# What the system has no more of, and what a user can do about it.
LIMITS = {
    errno.EMFILE: "allow more open files (ulimit -n), or use fewer workers (-j)",
    errno.ENFILE: "allow more open files in the system (sysctl fs.file-max)",
    errno.EAGAIN: "allow more processes (ulimit -u, pids.max of the control group), or use fewer workers (-j)",
    errno.ENOMEM: "allow more memory, or use fewer workers (-j)",
}
NO_THREAD = "can't start new thread"  # how Python reports EAGAIN of a thread
KILLED_FOR_MEMORY = "was killed by the system because memory ran out"


class Starts:
    """The failed starts since the last worker that has done a call.

    Attributes
    ----------
    next_s : float
        When the next one may begin, by `time.monotonic`.
    timeout_s : float
        Seconds that it may take.
    """

    def __init__(self) -> None:
        self.next_s = 0.0
        self.timeout_s = START_TIMEOUT_S
        self.succeeded()

    def succeeded(self) -> None:
        """Forget what failed before."""
        self.next_s = 0.0
        self._num_failed = 0
        self._num_alone = 0
        self._num_slow = 0
        self._how = ""
        self._limit: int | None = None

    def failed(self, how: str, *, num_proven: int, limit: int | None = None, slow: bool = False) -> None:
        """Note a failure.

        Parameters
        ----------
        how : str
            What was observed of the process.
        num_proven : int
            Other workers that live and have done a call.
        limit : int, optional
            The error number, where the system has no more of something.
        slow : bool
            The worker was not ready in time.
        """
        self._num_failed += 1
        self._num_alone = 0 if num_proven else self._num_alone + 1
        self._num_slow += slow
        self._how = f"was not ready after {self.timeout_s:.0f} s" if slow else how
        self._limit = limit if limit in LIMITS else errno.EAGAIN if NO_THREAD in how else None
        most_s = MAX_BACKOFF_S if num_proven else MAX_BACKOFF_ALONE_S
        self.next_s = time.monotonic() + min(most_s, FIRST_BACKOFF_S * 2 ** min(self._num_failed - 1, 20))

    @property
    def met_limit(self) -> bool:
        """Whether the system had no more of something."""
        return self._limit is not None

    @property
    def is_hopeless(self) -> bool:
        """Whether to give up, where no worker is ready."""
        return self._num_alone >= MAX_ATTEMPTS or self._num_slow >= MAX_SLOW_ATTEMPTS

    def error(self) -> MelcliError:
        """Return what to raise: what was observed, and what to do about it."""
        tried = f"no worker process can be started ({self._num_failed} attempts)"
        if self._limit is None or self._how == KILLED_FOR_MEMORY:
            return WorkersFailing(f"{tried}: the last one {self._how}", hint=self._advice())
        return StorageError(f"{tried}: {os.strerror(self._limit)}", hint=self._advice())

    def problem(self, num_ready: int, workers: int) -> str:
        """Return a warning that says why fewer workers run than were asked for; empty for a failure or two."""
        if self._num_failed <= MAX_SILENT and not self.met_limit:
            return ""
        how = "" if self._limit is None or self._how == KILLED_FOR_MEMORY else f"{os.strerror(self._limit)}; "
        return f"only {num_ready} of {workers} workers run: {how or f'the last one {self._how}; '}{self._advice()}"

    def _advice(self) -> str:
        if self._limit is None:
            return "`melcli doctor` checks the installation"
        most = cgroup_memory(CGROUP_ROOT, MEMBERSHIP) if self._limit == errno.ENOMEM else None
        of = f" (the control group may use {most // 1_000_000:,} MB)" if most else ""
        return f"{LIMITS[self._limit]}{of}"
