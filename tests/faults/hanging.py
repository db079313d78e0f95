"""Reads that hang for certain file names, as on a network disk that no longer answers.

`HangingEngine` is the local engine.  In its workers, a file named ``b.hang_header.wav`` hangs whenever its header is
read, and ``b.hang_decode.wav`` when it is decoded.  Each first writes a file, for which a test can wait: its name is in
the environment variable `MARKER`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from melcli.audio.load import AudioStream
from melcli.run import open_source, process_batch
from melcli.run.engines.local import LocalEngine

__all__ = ["BEFORE", "MARKER", "ROOT", "HangingEngine"]

MARKER = "TESTS_HANGING_MARKER"
ROOT = str(Path(__file__).parents[2])
# For `tests.cli.shell.start`; PYTHONPATH must contain ROOT, so that workers find this module.
BEFORE = (
    "import melcli.run.engines.local as local\n"
    "from tests.faults.hanging import HangingEngine\n"
    "local.LocalEngine = HangingEngine"
)

_measure = process_batch.measure


class HangingEngine(LocalEngine):
    """The local engine with reads that hang."""

    def submit(self, function: Callable[[Any], Any], argument: Any, *, timeout_s: float) -> Future[Any]:
        return super().submit(partial(_with_hangs, function), argument, timeout_s=timeout_s)


def _with_hangs(function: Callable[[Any], Any], argument: Any) -> Any:
    setattr(process_batch, "measure", _hanging_measure)  # noqa: B010  in this worker alone
    setattr(open_source, "AudioStream", _Hanging)  # noqa: B010
    return function(argument)


def _hanging_measure(path: str, **options: Any) -> Any:
    _hang_at(path, "hang_header")
    return _measure(path, **options)


class _Hanging(AudioStream):
    def __init__(self, path: str, *arguments: Any, **options: Any) -> None:
        _hang_at(path, "hang_header")
        super().__init__(path, *arguments, **options)
        self._path_of_test = path

    def blocks(self) -> Iterator[Any]:
        _hang_at(self._path_of_test, "hang_decode")
        return super().blocks()


def _hang_at(path: str, where: str) -> None:
    if f".{where}." in os.path.basename(path):
        marker = os.environ.get(MARKER)
        if marker:
            Path(marker).touch()
        time.sleep(3600)
