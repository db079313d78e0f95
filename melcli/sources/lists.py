"""Read lists of paths: ``--files-from`` with one path per line, ``--files-from0`` with NUL."""

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
from typing import Literal, NamedTuple, cast

from melcli.addresses import refuse_url
from melcli.errors import ConfigError
from melcli.opening import NotRegular, inherited_descriptor, regular_or_inherited
from melcli.printable import printable
from melcli.sources.list_formats import refuse_other_formats

__all__ = ["PathList", "read_list"]

Separator = Literal[b"\n", b"\0"]

PIECE_BYTES = 1 << 16
MAX_PATH_BYTES = 4096  # limit of Linux; macOS has 1024
# A longer list is an endless stream.
MAX_PATHS = 10_000_000
MAX_LIST_BYTES = 1 << 30
WRITER_WAIT_S = 30.0  # for the program that writes into a named pipe, which may have been started just before
WRITER_TICK_S = 0.05


class PathList(NamedTuple):
    """A list of paths that is read during the search; see `read_list`."""

    path: str
    separator: Separator

    @property
    def is_inherited(self) -> bool:
        """Whether it is standard input or another descriptor of this process only."""
        with suppress(OSError):
            return self.path == "-" or inherited_descriptor(self.path) is not None
        return True


def read_list(path: str, separator: Separator) -> Iterator[str]:
    r"""Yield the paths of a list in order; there are no comments and no quoting.

    Parameters
    ----------
    path : str
        A file, or ``-`` for standard input.  A named pipe is read if another process opens it for writing within
        `WRITER_WAIT_S`.
    separator : bytes
        With ``b"\0"``, names are read byte for byte, as ``find -print0`` writes them.  ``b"\n"`` also supports files
        from Windows: a leading byte order mark and the CR of a CRLF are dropped, so a name that ends in CR needs NUL.

    Yields
    ------
    str
        As `os.fsdecode` returns them, so bytes that are not UTF-8 are preserved.  Empty names are omitted.

    Raises
    ------
    ConfigError
        The list cannot be read, is clearly in the other format, or is too long.  At most `MAX_LIST_BYTES` are
        read.
    """
    refuse_url("list", path)
    where = "standard input" if path == "-" else printable(path)
    num_paths = 0
    for paths in _whole_paths(_pieces(path, where), separator, where):
        if separator == b"\n" and not num_paths:
            paths[0] = paths[0].removeprefix(codecs.BOM_UTF8)
            refuse_other_formats(paths[0], where, path=path)
        num_paths += len(paths)
        if num_paths > MAX_PATHS:
            raise ConfigError(f"{where}: the list has more than {MAX_PATHS:,} paths, the maximum")
        if max(map(len, paths)) > MAX_PATH_BYTES:
            raise ConfigError(f"{where}: a path has more than {MAX_PATH_BYTES:,} bytes, the maximum of any system")
        if separator == b"\n":
            paths = [name.removesuffix(b"\r") for name in paths]
        yield from (os.fsdecode(name) for name in paths if name)


def _whole_paths(pieces: Iterator[bytes], separator: Separator, where: str) -> Iterator[list[bytes]]:
    """Split a stream at the separators; the end of a path that is too long is dropped."""
    num_bytes = 0
    found = False
    rest = b""
    for piece in pieces:
        num_bytes += len(piece)
        if num_bytes > MAX_LIST_BYTES:
            raise ConfigError(f"{where}: the list has more than {MAX_LIST_BYTES:,} bytes, the maximum")
        if separator == b"\n" and b"\0" in piece:
            raise ConfigError(f"{where}: it contains a NUL", hint="read it with --files-from0")
        *paths, rest = (rest + piece).split(separator)
        if paths:
            found = True
            yield paths
        if len(rest) > MAX_PATH_BYTES:
            break
    if separator == b"\0" and not found and b"\n" in rest:
        raise ConfigError(
            f"{where}: a list for --files-from0 contains lines but no NUL", hint="read it with --files-from"
        )
    yield [rest]


def _pieces(path: str, where: str) -> Iterator[bytes]:
    """Read a file or standard input in pieces, to its end."""
    try:
        if path == "-":
            yield from _pieces_of_stdin()
            return
        with open(path, "rb", buffering=0, opener=_open) as file:
            yield from _pieces_of(file.fileno())
    except OSError as error:
        raise ConfigError(f"{where}: the list cannot be read: {error.strerror}") from error


def _pieces_of_stdin() -> Iterator[bytes]:
    if sys.stdin is None:  # Python sets this if descriptor 0 is closed, as under some daemons
        raise ConfigError("standard input is closed, so the list cannot be read from it")
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
