"""Search for inputs in the file system."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import NamedTuple

from melcli.addresses import refuse_url
from melcli.errors import ConfigError
from melcli.printable import printable
from melcli.sources.folders import FoundPath, Piece, status_of, walk_in_pieces
from melcli.sources.item_values import Values, item_values
from melcli.sources.items import Item, Skipped
from melcli.sources.kaldi import is_kaldi_folder, read_kaldi_folder
from melcli.sources.names import extension, item_id, listed_name, needs_another_decoder
from melcli.sources.outputs import Outputs
from melcli.sources.parts import PART_ITEMS, in_parts
from melcli.sources.plain_files import PlainFiles
from melcli.sources.record_items import RecordItems
from melcli.sources.records import Record
from melcli.sources.selection import Selection

__all__ = ["Part", "Search", "SearchRequest"]

Part = tuple[list[Values], list[Values]]  # items that libsndfile may open, and items that need another decoder


def _hint(path: str) -> str:
    """Say what to write instead of a path that is not there, such as a pattern that matches nothing."""
    folder, _, pattern = path.rpartition("/")
    if any(sign in pattern for sign in "*?") and not any(sign in folder for sign in "*?"):
        return printable(f"no file matches the pattern; write {folder or '.'} --include '{pattern}'")
    return "" if path.startswith("/") else "a relative path starts at the current folder"


class SearchRequest(NamedTuple):
    """The request of a search; see `melcli.sources.options.SourceOptions` and `melcli.sources.inputs.find_items`."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    keep_extension: bool = False
    follow_symlinks: bool = False
    out: str | None = None
    own_files: frozenset[tuple[int, int]] = frozenset()
    allow_commands: bool = False
    root: str | None = None


class Search:
    """A search: INPUTs are checked in order, and the folders among them are walked at the end.

    Parameters
    ----------
    request : SearchRequest
    at : callable
        Called with each path before an operation on it that may block.

    Attributes
    ----------
    skipped : Counter
        Skipped files and folders, with their counts.
    """

    def __init__(self, request: SearchRequest, at: Callable[[str], None]) -> None:
        self.skipped: Counter[Skipped] = Counter()
        self._request = request
        self._at = at
        self._selection = Selection(request)
        if request.out is not None:
            at(request.out)
        self._outputs = Outputs(request.out) if request.out is not None else None
        self._folders: list[FoundPath] = []
        self._kaldi_folders: list[str] = []

    def given(self, paths: Iterable[str]) -> Iterator[Part]:
        """Check INPUTs of the command line, and yield the files among them."""
        return self._parts([Piece([], self._selected(map(self._given, paths)))])

    def listed(self, paths: Iterable[str]) -> Iterator[Part]:
        """Check paths of a list, and yield the files among them."""
        return self._parts([Piece([], self._selected(map(self._listed, paths)))])

    def records(self, records: Iterable[Record]) -> Iterator[Part]:
        """Yield the items that a table lists."""
        for values in in_parts(RecordItems(self._at).values(records)):
            yield values, []

    def walk(self) -> Iterator[Part]:
        """Read the Kaldi folders among them, walk the other folders, and yield their files."""
        for path in sorted(set(self._kaldi_folders)):
            self._at(path)
            yield from self.records(
                read_kaldi_folder(path, allow_commands=self._request.allow_commands, root=self._request.root)
            )
        yield from self._parts(self._walked())

    def _given(self, path: str) -> FoundPath:
        """Check an INPUT; the name of a file is relative to a given folder, or the basename of a given file."""
        _check_path("INPUT", path)
        self._at(path)
        try:
            status = os.stat(path)
        except OSError as error:
            hint = _hint(path) if isinstance(error, FileNotFoundError) else ""
            raise ConfigError(printable(f"INPUT {path} cannot be read: {error.strerror}"), hint=hint) from error
        return FoundPath("" if stat.S_ISDIR(status.st_mode) else os.path.basename(path), path, status)

    def _listed(self, path: str) -> FoundPath:
        _check_path("listed path", path)
        self._at(path)
        name, status = listed_name(path), status_of(path)
        if not name and status is None:
            raise ConfigError(printable(f"listed path {path!r} does not exist and leaves no name for an output"))
        return FoundPath(name, path, status)

    def _selected(self, starts: Iterable[FoundPath]) -> Iterator[FoundPath | Skipped]:
        """Apply the globs to files, and keep the folders for `walk`."""
        for start in starts:
            is_folder = start.status is not None and stat.S_ISDIR(start.status.st_mode)
            if self._selection.excludes_path(start.name):
                yield Skipped("excluded")
            elif is_folder and is_kaldi_folder(start.path):
                self._kaldi_folders.append(start.path)
            elif is_folder:
                self._folders.append(start)
            elif self._outputs is not None and self._outputs.is_output(start.path):
                yield Skipped("other", extension(start.name))
            elif self._selection.selects_named(start.name):
                yield start
            else:
                yield Skipped("other", extension(start.name))

    def _walked(self) -> Iterator[Piece]:
        # Walk a folder that is given twice only once, so that nothing is counted twice; use its first path in order.
        once: dict[tuple[str, str], str] = {}
        for folder in sorted(self._folders, key=attrgetter("path")):
            self._at(folder.path)
            once.setdefault((folder.name, os.path.realpath(folder.path)), folder.path)
        request, out = self._request, self._outputs
        has_globs = request.include or request.exclude
        files = None if has_globs else PlainFiles(request.keep_extension, request.own_files)
        for (name, _), path in once.items():
            if out is not None and out.is_private(path):
                yield Piece([], iter([Skipped("out")]))
                continue
            yield from walk_in_pieces(
                path, name, self._selection, out, files, follow_symlinks=request.follow_symlinks, at=self._at
            )

    def _parts(self, pieces: Iterable[Piece]) -> Iterator[Part]:
        """Divide what was found into parts of limited size."""
        good: list[Values] = []
        undecoded: list[Values] = []
        for piece in pieces:
            good += piece.taken
            for item in self._items(piece.others):
                (undecoded if needs_another_decoder(item.source) else good).append(item_values(item))
                if len(good) + len(undecoded) >= PART_ITEMS:
                    yield good, undecoded
                    good, undecoded = [], []
            if len(good) >= PART_ITEMS:
                yield good, []
                good = []
        if good or undecoded:
            yield good, undecoded

    def _items(self, found: Iterable[FoundPath | Skipped]) -> Iterator[Item]:
        own_files, keep_extension = self._request.own_files, self._request.keep_extension
        for one in found:
            if isinstance(one, Skipped):
                self.skipped[one] += 1
            elif one.status is not None and (one.status.st_dev, one.status.st_ino) in own_files:
                self.skipped[Skipped("other", extension(one.name))] += 1
            else:
                yield Item.from_stat(item_id(one.name, keep_extension=keep_extension), one.path, one.status)


def _check_path(what: str, path: str) -> None:
    refuse_url(what, path)
    if "\0" in path:
        raise ConfigError(f"{what} {path!r} contains a NUL, which no path can contain")
