"""Signals that end a run: the first lets finished work be kept, the second ends it at once."""

from __future__ import annotations

import os
import signal
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from melcli.errors import MelcliError

__all__ = ["Interrupted", "Interrupts"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE_S = 10.0  # with workers that start, once a signal came


class Interrupted(MelcliError):
    """A signal came while nothing was to be kept."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


class Interrupts:
    """Takes SIGINT, SIGTERM and SIGHUP while it is entered as a context manager.

    Attributes
    ----------
    number : int or None
        The signal that came while `deferred` was in force.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._wake: Callable[[], None] | None = None

    def __enter__(self) -> Interrupts:
        # What is ignored stays so: nohup, and jobs that a script has put into the background.
        heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._take) for number in heeded}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

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

    def hold_back(self, start: Callable[[], None], give_up: Callable[[], None]) -> None:
        """Call what starts processes, and raise a signal that came meanwhile only then.

        A worker that is on its way while its engine is taken down would complain on the terminal.

        Parameters
        ----------
        start : callable
            May take two minutes where libraries come from a slow network disk.
        give_up : callable
            Makes ``start`` come back; called `PATIENCE_S` after a signal, inside a handler, and has to be safe there.

        Raises
        ------
        Interrupted
            A signal came, whatever ``start`` raised: the same signal may have ended the processes.
        """

        def lose_patience() -> None:
            signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)

        before = signal.signal(signal.SIGALRM, lambda number, frame: give_up())
        try:
            with self.deferred(lose_patience):
                start()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            if self.number is not None:
                raise Interrupted(self.number)

    def _take(self, number: int, frame: types.FrameType | None) -> None:
        if self._wake is None:
            raise Interrupted(number)
        if self.number is not None:
            os._exit(128 + number)  # the second one; the workers see their parent die and end too
        self.number = number
        self._wake()
