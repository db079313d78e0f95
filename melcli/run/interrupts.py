"""Signals: the first one stops a run and keeps finished work, the second ends it at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from melcli.errors import MelcliError

__all__ = ["Interrupted", "Interrupts"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RAISE_INTERVAL_S = 0.1  # until `Interrupted` is raised again, since some code swallows exceptions
HANDLER_TIMEOUT_S = 1.0  # from a second signal to the end of the process, if Python does not run the handler
DUPLICATE_S = 0.02  # two signals within this time count as one: timeout(1) sends it to the process and to its group


class Interrupted(MelcliError):
    """The process received a signal while there was no finished work to keep."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


class Interrupts:
    """Handles SIGINT, SIGTERM and SIGHUP inside its context.

    A signal raises `Interrupted` in the main thread, repeatedly until the context ends, because some code swallows
    exceptions (the import system's callbacks).  A second signal ends the process, also while the main thread is in a
    system call or in C code that releases the GIL.

    Parameters
    ----------
    ends_process : bool
        Whether a second signal ends the process.  If not, for a program that imports melcli, a second signal raises
        `Interrupted`, also while the first one is `deferred`.

    Attributes
    ----------
    number : int or None
        The first signal; None without one.
    """

    def __init__(self, *, ends_process: bool = True) -> None:
        self.number: int | None = None
        self._ends_process = ends_process
        self._wake: Callable[[], None] | None = None
        self._received_s = 0.0
        self._handlers: dict[int, Any] = {}
        self._second_signal: _SecondSignal | None = None
        self._unraisable: Any = None
        self._is_entered = False

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is not threading.main_thread():
            return self  # only the main thread can set handlers
        # Ignored signals stay ignored: nohup, and background jobs of scripts.  So do handlers that are not Python's, in
        # a program that embeds Python.
        handled = [number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
        self._is_entered = True
        self._unraisable, sys.unraisablehook = sys.unraisablehook, self._hide_interrupted
        self._second_signal = _SecondSignal(handled) if self._ends_process else None
        for number in handled:
            self._handlers[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_entered:
            return
        if signal.SIGALRM in self._handlers:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if self._second_signal is not None:
            self._second_signal.close()
        sys.unraisablehook = self._unraisable

    @contextmanager
    def deferred(self, wake: Callable[[], None]) -> Iterator[None]:
        """Inside this context, a first signal sets `number` and calls ``wake`` instead of raising.

        ``wake`` runs in the signal handler and must be safe there.
        """
        self._wake = wake
        try:
            yield
        finally:
            self._wake = None

    def _handle(self, number: int, frame: types.FrameType | None) -> None:
        if self.number is not None:
            if time.monotonic() - self._received_s > DUPLICATE_S:
                if self._ends_process:
                    os._exit(128 + number)  # the workers end with their driver
                self._wake = None
                self._raise()
            return
        self.number, self._received_s = number, time.monotonic()
        if self._wake is not None:
            self._wake()
        else:
            self._raise()

    def _raise_again(self, number: int, frame: types.FrameType | None) -> None:
        if self.number is not None and self._wake is None:
            self._raise()

    def _raise(self) -> None:
        if signal.SIGALRM not in self._handlers:  # only now, since the program may use SIGALRM itself
            self._handlers[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._raise_again) or signal.SIG_DFL
        signal.setitimer(signal.ITIMER_REAL, RAISE_INTERVAL_S)
        raise Interrupted(self.number or 0)

    def _hide_interrupted(self, unraisable: Any) -> None:
        if unraisable.exc_type is not Interrupted:
            self._unraisable(unraisable)


class _SecondSignal:
    """A thread that ends the process `HANDLER_TIMEOUT_S` after a second signal, if the main thread has not."""

    def __init__(self, numbers: list[signal.Signals]) -> None:
        self._numbers = set(numbers)
        self._closed = threading.Event()
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._before: int | None = None
        try:
            threading.Thread(target=self._listen, name="signals", daemon=True).start()
        except RuntimeError:  # the system starts no more threads
            os.close(self._read)
        else:
            self._before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        if self._before is not None:
            signal.set_wakeup_fd(self._before)
        os.close(self._write)  # the thread reads the end, and closes the other side

    def _listen(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # signals must interrupt the main thread's system calls
        first_s = None
        while received := os.read(self._read, 64):
            number = next(filter(self._numbers.__contains__, received), None)
            if number is None:  # SIGALRM, or a signal with another handler
                continue
            if first_s is None:
                first_s = time.monotonic()
            elif time.monotonic() - first_s > DUPLICATE_S and not self._closed.wait(HANDLER_TIMEOUT_S):
                os._exit(128 + number)
        os.close(self._read)
