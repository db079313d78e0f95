"""Walk a folder: every file in it is met or accounted for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from melcli.sources.items import PassedOver
from melcli.sources.names import extension
from melcli.sources.selection import Selection

__all__ = ["Met", "status_of", "walk"]

_HIDDEN = PassedOver("hidden")
_EXCLUDED = PassedOver("excluded")
_LINK = PassedOver("link")
_OUT = PassedOver("out")


class Met(NamedTuple):
    """A file or folder, its name below its INPUT, and what `os.stat` said of it."""

    name: str
    path: str
    status: os.stat_result | None


def walk(top: str, top_name: str, selection: Selection, out: os.stat_result | None) -> Iterator[Met | PassedOver]:
    """Yield what is in a folder and below it, in no particular order.

    Parameters
    ----------
    top : str
        The folder to start from; here alone a link is followed.
    top_name : str
        Its name, which the names of the files start with; may be ``""``.
    selection : Selection
        Excluded folders are not entered.
    out : os.stat_result or None
        The folder OUT, which is not entered where it is met below ``top``.

    Yields
    ------
    Met or PassedOver
        A link to a file is met as that file, and a broken link or a special file as well, if it is called audio.
        What cannot be listed or looked at is passed over as ``unreadable``.
    """
    pending = [(top_name, top)]
    while pending:
        above, folder = pending.pop()
        for entry in _entries(folder):
            if isinstance(entry, PassedOver):
                yield entry
                continue
            name = f"{above}/{entry.name}" if above else entry.name
            passed_over = _passed_over(entry, name, selection, out)
            if passed_over is not None:
                yield passed_over
            elif entry.is_dir(follow_symlinks=False):
                pending.append((name, entry.path))
            else:
                yield Met(name, entry.path, status_of(entry.path))


def status_of(path: str) -> os.stat_result | None:
    """Return `os.stat`, through links, or None where it is refused."""
    try:
        return os.stat(path)
    except OSError:
        return None


def _entries(folder: str) -> Iterator[os.DirEntry[str] | PassedOver]:
    try:
        with os.scandir(folder) as entries:
            yield from entries  # not held as a list, since a flat folder can have a million
    except OSError as error:
        yield _unreadable(folder, error)


def _passed_over(
    entry: os.DirEntry[str], name: str, selection: Selection, out: os.stat_result | None
) -> PassedOver | None:
    """Say why an entry is passed over, or None for a file to take and a folder to enter."""
    if entry.name.startswith("."):
        return _HIDDEN
    if selection.excludes(name):
        return _EXCLUDED
    try:
        if entry.is_dir(follow_symlinks=False):
            is_out = out is not None and os.path.samestat(entry.stat(), out)
            return _OUT if is_out else None
    except OSError as error:
        return _unreadable(entry.path, error)
    if entry.is_symlink() and os.path.isdir(entry.path):
        return _LINK
    return None if selection.takes(name) else PassedOver("other", extension(name))


def _unreadable(path: str, error: OSError) -> PassedOver:
    return PassedOver("unreadable", path, error.strerror or str(error))
