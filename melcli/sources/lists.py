"""Lists of paths: ``--files-from`` with one path per line, ``--files-from0`` with NUL."""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Literal, cast

from melcli.addresses import refuse_url
from melcli.errors import ConfigError
from melcli.opening import NotRegular, regular_or_inherited
from melcli.printable import printable
from melcli.sources.list_formats import refuse_other_formats

__all__ = ["read_list"]

Separator = Literal[b"\n", b"\0"]

PIECE_BYTES = 1 << 16
MAX_PATH_BYTES = 4096  # that Linux takes; macOS takes 1024
# So many paths and the items that they become take gigabytes of memory.  Nothing but a stream without an end is longer.
MAX_PATHS = 10_000_000
MAX_LIST_BYTES = 1 << 30
WRITER_WAIT_S = 30.0  # for the program that is to write into a named pipe, such as one that was started just before
WRITER_TICK_S = 0.05


def read_list(path: str, separator: Separator) -> list[str]:
    r"""Read the paths of a list, in its order; nothing is a comment and nothing is quoted.

    Parameters
    ----------
    path : str
        A file, or ``-`` for standard input.  A named pipe is read if somebody opens it for writing within
        `WRITER_WAIT_S`.
    separator : bytes
        ``b"\0"`` takes every name byte for byte, as ``find -print0`` writes it.  ``b"\n"`` also reads what Windows
        wrote: a byte order mark at the start and the CR of a CRLF are dropped, so a name that ends in CR needs NUL.

    Returns
    -------
    list of str
        As `os.fsdecode` gives them, so bytes that are not UTF-8 survive.  Empty ones are left out.

    Raises
    ------
    ConfigError
        The list cannot be read, is plainly in the other format, or is longer than any list of paths: no more of it
        than `MAX_LIST_BYTES` is read.
    """
    refuse_url("list", path)
    where = "standard input" if path == "-" else printable(path)
    names: list[str] = []
    num_paths = 0
    for paths in _whole_paths(_pieces(path, where), separator, where):
        if separator == b"\n" and not num_paths:
            paths[0] = paths[0].removeprefix(codecs.BOM_UTF8)
            refuse_other_formats(paths[0], where, path=path)
        num_paths += len(paths)
        if num_paths > MAX_PATHS:
            raise ConfigError(f"{where}: the list has more than {MAX_PATHS:,} paths, which is the limit")
        if max(map(len, paths)) > MAX_PATH_BYTES:
            raise ConfigError(f"{where}: a path of more than {MAX_PATH_BYTES:,} bytes; no system has longer ones")
        if separator == b"\n":
            paths = [name.removesuffix(b"\r") for name in paths]
        names += [os.fsdecode(name) for name in paths if name]
    return names


def _whole_paths(pieces: Iterator[bytes], separator: Separator, where: str) -> Iterator[list[bytes]]:
    """Split a stream at the separators; what is too long for a path comes out without its end."""
    num_bytes = 0
    found = False
    rest = b""
    for piece in pieces:
        num_bytes += len(piece)
        if num_bytes > MAX_LIST_BYTES:
            raise ConfigError(f"{where}: the list has more than {MAX_LIST_BYTES:,} bytes, which is the limit")
        if separator == b"\n" and b"\0" in piece:
            raise ConfigError(f"{where}: a list with one path a line holds a NUL", hint="read it with --files-from0")
        *paths, rest = (rest + piece).split(separator)
        if paths:
            found = True
            yield paths
        if len(rest) > MAX_PATH_BYTES:
            break
    if separator == b"\0" and not found and b"\n" in rest:
        raise ConfigError(
            f"{where}: a list with NUL after each path holds lines and no NUL", hint="read it with --files-from"
        )
    yield [rest]


def _pieces(path: str, where: str) -> Iterator[bytes]:
    """Read a file or standard input piece by piece, to its end."""
    try:
        if path == "-":
            yield from _pieces_of_stdin()
            return
        with open(path, "rb", buffering=0, opener=_open) as file:
            yield from _pieces_of(file.fileno())
    except OSError as error:
        raise ConfigError(f"{where}: the list cannot be read: {error.strerror}") from error


def _pieces_of_stdin() -> Iterator[bytes]:
    if sys.stdin is None:  # so Python leaves it when descriptor 0 is closed, as under some daemons
        raise ConfigError("standard input is closed; the list was to come from there")
    stdin = cast(io.BufferedReader, sys.stdin.buffer)
    while True:
        with suppress(io.UnsupportedOperation):  # a stream of Python's own
            select.select([stdin], [], [])  # where it does not block, nothing yet would look like the end
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
    """Open a regular file, a descriptor that we were given, a named pipe or a device, without waiting for anybody."""
    try:
        return regular_or_inherited(path, flags)
    except NotRegular:
        if stat.S_IFMT(os.stat(path).st_mode) not in (stat.S_IFIFO, stat.S_IFCHR):
            raise
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _wait_for_writer(descriptor: int) -> bytes:
    """Return once somebody writes into a named pipe that we opened; its first bytes, if there are any yet.

    Without a writer a read that does not block gives nothing, as at the end.  At the end the pipe is also hung up.
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
            raise OSError(errno.ETIMEDOUT, f"nobody opened this named pipe for writing in {WRITER_WAIT_S:g} s")
        time.sleep(WRITER_TICK_S)
