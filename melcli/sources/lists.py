"""Lists of paths: ``--files-from`` with one path a line, ``--files-from0`` with NUL after each."""

from __future__ import annotations

import codecs
import os
import sys
from pathlib import Path
from typing import Literal

from melcli.errors import ConfigError
from melcli.printable import printable

__all__ = ["read_list"]

Separator = Literal[b"\n", b"\0"]


def read_list(path: str, separator: Separator) -> list[str]:
    r"""Read the paths of a list, in its order; nothing is a comment and nothing is quoted.

    Parameters
    ----------
    path : str
        A file, or ``-`` for standard input.
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
        The list cannot be read, or is plainly in the other format.
    """
    where = "standard input" if path == "-" else printable(path)
    data = _read(path, where)
    if separator == b"\n":
        if b"\0" in data:
            raise ConfigError(f"{where}: a list with one path a line holds a NUL; is it for --files-from0?")
        data = data.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n").removesuffix(b"\r")
    elif b"\0" not in data and b"\n" in data:
        raise ConfigError(f"{where}: a list with NUL after each path holds lines and no NUL; is it for --files-from?")
    return [os.fsdecode(name) for name in data.split(separator) if name]


def _read(path: str, where: str) -> bytes:
    try:
        if path != "-":
            return Path(path).read_bytes()
        if sys.stdin is None:  # so Python leaves it when descriptor 0 is closed, as under some daemons
            raise ConfigError("standard input is closed; the list was to come from there")
        return sys.stdin.buffer.read()
    except OSError as error:
        raise ConfigError(f"{where}: the list cannot be read: {error.strerror}") from error
