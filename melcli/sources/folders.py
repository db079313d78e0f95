"""Walk a folder, and count every file that is skipped."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from itertools import chain
from typing import NamedTuple, Protocol

from melcli.sources.item_values import Values
from melcli.sources.items import PassedOver
from melcli.sources.names import extension
from melcli.sources.outputs import OUTPUT_EXTENSIONS, Outputs
from melcli.sources.selection import Selection

__all__ = ["Met", "Piece", "TakesFiles", "status_of", "walk", "walk_in_pieces"]

ENTRIES_AT_A_TIME = 2048

_HIDDEN = PassedOver("hidden")
_EXCLUDED = PassedOver("excluded")
_LINK = PassedOver("link")
_AGAIN = PassedOver("again")
_OUT = PassedOver("out")

_BROKEN = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}  # a link that leads nowhere, not even later


class Met(NamedTuple):
    """A file or folder, its name below its INPUT, and what `os.stat` said of it."""

    name: str
    path: str
    status: os.stat_result | None


class Piece(NamedTuple):
    """Some entries of a folder: values of files that were taken at once, sorted by id, and all others.

    The others have to be read before the next piece, since folders among them are entered next.
    """

    taken: list[Values]
    others: Iterator[Met | PassedOver]


class TakesFiles(Protocol):
    """Takes many files of a folder at once; see `melcli.sources.plain_files.PlainFiles`."""

    def take(self, entries: list[os.DirEntry[str]], above: str) -> tuple[list[Values], list[os.DirEntry[str]]]:
        """Return the values of some entries, sorted by id, and the other entries; ``above`` begins their names."""


class _Folder(NamedTuple):
    """A folder to enter; they are entered in this order."""

    links: int  # that are followed on the way
    order: tuple[str, ...]
    above: str  # what the names in it begin with
    path: str
    identity: tuple[int, int] | str


def walk(
    top: str,
    top_name: str,
    selection: Selection,
    out: Outputs | None,
    *,
    follow_symlinks: bool = False,
    at: Callable[[str], None] = lambda path: None,
) -> Iterator[Met | PassedOver]:
    """Yield what is in a folder and below it, in no particular order.

    Parameters
    ----------
    top : str
        The folder to start from, also where it is a link.
    top_name : str
        Its name, which the names of the files start with; may be ``""``.
    selection : Selection
        Excluded folders are not entered.
    out : Outputs or None
        OUT, which is not entered where it is met below ``top``.
    follow_symlinks : bool
        Whether links to folders are followed, also out of ``top``.  Each folder that only links lead to is entered
        once: of several ways the one through the fewest links, and of those the one with the least name, compared part
        by part.
    at : callable, optional
        Called with the path of each folder before it is read.

    Yields
    ------
    Met or PassedOver
        A link to a file is met as that file, and a broken link or a special file as well, if it is called audio.
        What cannot be listed or looked at is skipped as ``unreadable``.  A folder that holds itself, as a bind
        mount can, is not entered in itself.
    """
    for piece in walk_in_pieces(top, top_name, selection, out, None, follow_symlinks=follow_symlinks, at=at):
        yield from piece.others


def walk_in_pieces(
    top: str,
    top_name: str,
    selection: Selection,
    out: Outputs | None,
    files: TakesFiles | None,
    *,
    follow_symlinks: bool = False,
    at: Callable[[str], None] = lambda path: None,
) -> Iterator[Piece]:
    """Do the same as `walk`, but yield some entries of a folder at a time, and let ``files`` take what it can."""
    search = _Walk(top, selection, out, follow_symlinks)
    above = f"{top_name}/" if top_name else ""
    pending = [_Folder(0, _order(above, 0), above, top, _identity(top, status_of(top)))]
    entered: set[tuple[int, int] | str] = set()
    while pending:
        # What a folder leads to comes after it in this order, so the first way to a folder that comes off the heap is
        # the one to take, in whatever order the file system lists the entries.
        folder = heappop(pending)
        if folder.identity in entered and (folder.links or _is_within_itself(folder, top)):
            yield Piece([], iter([_AGAIN]))
            continue
        entered.add(folder.identity)
        at(folder.path)
        for entries, unreadable in _entries(folder.path):
            taken, others = ([], entries) if files is None else files.take(entries, folder.above)
            yield Piece(taken, chain(search.look_at(others, folder, pending), unreadable))


def status_of(path: str) -> os.stat_result | None:
    """Return `os.stat`, through links, or None where it is refused."""
    try:
        return os.stat(path)
    except OSError:
        return None


class _Walk:
    """What is the same for all entries of one walk."""

    def __init__(self, top: str, selection: Selection, out: Outputs | None, follow_symlinks: bool) -> None:
        self._selection = selection
        self._out = out
        self._follow_symlinks = follow_symlinks
        self._within_out = out is not None and out.hold(top)

    def look_at(
        self, entries: Iterable[os.DirEntry[str]], folder: _Folder, pending: list[_Folder]
    ) -> Iterator[Met | PassedOver]:
        """Say what the entries of a folder are, and add folders among them to those that are to be entered."""
        for entry in entries:
            seen = self._look_at(entry, folder.above + entry.name, folder.links)
            if isinstance(seen, _Folder):
                heappush(pending, seen)
            else:
                yield seen

    def _look_at(self, entry: os.DirEntry[str], name: str, links: int) -> Met | PassedOver | _Folder:
        """Say what an entry is; ``links`` were followed to its folder."""
        if entry.name.startswith("."):
            return _HIDDEN
        if self._selection.excludes(name):
            return _EXCLUDED
        try:
            if entry.is_dir(follow_symlinks=False):
                return self._folder(entry, name, entry.stat(follow_symlinks=False), links)
        except OSError as error:
            return _unreadable(entry.path, error)
        behind = self._behind_link(entry, name, links) if entry.is_symlink() else None
        if behind is not None:
            return behind
        own = self._within_out and extension(name) in OUTPUT_EXTENSIONS
        if own or not self._selection.takes(name):
            return PassedOver("other", extension(name))
        return Met(name, entry.path, status_of(entry.path))

    def _behind_link(self, entry: os.DirEntry[str], name: str, links: int) -> PassedOver | _Folder | None:
        """Say what a link to a folder is, or None for any other link."""
        try:
            status = os.stat(entry.path)
        except OSError as error:
            # It may be a folder full of inputs; a file's own name tells, and then the file fails as one input.
            maybe_folder = self._follow_symlinks and error.errno not in _BROKEN and not self._selection.takes(name)
            return _unreadable(entry.path, error) if maybe_folder else None
        if not stat.S_ISDIR(status.st_mode):
            return None
        if not self._follow_symlinks:
            return _LINK
        if self._out is not None and self._out.hold(entry.path):
            return _OUT
        return self._folder(entry, name, status, links + 1)

    def _folder(self, entry: os.DirEntry[str], name: str, status: os.stat_result, links: int) -> PassedOver | _Folder:
        if self._out is not None and self._out.is_here(status):
            return _OUT
        above = f"{name}/"
        return _Folder(links, _order(above, links), above, entry.path, _identity(entry.path, status))


def _order(above: str, links: int) -> tuple[str, ...]:
    """Return what folders behind the same number of links are entered by.

    Without links any order will do, and that of the ids saves sorting the items.
    """
    return tuple(above.split("/")) if links else (above,)


def _identity(path: str, status: os.stat_result | None) -> tuple[int, int] | str:
    """Return what tells a folder from all others; some network and FUSE file systems have no inode numbers."""
    return (status.st_dev, status.st_ino) if status is not None and status.st_ino else os.path.realpath(path)


def _is_within_itself(folder: _Folder, top: str) -> bool:
    path = folder.path
    while len(path) > len(top):
        path = os.path.dirname(path)
        if _identity(path, status_of(path)) == folder.identity:
            return True
    return False


def _entries(folder: str) -> Iterator[tuple[list[os.DirEntry[str]], list[PassedOver]]]:
    """Yield some entries at a time, since a flat folder can have a million, and at the end what failed."""
    some: list[os.DirEntry[str]] = []
    failed = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                some.append(entry)
                if len(some) == ENTRIES_AT_A_TIME:
                    yield some, []
                    some = []
    except OSError as error:
        failed.append(_unreadable(folder, error))
    yield some, failed


def _unreadable(path: str, error: OSError) -> PassedOver:
    return PassedOver("unreadable", path, error.strerror or str(error))
