"""Processes on this machine: pebble's pool, on a forkserver that has imported everything once.

`multiprocessing.Pool` hangs when a worker is killed and `concurrent.futures` fails all that is in flight; pebble fails
the one task whose worker died.  The forkserver imports scipy and all else once, and workers are forked from it in
milliseconds; the parent does without scipy, and without numpy too until there is work.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, TimeoutError
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, TypeVar

from melcli.errors import WorkersFailing
from melcli.run.engines.contract import BatchLost, BatchOverdue, WorkerDied
from melcli.threads import ONE_THREAD

if TYPE_CHECKING:
    from pebble import ProcessPool

__all__ = ["LocalEngine"]

Argument = TypeVar("Argument")
Result = TypeVar("Result")

WARM_MODULE = "melcli.run.warm"
# The buffers of FFTs are 1 MB.  glibc would hand them back to the system after each block and take them again page by
# page: 525 page faults for a ten-second file, a sixth of a worker's time.
KEEP_BUFFERS = {"MALLOC_MMAP_THRESHOLD_": str(4 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(16 * 2**20)}


class LocalEngine:
    """A pool of worker processes; see `melcli.run.engines.contract.Engine`.

    Parameters
    ----------
    workers : int
        Processes at work at a time.
    imports : sequence of str
        Modules that the work needs beside those of `melcli.run.warm`, so that not every worker imports them by itself.
    """

    def __init__(self, workers: int, *, imports: Sequence[str] = ()) -> None:
        self.workers = workers
        self._not_ours = multiprocessing.active_children()
        self._open: set[Future[Any]] = set()
        self._context = multiprocessing.get_context("forkserver")
        # __main__ as well, or every single worker would import it anew.
        self._context.set_forkserver_preload(["__main__", WARM_MODULE, *imports])
        with _blocked(signal.SIGHUP):
            resource_tracker.ensure_running()  # by itself, since it unblocks SIGINT when it is started
        # As many processes as processors with as many threads each are slower by an order of magnitude.
        with _environment(ONE_THREAD | KEEP_BUFFERS), _blocked(signal.SIGINT, signal.SIGHUP):
            forkserver.ensure_running()
        self._pool = self._new_pool()

    def start(self) -> None:
        """Start the workers now; waits until the forkserver has imported what they need.

        Raises
        ------
        WorkersFailing
            They cannot be started.
        """
        try:
            self._pool.active  # noqa: B018  to ask is to start
        except (RuntimeError, OSError, EOFError) as error:
            raise WorkersFailing(_CANNOT_START) from error

    def submit(self, function: Callable[[Argument], Result], argument: Argument, *, timeout_s: float) -> Future[Result]:
        """Hand out one call; the first one starts the workers if nobody did."""
        if self._proven and not self._pool.active:
            # pebble gives up where a worker dies while none is busy, as one that the system killed for its memory.
            self.stop()
            self._pool = self._new_pool()
        try:
            inner = self._pool.schedule(function, args=[argument], timeout=timeout_s)
        except RuntimeError as error:
            raise WorkersFailing(_CANNOT_START) from error
        outer: Future[Result] = Future()
        outer.set_running_or_notify_cancel()
        self._open.add(outer)
        inner.add_done_callback(lambda done: self._hand_over(done, outer))
        return outer

    def check(self) -> None:
        """Give up calls that pebble has forgotten: those that it had not handed out yet when it broke down."""
        if not self._open or self._pool.active:
            return
        for future in list(self._open):
            self._open.discard(future)
            if not future.done():
                future.set_exception(BatchLost("no worker was left"))

    def stop(self) -> None:
        """End all workers now, whatever they are doing."""
        from pebble.pool.process import WORKERS_NAME

        self._pool.stop()  # type: ignore[no-untyped-call]
        # Ahead of pebble, which first takes its locks away: a worker that is just starting would miss them, aloud.
        for process in multiprocessing.active_children():
            if process.name == WORKERS_NAME and process not in self._not_ours:
                process.kill()
        self._pool.join()

    def _new_pool(self) -> ProcessPool:
        from pebble import ProcessPool  # late, since it takes 70 ms, in which the forkserver imports already

        self._proven = False  # until a call has come back
        return ProcessPool(max_workers=self.workers, initializer=_prepare_worker, context=self._context)

    def _hand_over(self, inner: Future[Result], outer: Future[Result]) -> None:
        """Pass a result on, with pebble's exceptions turned into ours."""
        from pebble import ProcessExpired

        self._open.discard(outer)
        if outer.done():
            return
        error = BatchLost("the engine was stopped") if inner.cancelled() else inner.exception()
        if error is None:
            self._proven = True
            outer.set_result(inner.result())
        elif isinstance(error, ProcessExpired):
            outer.set_exception(WorkerDied(error.exitcode or 0))
        elif isinstance(error, TimeoutError):
            outer.set_exception(BatchOverdue())
        elif isinstance(error, BrokenProcessPool):
            outer.set_exception(BatchLost("no worker was left") if self._proven else WorkersFailing(_CANNOT_START))
        else:
            outer.set_exception(error)


_CANNOT_START = "the worker processes cannot be started or end at once; is every dependency installed whole?"


def _prepare_worker() -> None:
    """Run once in every worker, before its first batch."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the driver takes it and lets workers finish
    os.dup2(2, 1)  # libsndfile's SDS reader prints to standard output, where --json has its one object
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End a busy worker whose driver was killed; left alone it would go on to the end of its batch."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextlib.contextmanager
def _blocked(*numbers: signal.Signals) -> Iterator[None]:
    """Start processes that signals to the whole group pass by: what a terminal sends is the driver's to take.

    The forkserver and the resource tracker inherit what is blocked; unblocked, a Ctrl-C while they start shows their
    tracebacks, and a hangup ends the tracker.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
