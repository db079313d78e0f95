"""The main loop of the planning process.

It imports little, because a run waits for it: neither NumPy nor the modules that read audio.
"""

from __future__ import annotations

import marshal
import os
from typing import NoReturn

from melcli.errors import MelcliError
from melcli.run.engines.parent_death import exit_with_driver
from melcli.run.planner.messages import DONE, ERROR, HEADER_BYTES, PART, encode
from melcli.sources.file_calls import FileCalls

__all__ = ["serve"]


def serve(driver_pid: int, path_file: int | None) -> NoReturn:
    """Answer calls from standard input until it ends; the results go to standard output.

    Parameters
    ----------
    driver_pid : int
        The process id of the driver.
    path_file : int or None
        Descriptor of a file for the current path of the process: its length, then the path.
    """
    exit_with_driver(driver_pid, 0)
    calls = FileCalls() if path_file is None else FileCalls(lambda path: _write_path(path_file, path))
    while header := _read(HEADER_BYTES):
        name, argument = marshal.loads(_read(int.from_bytes(header)))  # noqa: S302  from melcli's own process
        try:
            for part in calls.parts(name, argument):
                _write(encode((PART, part)))
        except (MelcliError, OSError) as error:
            import pickle  # imported late: it takes longer than the rest of the start

            _write(encode((ERROR, pickle.dumps(error))))
        else:
            _write(encode((DONE, None)))
    os._exit(0)  # nothing is left to do


def _write_path(path_file: int, path: str) -> None:
    name = os.fsencode(path)
    os.pwrite(path_file, len(name).to_bytes(HEADER_BYTES) + name, 0)


def _read(size: int) -> bytes:
    """Read this number of bytes; fewer at the end of the input."""
    data = bytearray()
    while len(data) < size and (piece := os.read(0, size - len(data))):
        data += piece
    return bytes(data)


def _write(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]
