"""The main loop of a worker process."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import time
from typing import NoReturn

from melcli.errors import MelcliError
from melcli.run.engines.channel import Advanced, Answer, Progress, Ready, WorkerEnd
from melcli.run.engines.with_driver import end_with_driver
from melcli.run.watchdog import watchdog

__all__ = ["MAX_ITEMS", "prepare", "serve"]

# A worker is renewed now and then, for whatever native libraries leak; its successor starts beside it.
MAX_ITEMS = 5_000
MAX_GROWTH_BYTES = 256_000_000
ADVANCE_INTERVAL_S = 0.2  # as often as a person sees a bar move
PROGRESS_INTERVAL_S = 0.05  # messages are no more frequent than this, or small files would pay for them
OOM_SCORE_ADJUSTMENT = 500  # where memory runs out, the system kills a worker rather than the driver


def prepare(descriptor: int, driver: int) -> WorkerEnd:
    """Take up the connection, before what may take long: the imports of the modules that the work needs.

    Parameters
    ----------
    descriptor : int
        Of the connection.
    driver : int
        The process number of the driver.
    """
    end = WorkerEnd(descriptor)
    end_with_driver(driver, end.fileno())
    _write_no_core()
    _open_many_files()
    _be_killed_first()
    return end


def serve(end: WorkerEnd, max_memory_bytes: int | None) -> NoReturn:
    """Take calls until the driver closes the connection or dies.

    Parameters
    ----------
    end : WorkerEnd
        Of the connection.
    max_memory_bytes : int or None
        Of anonymous memory; beyond it the system refuses more.
    """
    # The collector was off during the imports, in which it would run about 100 times and find nothing to speak of.
    gc.freeze()
    gc.enable()
    if max_memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (max_memory_bytes, max_memory_bytes))
    with contextlib.suppress(ConnectionError):  # the driver has ended
        end.send(Ready())
        _serve(end)
    os._exit(0)  # nothing is to be finished, and the interpreter would take 30 ms to take itself down


def _serve(end: WorkerEnd) -> None:
    base_bytes = _memory_bytes()
    for call in end.calls():
        watchdog.start(_ProgressSender(end, call.number), _AdvanceSender(end, call.number))
        result, error = None, None
        try:
            result = call.do()
        except MelcliError as raised:
            error = raised
        is_worn = watchdog.num_items >= MAX_ITEMS or _memory_bytes() > base_bytes + MAX_GROWTH_BYTES
        end.send(Answer(call.number, result, error, is_worn))
        del call, result  # nothing is kept while the next call is waited for


class _ProgressSender:
    """Tells the driver which step of a call begins, though not of every short one."""

    def __init__(self, end: WorkerEnd, number: int) -> None:
        self._end = end
        self._number = number
        self._sent_s = float("-inf")
        self._allowed_s = 0.0

    def __call__(self, allowed_s: float) -> None:
        now_s = time.monotonic()
        if now_s - self._sent_s < PROGRESS_INTERVAL_S and allowed_s <= self._allowed_s:
            return
        self._sent_s, self._allowed_s = now_s, allowed_s
        self._end.send(Progress(self._number, allowed_s))


class _AdvanceSender:
    """Tells the driver how far a call is, though not more often than somebody could read it."""

    def __init__(self, end: WorkerEnd, number: int) -> None:
        self._end = end
        self._number = number
        self._sent_s = time.monotonic()  # a call that is over sooner needs no message

    def __call__(self, num_items: int, audio_s: float) -> None:
        now_s = time.monotonic()
        if now_s - self._sent_s >= ADVANCE_INTERVAL_S:
            self._sent_s = now_s
            self._end.send(Advanced(self._number, num_items, audio_s))


def _write_no_core() -> None:
    """Write no core dump: 0 would still give one to a program that collects them; 1 is Linux's sign for none at all."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (1 if most else 0, most))


def _open_many_files() -> None:
    """Open as many files as may be: what does not fit into memory has one for each channel."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # some systems have a limit of their own below this one
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _be_killed_first() -> None:
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(str(OOM_SCORE_ADJUSTMENT))


def _memory_bytes() -> int:
    """Return what is resident now; where there is no /proc, 0: then memory renews no worker."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0
