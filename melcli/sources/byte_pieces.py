"""Read the bytes of a list or a table in pieces: a file, a named pipe, a device or standard input."""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import cast

from melcli.errors import ConfigError
from melcli.opening import NotRegular, regular_or_inherited
from melcli.printable import printable

__all__ = ["name_of", "read_pieces"]

PIECE_BYTES = 1 << 16
WRITER_WAIT_S = 30.0  # for the program that writes into a named pipe, which may have been started just before
WRITER_TICK_S = 0.05


def name_of(path: str) -> str:
    """Return the name of a file in messages, not escaped: its path, or ``standard input``."""
    return "standard input" if path == "-" else path


def read_pieces(what: str, path: str) -> Iterator[bytes]:
    """Yield the bytes of a file to its end, in pieces that are not empty.

    Parameters
    ----------
    what : str
        The meaning of the file, such as ``list``.
    path : str
        A file, or ``-`` for standard input.  A named pipe is read if another process opens it for writing within
        `WRITER_WAIT_S`.

    Raises
    ------
    ConfigError
        It cannot be read.
    """
    try:
        if path == "-":
            yield from _pieces_of_stdin(what)
            return
        with open(path, "rb", buffering=0, opener=_open) as file:
            yield from _pieces_of(file.fileno())
    except OSError as error:
        raise ConfigError(f"{printable(name_of(path))}: the {what} cannot be read: {error.strerror}") from error


def _pieces_of_stdin(what: str) -> Iterator[bytes]:
    if sys.stdin is None:  # Python sets this if descriptor 0 is closed, as under some daemons
        raise ConfigError(f"standard input is closed, so the {what} cannot be read from it")
    stdin = cast(io.BufferedReader, sys.stdin.buffer)
    while True:
        with suppress(io.UnsupportedOperation):  # a stream of Python's own
            select.select([stdin], [], [])  # a non-blocking descriptor without data would look like the end
        piece = stdin.read1(PIECE_BYTES)
        if not piece:
            return
        yield piece


def _pieces_of(descriptor: int) -> Iterator[bytes]:
    piece = _wait_for_writer(descriptor)
    while True:
        if piece:
            yield piece
        try:
            piece = os.read(descriptor, PIECE_BYTES)
        except BlockingIOError:
            select.select([descriptor], [], [])
            piece = b""
            continue
        if not piece:
            return


def _open(path: str, flags: int) -> int:
    """Open a regular file, an inherited descriptor, a named pipe or a device, without blocking."""
    try:
        return regular_or_inherited(path, flags)
    except NotRegular:
        if stat.S_IFMT(os.stat(path).st_mode) not in (stat.S_IFIFO, stat.S_IFCHR):
            raise
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _wait_for_writer(descriptor: int) -> bytes:
    """Wait until another process writes into the named pipe; return its first bytes, if there are any yet.

    Without a writer, a non-blocking read returns nothing, as at the end.  At the end, the pipe is also hung up.
    """
    if os.get_blocking(descriptor) or not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        return b""
    ends = select.poll()
    ends.register(descriptor, select.POLLIN)
    deadline_s = time.monotonic() + WRITER_WAIT_S
    while True:
        try:
            piece = os.read(descriptor, PIECE_BYTES)
        except BlockingIOError:
            return b""
        if piece or ends.poll(0):
            return piece
        if time.monotonic() > deadline_s:
            raise OSError(errno.ETIMEDOUT, f"no process opened this named pipe for writing within {WRITER_WAIT_S:g} s")
        time.sleep(WRITER_TICK_S)
