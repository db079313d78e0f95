"""The engine of this machine: worker processes, and a thread that drives them."""

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
from melcli.run.engines.members import PendingCall
from melcli.run.engines.pool import WorkerPool
from melcli.run.engines.starts import LIMITS

__all__ = ["WARM_MODULE", "LocalEngine"]

Argument = TypeVar("Argument")
Result = TypeVar("Result")

STOP_TIMEOUT_S = 20.0  # more than the pool itself waits for processes that do not end
WARM_MODULE = "melcli.run.warm"  # all that computing features needs


class LocalEngine:
    """A pool of worker processes; see `melcli.run.engines.contract.Engine`.

    Parameters
    ----------
    workers : int
        Processes at work at a time; fewer where the system allows no more.
    folder : str or None
        Where the workers' standard error goes, into files without names; None: the temporary folder.
    imports : sequence of str
        Modules that the work needs, which a worker loads before it takes a call.
    max_memory_bytes : int or None
        Of anonymous memory for each worker.
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
        """Workers that take calls at a time."""
        return self._pool.workers

    def start(self, until_s: float = math.inf) -> None:
        """Wait until the first worker is ready; they are on their way since the engine was made."""
        result_until(self._pool.ready, until_s)

    def submit(self, function: Callable[[Argument], Result], argument: Argument, *, timeout_s: float) -> Future[Result]:
        """Submit one call; the clock runs from when a worker takes it."""
        future: Future[Result] = Future()
        future.set_running_or_notify_cancel()
        if self._thread.is_alive():
            self._pool.submit(PendingCall(pack(function, argument), timeout_s, future))
        if not self._thread.is_alive():  # by now: what it left undone it has reported
            with contextlib.suppress(InvalidStateError):
                future.set_exception(BatchLost("the engine has stopped"))
        return future

    @property
    def in_progress(self) -> Advance:
        """How far all calls are together that workers have at the moment."""
        return self._pool.in_progress

    @property
    def start_problem(self) -> str:
        """Why fewer workers run than were asked for, where that is so."""
        return self._pool.start_problem

    def take_deaths(self) -> list[BatchLost]:
        """Return the workers that ended without a call, unasked, since this was called last."""
        deaths = []
        with contextlib.suppress(Empty):
            while True:
                deaths.append(self._pool.deaths.get_nowait())
        return deaths

    def limit_workers(self, workers: int) -> None:
        """Let no more than this number of workers live from now on."""
        self._pool.limit_workers(workers)

    def stop(self) -> None:
        """Kill all workers now, whatever they are doing."""
        self._pool.stop()
        self._thread.join(STOP_TIMEOUT_S)
