"""Start the workers of a pool: when, how many at a time, and when to give up."""

from __future__ import annotations

import errno
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from queue import Empty

from melcli.errors import MelcliError
from melcli.run.engines.contract import BatchLost, describe_exit
from melcli.run.engines.cpus import usable_cpus
from melcli.run.engines.launcher import Launcher
from melcli.run.engines.oom import count_oom_kills
from melcli.run.engines.pool_worker import PoolWorker, WorkerState
from melcli.run.engines.start_retries import KILLED_FOR_MEMORY, StartRetries
from melcli.run.watchdog import last_line

__all__ = ["WorkerStarter"]

LAUNCH_TIMEOUT_S = 30.0  # from the request for a process until it executes the interpreter


class WorkerStarter:
    """Starts workers one process after another, and retries failed starts.

    Parameters
    ----------
    workers : int
        Number of workers to keep running.
    launcher : Launcher
    on_give_up : callable
        Receives the error when no worker can be started.

    Attributes
    ----------
    max_workers : int
        Number of workers to keep running; less than requested after memory ran out.
    problem : str
        Why fewer workers run than were requested; empty if all run.
    has_given_up : bool
        Whether no further start is tried until `resume`.
    """

    def __init__(self, workers: int, launcher: Launcher, *, on_give_up: Callable[[MelcliError], None]) -> None:
        self.max_workers = self._requested = workers
        self.problem = ""
        self.has_given_up = False
        self._launcher = launcher
        self._on_give_up = on_give_up
        self._launch_deadline_s: float | None = None  # None while no process is being launched
        self._retries = StartRetries()
        self._max_starting = usable_cpus()

    def resume(self) -> None:
        """Try to start workers again after giving up."""
        self.has_given_up = False

    def succeeded(self) -> None:
        """Forget earlier failures, because a worker has answered its first call."""
        self._retries.succeeded()
        self.problem = ""

    def start_next(self, workers: Sequence[PoolWorker]) -> None:
        """Start one process if a worker is missing.

        At most as many workers start at a time as there are processors, so that the first one is ready soon.  A worker
        that needs replacement continues until its successor is ready.
        """
        now_s = time.monotonic()
        if self._launch_deadline_s is not None or self.has_given_up or self._retries.next_s > now_s:
            return
        if sum(map(_fills_a_slot, workers)) < self.max_workers and _num_starting(workers) < self._max_starting:
            self._launch_deadline_s = now_s + LAUNCH_TIMEOUT_S
            self._launcher.request()

    def take_launched(self, workers: Sequence[PoolWorker]) -> PoolWorker | None:
        """Return the worker whose process was launched since the last call; None if there is none."""
        try:
            result = self._launcher.results.get_nowait()
        except Empty:
            return None
        self._launch_deadline_s = None
        if isinstance(result, OSError):
            self._failed(f"failed: {result.strerror or result}", workers, limit=result.errno)
            return None
        deadline_s = time.monotonic() + self._retries.timeout_s
        return PoolWorker(result, deadline_s=deadline_s, oom_kills=count_oom_kills())

    def check_launch(self, workers: Sequence[PoolWorker]) -> None:
        """Kill a process that does not execute the interpreter in time, and start no other until it is gone."""
        if self._launch_deadline_s is None:
            return
        cause = f"could not execute {sys.executable} within {LAUNCH_TIMEOUT_S:.0f} s"
        if time.monotonic() >= self._launch_deadline_s:
            self._launch_deadline_s = math.inf
            self.kill_launching(workers)
            self.problem = f"the last worker process {cause}"
        if math.isinf(self._launch_deadline_s) and not workers and not self.has_given_up:
            self._retries.failed(cause, num_working=0)
            self._give_up()

    def kill_launching(self, workers: Sequence[PoolWorker]) -> None:
        """Kill the process that is being launched, if there is one."""
        if self._launch_deadline_s is not None:
            self._launcher.kill_starting({worker.process.pid for worker in workers})

    def worker_failed(self, worker: PoolWorker, loss: BatchLost, workers: Sequence[PoolWorker]) -> None:
        """Record that a worker ended before it answered a call; ``workers`` are the others."""
        if loss.out_of_memory:
            self._failed(KILLED_FOR_MEMORY, workers, limit=errno.ENOMEM)
            return
        stderr = f": {last_line(loss.stderr)}" if loss.stderr else ""
        cause = f"ended with {describe_exit(worker.process.exit_code)}{stderr}"
        self._failed(cause, workers, slow=worker.is_overdue)

    def deadlines(self) -> Iterator[float]:
        """Yield the times at which to check again, by `time.monotonic`."""
        if self._retries.next_s > time.monotonic():
            yield self._retries.next_s
        if self._launch_deadline_s is not None:
            yield self._launch_deadline_s

    def _failed(
        self, cause: str, workers: Sequence[PoolWorker], *, limit: int | None = None, slow: bool = False
    ) -> None:
        """Retry a little later, or give up."""
        ready = [worker for worker in workers if worker.state in (WorkerState.IDLE, WorkerState.BUSY)]
        num_working = sum(worker.num_answers > 0 for worker in ready)
        self._retries.failed(cause, num_working=num_working, limit=limit, slow=slow)
        if cause == KILLED_FOR_MEMORY:
            self.max_workers = max(1, len(ready) or self.max_workers // 2)
        if self._retries.reached_limit:
            self._max_starting = 1
        if ready:
            self.problem = self.problem or self._retries.warning(len(ready), self._requested)
        elif self._retries.should_give_up and not _num_starting(workers):
            self._give_up()

    def _give_up(self) -> None:
        error = self._retries.error()
        self._retries.succeeded()
        self.has_given_up = True
        self._on_give_up(error)


def _num_starting(workers: Sequence[PoolWorker]) -> int:
    return sum(worker.state is WorkerState.STARTING for worker in workers)


def _fills_a_slot(worker: PoolWorker) -> bool:
    """Return whether the pool needs no other worker instead of this one yet."""
    if worker.state is WorkerState.ENDING:  # only its end shows whether its start failed
        return not (worker.num_answers or worker.is_retired)
    return not worker.needs_replacement
