"""The main loop of the planning process.

It imports little, because a run waits for it: neither NumPy nor what reads audio.
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


def serve(driver: int, place: int | None) -> NoReturn:
    """Answer calls that come from standard input until it ends; what they yield goes to standard output.

    Parameters
    ----------
    driver : int
        The process number of the driver.
    place : int or None
        Descriptor of a file that holds the path which the process is at, after its length.
    """
    exit_with_driver(driver, 0)
    calls = FileCalls() if place is None else FileCalls(lambda path: _write_place(place, path))
    while header := _read(HEADER_BYTES):
        name, argument = marshal.loads(_read(int.from_bytes(header)))  # noqa: S302  from our own process
        try:
            for part in calls.parts(name, argument):
                _write(encode((PART, part)))
        except (MelcliError, OSError) as error:
            import pickle  # late, since it takes longer than all the rest

            _write(encode((ERROR, pickle.dumps(error))))
        else:
            _write(encode((DONE, None)))
    os._exit(0)  # nothing is to be finished


def _write_place(place: int, path: str) -> None:
    name = os.fsencode(path)
    os.pwrite(place, len(name).to_bytes(HEADER_BYTES) + name, 0)


def _read(size: int) -> bytes:
    """Read so many bytes; fewer at the end."""
    data = bytearray()
    while len(data) < size and (piece := os.read(0, size - len(data))):
        data += piece
    return bytes(data)


def _write(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]
