"""Faults inside a worker, chosen by the name of the file that it decodes.

`FaultyEngine` is the local engine, but its workers act on a file's name: ``b.SIGSEGV.wav``, ``b.exit0.wav``,
``b.hang.wav``, ``b.shout.wav`` (prints and aborts), ``b.hoard.wav`` (allocates all memory).  The fault occurs when that
file is decoded; others of its batch may already be staged.  ``limits.timeout_per_item_s`` ends a hanging worker.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from melcli.audio.load import AudioStream, open_file
from melcli.run import open_source
from melcli.run.engines.local import LocalEngine

__all__ = ["BEFORE", "FaultyEngine"]

# For `tests.cli.shell.start`; PYTHONPATH must contain the folder of `tests`, so that workers find this module.
BEFORE = (
    "import melcli.run.engines.local as local\n"
    "from tests.run.faults import FaultyEngine\n"
    "local.LocalEngine = FaultyEngine"
)


class FaultyEngine(LocalEngine):
    """The local engine with faults."""

    def submit(self, function: Callable[[Any], Any], argument: Any, *, timeout_s: float) -> Future[Any]:
        return super().submit(partial(_with_faults, function), argument, timeout_s=timeout_s)


def _with_faults(function: Callable[[Any], Any], argument: Any) -> Any:
    setattr(open_source, "AudioStream", _Faulty)  # noqa: B010  in this worker alone
    setattr(open_source, "open_file", _open_file)  # noqa: B010
    return function(argument)


class _Faulty(AudioStream):
    def __init__(self, source: Any, *arguments: Any, **options: Any) -> None:
        if isinstance(source, str):
            _strike_at(source)
        super().__init__(source, *arguments, **options)


def _open_file(path: str, *arguments: Any) -> Any:
    """Open a recording, for parts of it."""
    _strike_at(path)
    return open_file(path, *arguments)


def _strike_at(path: str) -> None:
    fault = re.search(r"\.(SIG\w+|exit\d+|hang|shout|hoard)\.", os.path.basename(path))
    if fault is not None:
        _strike(fault[1])


def _strike(fault: str) -> None:
    if fault == "hang":
        time.sleep(3600)
    if fault == "shout":
        os.write(2, b"free(): \x1b[31minvalid pointer\n aborting\n")
        os.abort()
    if fault == "hoard":
        hoard = []
        while True:
            hoard.append(b"\1" * 2**20)
    if fault.startswith("exit"):
        os._exit(int(fault.removeprefix("exit")))
    os.kill(os.getpid(), signal.Signals[fault])
    raise AssertionError(f"{fault} did not end the worker")
