"""Read lists of paths: ``--files-from`` with one path per line, ``--files-from0`` with NUL."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Literal, NamedTuple

from melcli.addresses import refuse_url
from melcli.errors import ConfigError
from melcli.opening import inherited_descriptor
from melcli.printable import printable
from melcli.sources.byte_pieces import name_of, read_pieces
from melcli.sources.list_formats import refuse_other_formats

__all__ = ["PathList", "read_list"]

Separator = Literal[b"\n", b"\0"]

MAX_PATH_BYTES = 4096  # limit of Linux; macOS has 1024
# A longer list is an endless stream.
MAX_PATHS = 10_000_000
MAX_LIST_BYTES = 1 << 30


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
        A file, or ``-`` for standard input; see `melcli.sources.byte_pieces.read_pieces`.
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
    where = printable(name_of(path))
    num_paths = 0
    for paths in _whole_paths(read_pieces("list", path), separator, where):
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
