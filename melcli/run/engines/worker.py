"""What runs inside a worker process: it takes calls from the driver, one at a time, and gives their results."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from melcli.errors import MelcliError
from melcli.run.guard import guard

__all__ = ["Answer", "Call", "serve"]

Call = tuple[Callable[[Any], Any], Any]

# A worker is renewed now and then, for whatever native libraries leak; that takes 30 ms.
MOST_ITEMS = 5_000
MOST_GROWTH_BYTES = 256_000_000


class Answer(NamedTuple):
    """What came of a call.

    Attributes
    ----------
    result : object
        What was returned.
    error : MelcliError or None
        What was raised on purpose.  Any other exception ends the process, with its traceback on standard error.
    retires : bool
        The process ends now, and the next call needs another one.
    """

    result: Any = None
    error: MelcliError | None = None
    retires: bool = False


def serve(connection: Connection, stderr_path: str | None, max_memory_bytes: int | None) -> None:
    """Serve until the driver closes the connection or dies.

    Parameters
    ----------
    connection : Connection
        To the driver; an empty answer says that the process is ready.
    stderr_path : str or None
        Where standard error goes.
    max_memory_bytes : int or None
        Of anonymous memory; beyond it the system refuses more.
    """
    driver = parent_process()
    if driver is not None and not driver.is_alive():
        return  # killed meanwhile: nothing is to be left of it
    guard.take_up(stderr_path)
    _write_no_core()
    _open_many_files()
    if max_memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (max_memory_bytes, max_memory_bytes))
    threading.Thread(target=_end_with_driver, daemon=True).start()
    connection.send(Answer())
    memory_bytes = _memory_bytes()
    retires = False
    while not retires:
        try:
            function, argument = connection.recv()
        except EOFError:
            return
        result, error = None, None
        try:
            result = function(argument)
        except MelcliError as raised:
            error = raised
        retires = guard.num_items >= MOST_ITEMS or _memory_bytes() > memory_bytes + MOST_GROWTH_BYTES
        connection.send(Answer(result, error, retires))


def _write_no_core() -> None:
    """Write no core dump: 0 would still give one to a program that collects them; 1 is Linux's sign for none at all."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (1 if most else 0, most))


def _open_many_files() -> None:
    """Open as many files as may be: what does not fit into memory has one for each channel."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _memory_bytes() -> int:
    """Return what is resident now; where there is no /proc, 0: then memory renews no worker."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def _end_with_driver() -> None:
    """End a busy worker whose driver was killed; left alone it would go on to the end of its batch."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
