"""Processes on this machine, each with a pipe and a thread of its own, on a forkserver that has imported all once.

`multiprocessing.Pool` hangs when a worker is killed, `concurrent.futures` fails all that is in flight, and pebble's
workers read one pipe under one lock, which a worker that is killed there takes with it.  Here nothing is shared: a
thread hands its worker one call and waits until it answers, ends or is overdue.  The forkserver imports scipy and all
else once, and workers are forked from it in milliseconds; the parent does without scipy, and without numpy too.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

from melcli.errors import MelcliError, StorageError
from melcli.run.engines.contract import BatchLost
from melcli.run.engines.rendezvous import meet_for
from melcli.run.engines.station import ENDING_S, Station, kill_forkserver, start_forkserver
from melcli.store.files import temporary_name

__all__ = ["LocalEngine"]

Argument = TypeVar("Argument")
Result = TypeVar("Result")

QUIET_MODULE = "melcli.run.engines.quiet"
WARM_MODULE = "melcli.run.warm"
OUR_OWN_LIMITS = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)


class LocalEngine:
    """A pool of worker processes; see `melcli.run.engines.contract.Engine`.

    Parameters
    ----------
    workers : int
        Processes at work at a time; fewer where the system lets no more be started.
    folder : str or None
        Where the workers' standard error goes, into files that are gone after `stop`; None: nowhere.
    imports : sequence of str
        Modules that the work needs beside those of `melcli.run.warm`, so that not every worker imports them by itself.
    max_memory_bytes : int or None
        Of anonymous memory for each worker.

    Raises
    ------
    StorageError
        The system has no room for what the processes share.
    """

    def __init__(
        self,
        workers: int,
        *,
        folder: str | None = None,
        imports: Sequence[str] = (),
        max_memory_bytes: int | None = None,
    ) -> None:
        self.workers = workers
        self._calls: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._stopping = False
        paths = [os.path.join(folder, temporary_name()) if folder is not None else None for _ in range(workers)]
        self._stations = [Station(path, max_memory_bytes) for path in paths]
        # __main__ as well, or every single worker would import it anew.
        modules = [QUIET_MODULE, "__main__", WARM_MODULE, *imports]
        multiprocessing.get_context("forkserver").set_forkserver_preload(modules)
        try:
            meet_for(folder)
            start_forkserver()
        except OSError as error:
            raise _no_worker(error) from error

    def start(self) -> None:
        """Start one worker now; waits until the forkserver has imported what they need.

        Raises
        ------
        WorkersFailing
            It cannot be started.
        StorageError
            The system has no file descriptor, no process or no memory left for it.
        """
        try:
            self._stations[0].man()
        except (OSError, RuntimeError) as error:
            raise _no_worker(error) from error

    def submit(self, function: Callable[[Argument], Result], argument: Argument, *, timeout_s: float) -> Future[Result]:
        """Hand out one call; the clock runs from when a worker takes it."""
        future: Future[Result] = Future()
        future.set_running_or_notify_cancel()
        self._calls.put(_Waiting(function, argument, timeout_s, future))
        if not self._threads:
            self._start_threads()
        return future

    def give_up(self) -> None:
        """Wait no longer for workers that are being started; safe inside a signal handler."""
        self._close()
        kill_forkserver()

    def stop(self) -> None:
        """End all workers now, whatever they are doing."""
        self._close()
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join(ENDING_S)
            if thread.is_alive():  # it waits for a forkserver that hangs
                kill_forkserver()
                thread.join(3 * ENDING_S)
        self._threads.clear()
        for station in self._stations:
            station.leave()

    def _close(self) -> None:
        self._stopping = True
        for station in self._stations:
            station.close()

    def _start_threads(self) -> None:
        """Start a thread for each station, or for as many as the system allows."""
        try:
            for station in self._stations:
                thread = threading.Thread(target=self._serve, args=[station], daemon=True)
                thread.start()
                self._threads.append(thread)
        except RuntimeError as error:
            if not self._threads:
                raise _no_worker(error) from error

    def _serve(self, station: Station) -> None:
        """Hand one worker one call after another, until the engine is stopped or no process can be started for it."""
        while (call := self._calls.get()) is not None:
            goes_on = None
            try:
                goes_on = self._do(call, station)
            finally:
                if goes_on is None:  # a bug must not be a run that waits for ever
                    call.future.set_exception(BatchLost("the engine failed"))
            del call  # while the next one is waited for, nothing of this one is to be kept
            if not goes_on:
                return

    def _do(self, call: _Waiting, station: Station) -> bool:
        """Have one call done; tell whether the station can be used any more."""
        if self._stopping:
            call.future.set_exception(BatchLost("the engine was stopped"))
            return True
        try:
            call.future.set_result(station.ask(call.function, call.argument, call.timeout_s))
        except (BatchLost, MelcliError) as error:
            call.future.set_exception(error)
        except (OSError, RuntimeError) as error:
            if _is_our_limit(error) and any(other.is_manned for other in self._stations):
                self._calls.put(call)  # the others will do it
                return False
            call.future.set_exception(_no_worker(error))
        return True


class _Waiting(NamedTuple):
    """A call that no worker has taken yet."""

    function: Callable[[Any], Any]
    argument: Any
    timeout_s: float
    future: Future[Any]


def _is_our_limit(error: OSError | RuntimeError) -> bool:
    """Tell whether the system has no more of something; for a thread Python raises a RuntimeError."""
    return isinstance(error, RuntimeError) or error.errno in OUR_OWN_LIMITS


def _no_worker(error: OSError | RuntimeError) -> StorageError:
    advice = "free space in the temporary folder, or name another one by TMPDIR"
    if _is_our_limit(error):
        advice = "let this user have more open files and processes (ulimit -n, ulimit -u), or use fewer workers (-j)"
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return StorageError(f"no worker process can be started: {said}; {advice}")
