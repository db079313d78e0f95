"""The place of one worker: a process with a pipe of its own, and another one in its stead when it is gone."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import resource
import signal
import socket
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from melcli.errors import WorkersFailing
from melcli.run.engines.contract import BatchLost, BatchOverdue, WorkerDied
from melcli.run.engines.oom import oom_kills
from melcli.run.engines.worker import Answer, Call, serve
from melcli.run.guard import LONGEST_TIMEOUT_S, last_line, stderr_tail
from melcli.threads import ONE_THREAD

__all__ = ["ENDING_S", "Station", "kill_forkserver", "start_forkserver"]

# The buffers of FFTs are 1 MB.  glibc would hand them back to the system after each block and take them again page by
# page: 525 page faults for a ten-second file, a sixth of a worker's time.
KEEP_BUFFERS = {"MALLOC_MMAP_THRESHOLD_": str(4 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(16 * 2**20)}
STARTING_S = 120  # that a worker may take until it is ready, on a slow network disk
PIPE_S = 60  # that it may take to read a call or to write an answer, once begun; one that is stopped does neither
FEW_FILES = 64  # that a process may have open: below, a forkserver with several workers comes to its limit
ENDING_S = 5  # from the end of its pipe to its own

# To start a process and to ask for an exit code look at all processes of this one: two threads would take the code
# from each other.
_processes = threading.Lock()


def start_forkserver() -> None:
    """Start the forkserver, unless it is there; the parent goes on while it imports."""
    with _blocked(signal.SIGHUP), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a tracker that ends at once is told of as a worker that does
        resource_tracker.ensure_running()  # by itself, since it unblocks SIGINT when it is started
    # As many processes as processors with as many threads each are slower by an order of magnitude.
    with _environment(ONE_THREAD | KEEP_BUFFERS), _blocked(signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        forkserver.ensure_running()


class _Worker(NamedTuple):
    """A process and our end of the pipe to it."""

    process: BaseProcess
    pipe: Connection


class Station:
    """One worker at a time.

    All but `close` is for one thread.

    Parameters
    ----------
    stderr_path : str or None
        Where the worker's standard error goes; None: nowhere.
    max_memory_bytes : int or None
        Of anonymous memory for it.
    """

    def __init__(self, stderr_path: str | None, max_memory_bytes: int | None) -> None:
        self._stderr_path = stderr_path
        self._max_memory_bytes = max_memory_bytes
        self._worker: _Worker | None = None
        self._closed = False
        self._oom_kills = 0

    @property
    def is_manned(self) -> bool:
        """Whether there is a process."""
        return self._worker is not None

    def man(self) -> None:
        """Start the process, unless there is one, and wait until it is ready.

        Raises
        ------
        WorkersFailing
            It ends at once, or cannot be started.
        BatchLost
            The station is closed.
        OSError
            The system has no file descriptor, no process or no memory left for it.
        """
        if self._worker is not None:
            return
        try:
            self._start()
            self._receive(STARTING_S)
        except (EOFError, ConnectionError, TimeoutError) as error:
            self._end(kill=True)
            if self._closed:
                raise BatchLost("the engine was stopped") from error
            said = last_line(self._said())
            number = _limit_met(said)
            if number:
                raise OSError(number, os.strerror(number)) from error
            why = f" ({said})" if said else ""
            raise WorkersFailing(
                f"the worker processes cannot be started or end at once{why}; is every dependency "
                "installed whole? `melcli doctor` finds out"
            ) from error

    def ask(self, function: Callable[[Any], Any], argument: Any, timeout_s: float) -> Any:
        """Have one call done.

        Raises
        ------
        BatchLost
            The process ended or was overdue, or the station was closed.
        MelcliError
            What the call raised on purpose; `WorkersFailing` also as by `man`.
        OSError
            As by `man`.
        """
        self.man()
        try:
            self._send((function, argument))
            answer = self._receive(timeout_s)
        except (TimeoutError, BlockingIOError) as error:
            self._end(kill=True)
            raise BatchOverdue("it took too long", said=self._said()) from error
        except (EOFError, OSError) as error:
            raise self._loss(self._end()) from error
        if answer.retires:
            self._end()
        if answer.error is not None:
            raise answer.error
        return answer.result

    def close(self) -> None:
        """Kill the process, and let none be started any more; for any thread."""
        self._closed = True
        worker = self._worker
        if worker is not None:
            _kill(worker.process)
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(worker.pipe.fileno())) as both_ways:
                both_ways.shutdown(socket.SHUT_RDWR)  # so that nobody waits for one that cannot even be killed

    def leave(self) -> None:
        """Clear away what is left of the process; after `close`."""
        self._end(kill=True)
        if self._stderr_path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._stderr_path)

    def _start(self) -> None:
        pipe, far_end = multiprocessing.Pipe()
        try:
            _limit_waiting(pipe)
            with _processes:
                if self._closed:
                    raise EOFError
                try:
                    process = self._launch(far_end)
                except (EOFError, ConnectionError):  # the forkserver was killed just now, and may not be gone yet
                    if self._closed:
                        raise
                    kill_forkserver()
                    process = self._launch(far_end)
                self._worker = _Worker(process, pipe)
            if self._closed:  # meanwhile
                raise EOFError
        finally:
            far_end.close()  # it must be nobody's but the worker's, or its end would not show
            if self._worker is None:
                pipe.close()
        self._oom_kills = oom_kills()

    def _launch(self, far_end: Connection) -> BaseProcess:
        start_forkserver()  # another one, if it was killed
        deadline = threading.Timer(STARTING_S, kill_forkserver)  # it may hang in an import
        process = multiprocessing.get_context("forkserver").Process(
            target=serve, args=(far_end, self._stderr_path, self._max_memory_bytes), daemon=True
        )
        deadline.start()
        try:
            process.start()
        finally:
            deadline.cancel()
        return process

    def _send(self, call: Call) -> None:
        if self._worker is None:
            raise EOFError
        self._worker.pipe.send(call)

    def _receive(self, timeout_s: float) -> Answer:
        if self._worker is None:
            raise EOFError
        if not wait([self._worker.pipe], min(timeout_s, LONGEST_TIMEOUT_S)):
            raise TimeoutError
        answer: Answer = self._worker.pipe.recv()
        return answer

    def _end(self, *, kill: bool = False) -> int:
        """Wait for the end of the process, and return its exit code."""
        if self._worker is None:
            return 0
        process, pipe = self._worker
        pipe.close()
        if kill or not wait([process.sentinel], ENDING_S):  # or it closed its pipe and goes on
            _kill(process)
        exit_code = -int(signal.SIGKILL)
        ended = wait([process.sentinel], ENDING_S)
        with _processes:
            self._worker = None
            if ended:
                process.join()
                exit_code = process.exitcode or 0
                process.close()
        return exit_code

    def _loss(self, exit_code: int) -> BatchLost:
        """Say why a call did not come back."""
        if self._closed:
            return BatchLost("the engine was stopped")
        if exit_code == -signal.SIGALRM:
            return BatchOverdue("it took too long", said=self._said())
        for_memory = exit_code == -signal.SIGKILL and oom_kills() > self._oom_kills
        return WorkerDied(exit_code, said=self._said(), for_memory=for_memory)

    def _said(self) -> str:
        return stderr_tail(self._stderr_path) if self._stderr_path is not None else ""


def _limit_met(said: str) -> int:
    """Return the error of the system's that the other side may have met when it started, or 0."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < FEW_FILES:
        return errno.EMFILE
    return errno.EAGAIN if "start new thread" in said else 0


def kill_forkserver() -> None:
    """Kill the forkserver, that nobody waits for it any more; the next process starts another one."""
    number = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    if number is not None:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(number, signal.SIGKILL)
            os.waitid(os.P_PID, number, os.WEXITED | os.WNOWAIT)  # left to be reaped by who starts the next one


def _kill(process: BaseProcess) -> None:
    # Not by `process.kill`: once the forkserver is gone, Python takes all of its processes for ended, and kills none.
    with contextlib.suppress(ProcessLookupError, ValueError):
        if process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)


def _limit_waiting(pipe: Connection) -> None:
    """Let neither reading nor writing wait for ever for the other side."""
    with socket.socket(fileno=os.dup(pipe.fileno())) as both_ways:
        for way in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            both_ways.setsockopt(socket.SOL_SOCKET, way, struct.pack("ll", PIPE_S, 0))


@contextlib.contextmanager
def _blocked(*numbers: signal.Signals) -> Iterator[None]:
    """Start processes that signals to the whole group pass by: what a terminal sends is the driver's to take.

    The forkserver, its workers and the resource tracker inherit what is blocked; unblocked, a Ctrl-C while they start
    shows their tracebacks, a hangup ends the tracker, and a SIGTERM the workers that were to finish what they have.
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
