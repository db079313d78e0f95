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
AGAIN_S = 0.1  # after which a signal is raised again, if whatever runs has swallowed the exception
SECOND_S = 1.0  # after a second signal, if Python does not come to handle it
ONE_SIGNAL_S = 0.02  # what comes sooner is the same one: timeout(1) sends it to the process and to its group


class Interrupted(MelcliError):
    """A signal came while nothing was to be kept."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


class Interrupts:
    """Takes SIGINT, SIGTERM and SIGHUP while it is entered as a context manager.

    A signal raises `Interrupted` wherever the main thread is, and again until the context is left: some code swallows
    exceptions, such as the import system's callbacks.  A second signal ends the process, also while the main thread is
    inside a call of the system or of C code that lets other threads run.

    Parameters
    ----------
    ends_process : bool
        Whether a second signal ends the process.  Otherwise, for a program that calls melcli, it raises `Interrupted`
        too, also while a first one is `deferred`.

    Attributes
    ----------
    number : int or None
        The signal that came.
    """

    def __init__(self, *, ends_process: bool = True) -> None:
        self.number: int | None = None
        self._ends_process = ends_process
        self._wake: Callable[[], None] | None = None
        self._taken_s = 0.0
        self._handlers: dict[int, Any] = {}
        self._listener: _SecondSignal | None = None
        self._unraisable: Any = None
        self._is_entered = False

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is not threading.main_thread():
            return self  # as a library: Python leaves signals to the main thread
        # What is ignored stays so: nohup, and jobs that a script has put into the background.
        # So does what is not Python's, in a program that has an interpreter inside.
        heeded = [number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
        self._is_entered = True
        self._unraisable, sys.unraisablehook = sys.unraisablehook, self._hide_interrupted
        self._listener = _SecondSignal(heeded) if self._ends_process else None
        for number in heeded:
            self._handlers[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_entered:
            return
        if signal.SIGALRM in self._handlers:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if self._listener is not None:
            self._listener.close()
        sys.unraisablehook = self._unraisable

    @contextmanager
    def deferred(self, wake: Callable[[], None]) -> Iterator[None]:
        """While this is open a first signal raises nothing: it is written down and ``wake`` is called.

        ``wake`` runs inside the signal handler and has to be safe there.
        """
        self._wake = wake
        try:
            yield
        finally:
            self._wake = None

    def _take(self, number: int, frame: types.FrameType | None) -> None:
        if self.number is not None:
            if time.monotonic() - self._taken_s > ONE_SIGNAL_S:
                if self._ends_process:
                    os._exit(128 + number)  # the workers end with their driver
                self._wake = None
                self._raise()
            return
        self.number, self._taken_s = number, time.monotonic()
        if self._wake is not None:
            self._wake()
        else:
            self._raise()

    def _raise_again(self, number: int, frame: types.FrameType | None) -> None:
        if self.number is not None and self._wake is None:
            self._raise()

    def _raise(self) -> None:
        if signal.SIGALRM not in self._handlers:  # not before: it may be somebody else's
            self._handlers[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._raise_again) or signal.SIG_DFL
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
        raise Interrupted(self.number or 0)

    def _hide_interrupted(self, unraisable: Any) -> None:
        if unraisable.exc_type is not Interrupted:
            self._unraisable(unraisable)


class _SecondSignal:
    """A thread that ends the process some time after a second signal, if the main thread does not come to do so."""

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
        """Listen no more."""
        self._closed.set()
        if self._before is not None:
            signal.set_wakeup_fd(self._before)
        os.close(self._write)  # the thread finds the end, and closes the other side

    def _listen(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # they are the main thread's, whose calls they interrupt
        first_s = None
        while received := os.read(self._read, 64):
            number = next(filter(self._numbers.__contains__, received), None)
            if number is None:  # SIGALRM, or another one that somebody else takes
                continue
            if first_s is None:
                first_s = time.monotonic()
            elif time.monotonic() - first_s > ONE_SIGNAL_S and not self._closed.wait(SECOND_S):
                os._exit(128 + number)
        os.close(self._read)
