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

from melcli.audio.load import AudioStream
from melcli.run import process_batch
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
    setattr(process_batch, "AudioStream", _Faulty)  # noqa: B010  in this worker alone
    return function(argument)


class _Faulty(AudioStream):
    def __init__(self, path: str, *arguments: Any, **options: Any) -> None:
        fault = re.search(r"\.(SIG\w+|exit\d+|hang|shout|hoard)\.", os.path.basename(path))
        if fault is not None:
            _strike(fault[1])
        super().__init__(path, *arguments, **options)


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
