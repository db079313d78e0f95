"""The engine of this machine: worker processes, and a thread that controls them."""

from __future__ import annotations

import contextlib
import errno
import math
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from queue import Empty
from typing import TypeVar

from melcli.errors import StorageError, WorkersFailing
from melcli.run.deadline import result_until
from melcli.run.engines.channel import pack
from melcli.run.engines.contract import Advance, BatchLost
from melcli.run.engines.pool import WorkerPool
from melcli.run.engines.pool_worker import PendingCall
from melcli.run.engines.start_retries import LIMITS

__all__ = ["WARM_MODULE", "LocalEngine"]

Argument = TypeVar("Argument")
Result = TypeVar("Result")

STOP_TIMEOUT_S = 20.0  # longer than the pool waits for its processes to end
WARM_MODULE = "melcli.run.warm"  # all modules that computing features needs


class LocalEngine:
    """A pool of worker processes; see `melcli.run.engines.contract.Engine`.

    Parameters
    ----------
    workers : int
        Number of workers; fewer run if the system allows no more.
    folder : str or None
        Folder of the unnamed files for the workers' standard error; None for the temporary folder.
    imports : sequence of str
        Modules that workers import before their first call.
    max_memory_bytes : int or None
        Limit of each worker's anonymous memory, in bytes.
    """

    def __init__(
        self,
        workers: int,
        *,
        folder: str | None = None,
        imports: Sequence[str] = (WARM_MODULE,),
        max_memory_bytes: int | None = None,
    ) -> None:
        if not sys.executable:
            raise WorkersFailing("no worker process can be started: this Python does not know its own executable")
        try:
            self._pool = WorkerPool(workers, folder=folder, imports=tuple(imports), max_memory_bytes=max_memory_bytes)
        except OSError as error:
            number = error.errno if error.errno in LIMITS else errno.EMFILE
            raise StorageError(f"no worker process can be started: {error.strerror}", hint=LIMITS[number]) from error
        self._thread = threading.Thread(target=self._pool.run, name="workers", daemon=True)
        try:
            self._pool.launcher.start()
            self._thread.start()
        except RuntimeError as error:  # the system starts no more threads
            self._pool.close()
            raise StorageError(f"no worker process can be started: {error}", hint=LIMITS[errno.EAGAIN]) from error

    @property
    def workers(self) -> int:
        """Number of workers."""
        return self._pool.starter.max_workers

    def start(self, until_s: float = math.inf) -> None:
        """Wait until the first worker is ready; the constructor has begun to start them."""
        result_until(self._pool.ready, until_s)

    def submit(self, function: Callable[[Argument], Result], argument: Argument, *, timeout_s: float) -> Future[Result]:
        """Submit one call; its timeout starts when a worker receives it."""
        future: Future[Result] = Future()
        future.set_running_or_notify_cancel()
        if self._thread.is_alive():
            self._pool.submit(PendingCall(pack(function, argument), timeout_s, future))
        if not self._thread.is_alive():  # it may have ended before it saw the call
            with contextlib.suppress(InvalidStateError):
                future.set_exception(BatchLost("the engine has stopped"))
        return future

    @property
    def in_progress(self) -> Advance:
        """The sum over all calls that workers process at the moment."""
        return self._pool.in_progress

    @property
    def start_problem(self) -> str:
        """Why fewer workers run than were requested; empty if all run."""
        return self._pool.starter.problem

    def take_idle_deaths(self) -> list[BatchLost]:
        """Return the workers that ended without a call since the last call of this method."""
        deaths = []
        with contextlib.suppress(Empty):
            while True:
                deaths.append(self._pool.idle_deaths.get_nowait())
        return deaths

    def limit_workers(self, workers: int) -> None:
        """Keep at most this number of workers from now on."""
        self._pool.limit_workers(workers)

    def stop(self) -> None:
        """Kill all workers now, also busy ones."""
        self._pool.stop()
        self._thread.join(STOP_TIMEOUT_S)
