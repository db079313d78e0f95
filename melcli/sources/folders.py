"""Walk a folder, and count the files that are skipped."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from itertools import chain
from typing import NamedTuple, Protocol

from melcli.sources.item_values import Values
from melcli.sources.items import Skipped
from melcli.sources.names import extension
from melcli.sources.outputs import OUTPUT_EXTENSIONS, Outputs
from melcli.sources.selection import Selection

__all__ = ["FoundPath", "Piece", "TakesFiles", "status_of", "walk", "walk_in_pieces"]

ENTRIES_AT_A_TIME = 2048

_HIDDEN = Skipped("hidden")
_EXCLUDED = Skipped("excluded")
_LINK = Skipped("link")
_AGAIN = Skipped("again")
_OUT = Skipped("out")

_BROKEN = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}  # the link has no target


class FoundPath(NamedTuple):
    """A file or folder, its name relative to its INPUT, and its `os.stat` if that succeeded."""

    name: str
    path: str
    status: os.stat_result | None


class Piece(NamedTuple):
    """Some entries of a folder: values of plain files, sorted by id, and all other entries.

    The others must be read before the next piece, since folders among them are entered next.
    """

    taken: list[Values]
    others: Iterator[FoundPath | Skipped]


class TakesFiles(Protocol):
    """Handles many files of a folder at once; see `melcli.sources.plain_files.PlainFiles`."""

    def take(self, entries: list[os.DirEntry[str]], above: str) -> tuple[list[Values], list[os.DirEntry[str]]]:
        """Return the values of plain files, sorted by id, and the other entries; ``above`` is the prefix of names."""


class _Folder(NamedTuple):
    """A folder to enter; folders are entered in this sort order."""

    links: int  # number of links followed to get there
    order: tuple[str, ...]
    above: str  # prefix of the names in it
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
) -> Iterator[FoundPath | Skipped]:
    """Yield the files of a folder and its subfolders, in no particular order.

    Parameters
    ----------
    top : str
        The folder to start from; may be a link.
    top_name : str
        Prefix for the names of the files; may be ``""``.
    selection : Selection
        Excluded folders are not entered.
    out : Outputs or None
        OUT, which is not entered if it is found below ``top``.
    follow_symlinks : bool
        Whether to follow links to folders, even out of ``top``.  A folder that is reached only through links is
        entered once: by the way with the fewest links, then by the first name, compared part by part.
    at : callable, optional
        Called with the path of each folder before it is read.

    Yields
    ------
    FoundPath or Skipped
        A link to a file counts as that file.  So does a broken link or a special file, if its name is that of audio.
        An entry that cannot be listed or checked is skipped as ``unreadable``.  A folder that contains itself, as
        with a bind mount, is not entered again inside itself.
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
    """Like `walk`, but yield groups of entries, and let ``files`` handle as many as possible."""
    search = _Walk(top, selection, out, follow_symlinks)
    above = f"{top_name}/" if top_name else ""
    pending = [_Folder(0, _order(above, 0), above, top, _identity(top, status_of(top)))]
    entered: set[tuple[int, int] | str] = set()
    while pending:
        # Subfolders sort after their folder.  So the first way to a folder that leaves the heap is the one to take.
        # The order in which the file system lists the entries does not matter.
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
    """Return the result of `os.stat`, which follows links, or None if it fails."""
    try:
        return os.stat(path)
    except OSError:
        return None


class _Walk:
    """The settings of one walk."""

    def __init__(self, top: str, selection: Selection, out: Outputs | None, follow_symlinks: bool) -> None:
        self._selection = selection
        self._out = out
        self._follow_symlinks = follow_symlinks
        self._within_out = out is not None and out.contains(top)

    def look_at(
        self, entries: Iterable[os.DirEntry[str]], folder: _Folder, pending: list[_Folder]
    ) -> Iterator[FoundPath | Skipped]:
        """Classify the entries of a folder, and add folders among them to those to enter."""
        for entry in entries:
            seen = self._look_at(entry, folder.above + entry.name, folder.links)
            if isinstance(seen, _Folder):
                heappush(pending, seen)
            else:
                yield seen

    def _look_at(self, entry: os.DirEntry[str], name: str, links: int) -> FoundPath | Skipped | _Folder:
        """Classify an entry; ``links`` is the number of links followed to its folder."""
        if entry.name.startswith("."):
            return _HIDDEN
        if self._selection.excludes(name):
            return _EXCLUDED
        try:
            if entry.is_dir(follow_symlinks=False):
                return self._folder(entry, name, entry.stat(follow_symlinks=False), links)
        except OSError as error:
            return _unreadable(entry.path, error)
        target = self._link_target(entry, name, links) if entry.is_symlink() else None
        if target is not None:
            return target
        own = self._within_out and extension(name) in OUTPUT_EXTENSIONS
        if own or not self._selection.selects(name):
            return Skipped("other", extension(name))
        return FoundPath(name, entry.path, status_of(entry.path))

    def _link_target(self, entry: os.DirEntry[str], name: str, links: int) -> Skipped | _Folder | None:
        """Classify a link to a folder; None for any other link."""
        try:
            status = os.stat(entry.path)
        except OSError as error:
            # It may be a folder of inputs.  If its name is that of audio, it is an input, which then fails by itself.
            maybe_folder = self._follow_symlinks and error.errno not in _BROKEN and not self._selection.selects(name)
            return _unreadable(entry.path, error) if maybe_folder else None
        if not stat.S_ISDIR(status.st_mode):
            return None
        if not self._follow_symlinks:
            return _LINK
        if self._out is not None and self._out.contains(entry.path):
            return _OUT
        return self._folder(entry, name, status, links + 1)

    def _folder(self, entry: os.DirEntry[str], name: str, status: os.stat_result, links: int) -> Skipped | _Folder:
        if self._out is not None and self._out.is_out(status):
            return _OUT
        above = f"{name}/"
        return _Folder(links, _order(above, links), above, entry.path, _identity(entry.path, status))


def _order(above: str, links: int) -> tuple[str, ...]:
    """Return the sort key by which folders with the same number of links are entered.

    Without links any order is correct, and the order of the ids saves sorting the items.
    """
    return tuple(above.split("/")) if links else (above,)


def _identity(path: str, status: os.stat_result | None) -> tuple[int, int] | str:
    """Return a unique identity of a folder; some network and FUSE file systems have no inode numbers."""
    return (status.st_dev, status.st_ino) if status is not None and status.st_ino else os.path.realpath(path)


def _is_within_itself(folder: _Folder, top: str) -> bool:
    path = folder.path
    while len(path) > len(top):
        path = os.path.dirname(path)
        if _identity(path, status_of(path)) == folder.identity:
            return True
    return False


def _entries(folder: str) -> Iterator[tuple[list[os.DirEntry[str]], list[Skipped]]]:
    """Yield groups of entries, since a flat folder can have a million, and at the end any failure."""
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


def _unreadable(path: str, error: OSError) -> Skipped:
    return Skipped("unreadable", path, error.strerror or str(error))
