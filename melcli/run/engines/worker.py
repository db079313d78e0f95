"""The main loop of a worker process."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import time
from typing import NoReturn

from melcli.errors import MelcliError
from melcli.run.engines.channel import Advanced, Answer, Progress, Ready, WorkerEnd
from melcli.run.engines.parent_death import exit_with_driver
from melcli.run.watchdog import watchdog

__all__ = ["MAX_ITEMS_PER_WORKER", "prepare", "serve"]

# The pool replaces a worker after this, since native libraries may leak memory; its successor starts first.
MAX_ITEMS_PER_WORKER = 5_000
MAX_GROWTH_BYTES = 256_000_000
MIN_ADVANCE_INTERVAL_S = 0.2  # between messages, as often as a person sees a bar move
MIN_PROGRESS_INTERVAL_S = 0.05  # between messages, to keep their cost low for small files
OOM_SCORE_ADJUSTMENT = 500  # if memory runs out, the system kills a worker rather than the driver


def prepare(descriptor: int, driver_pid: int) -> WorkerEnd:
    """Open the connection and set the limits of the process, before the slow imports.

    Parameters
    ----------
    descriptor : int
        The descriptor of the connection.
    driver_pid : int
        The process id of the driver.
    """
    end = WorkerEnd(descriptor)
    exit_with_driver(driver_pid, end.fileno())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if it is ignored, the exit code of a decoder is lost
    _disable_core_dumps()
    _raise_open_file_limit()
    _raise_oom_score()
    return end


def serve(end: WorkerEnd, max_memory_bytes: int | None) -> NoReturn:
    """Process calls until the driver closes the connection or ends.

    Parameters
    ----------
    end : WorkerEnd
        The worker's end of the connection.
    max_memory_bytes : int or None
        Limit of anonymous memory, in bytes.
    """
    # The collector was off during the imports, during which it would run about 100 times for almost no garbage.
    gc.freeze()
    gc.enable()
    if max_memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (max_memory_bytes, max_memory_bytes))
    with contextlib.suppress(ConnectionError):  # the driver has ended
        end.send(Ready())
        _process_calls(end)
    os._exit(0)  # nothing is left to do, and a regular exit of the interpreter takes 30 ms


def _process_calls(end: WorkerEnd) -> None:
    base_bytes = _resident_bytes()
    for call in end.calls():
        watchdog.start(_ProgressSender(end, call.number), _AdvanceSender(end, call.number))
        result, error = None, None
        try:
            result = call.run()
        except MelcliError as raised:
            error = raised
        has_grown = _resident_bytes() > base_bytes + MAX_GROWTH_BYTES
        end.send(Answer(call.number, result, error, has_grown or watchdog.num_items >= MAX_ITEMS_PER_WORKER))
        del call, result  # free their memory while the worker waits for the next call


class _ProgressSender:
    """Reports the start of each step of a call to the driver, except for frequent short steps."""

    def __init__(self, end: WorkerEnd, number: int) -> None:
        self._end = end
        self._number = number
        self._sent_s = float("-inf")
        self._allowed_s = 0.0

    def __call__(self, allowed_s: float) -> None:
        now_s = time.monotonic()
        if now_s - self._sent_s < MIN_PROGRESS_INTERVAL_S and allowed_s <= self._allowed_s:
            return
        self._sent_s, self._allowed_s = now_s, allowed_s
        self._end.send(Progress(self._number, allowed_s))


class _AdvanceSender:
    """Reports how far a call is, but not more often than a person could see."""

    def __init__(self, end: WorkerEnd, number: int) -> None:
        self._end = end
        self._number = number
        self._sent_s = time.monotonic()  # a call that ends sooner needs no message

    def __call__(self, num_items: int, audio_s: float) -> None:
        now_s = time.monotonic()
        if now_s - self._sent_s >= MIN_ADVANCE_INTERVAL_S:
            self._sent_s = now_s
            self._end.send(Advanced(self._number, num_items, audio_s))


def _disable_core_dumps() -> None:
    """Set the soft limit of core dumps to 1: with 0, Linux still sends a dump to a collecting program."""
    _, hard_limit = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (1 if hard_limit else 0, hard_limit))


def _raise_open_file_limit() -> None:
    """Allow as many open files as possible: features that do not fit into memory need one file for each channel."""
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # some systems have another, lower limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))


def _raise_oom_score() -> None:
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(str(OOM_SCORE_ADJUSTMENT))


def _resident_bytes() -> int:
    """Return the resident memory; 0 without /proc, so that memory growth replaces no worker."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0
