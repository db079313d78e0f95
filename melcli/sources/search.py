"""The search for inputs in the file system."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import compress, islice
from operator import attrgetter, not_
from typing import NamedTuple

from melcli.addresses import refuse_url
from melcli.errors import ConfigError
from melcli.printable import printable
from melcli.sources.folders import Met, status_of, walk
from melcli.sources.item_values import Values, item_values
from melcli.sources.items import Item, PassedOver
from melcli.sources.names import extension, item_id, listed_name, needs_another_decoder
from melcli.sources.outputs import Outputs
from melcli.sources.selection import Selection

__all__ = ["PART_ITEMS", "Part", "Search", "SearchRequest", "parts_of"]

PART_ITEMS = 512
Part = tuple[list[Values], list[Values]]  # those that libsndfile may open, and those that need another decoder


def _hint(path: str) -> str:
    """Say what to write instead of a path that is not there, such as a pattern that matches nothing."""
    folder, _, pattern = path.rpartition("/")
    if any(sign in pattern for sign in "*?") and not any(sign in folder for sign in "*?"):
        return printable(f"no file matches the pattern; write {folder or '.'} --include '{pattern}'")
    return "" if path.startswith("/") else "a relative path starts at the current folder"


class SearchRequest(NamedTuple):
    """What is searched for; see `melcli.sources.options.SourceOptions` and `melcli.sources.inputs.find_items`."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    keep_extension: bool = False
    follow_symlinks: bool = False
    out: str | None = None
    own_files: frozenset[tuple[int, int]] = frozenset()


def parts_of(items: Iterable[Item]) -> Iterator[Part]:
    """Cut items into parts, which are short enough to be held at once."""
    rest = iter(items)
    while some := list(islice(rest, PART_ITEMS)):
        undecoded = [needs_another_decoder(item.source) for item in some]
        values = list(map(item_values, some))
        if any(undecoded):
            yield list(compress(values, map(not_, undecoded))), list(compress(values, undecoded))
        else:
            yield values, []


class Search:
    """A search: its starts are looked at one after another, and the folders among them are walked at the end.

    Parameters
    ----------
    request : SearchRequest
    at : callable
        Called with each path that may keep the process waiting, before it does.

    Attributes
    ----------
    passed_over : Counter
        What was skipped, and how often.
    """

    def __init__(self, request: SearchRequest, at: Callable[[str], None]) -> None:
        self.passed_over: Counter[PassedOver] = Counter()
        self._request = request
        self._at = at
        self._selection = Selection(request)
        if request.out is not None:
            at(request.out)
        self._outputs = Outputs(request.out) if request.out is not None else None
        self._folders: list[Met] = []

    def given(self, paths: Iterable[str]) -> Iterator[Part]:
        """Look at INPUTs of the command line."""
        return self._items_of(self._met(map(self._given, paths)))

    def listed(self, paths: Iterable[str]) -> Iterator[Part]:
        """Look at paths of a list."""
        return self._items_of(self._met(map(self._listed, paths)))

    def walk(self) -> Iterator[Part]:
        """Walk the folders that were among them."""
        return self._items_of(self._walked())

    def _given(self, path: str) -> Met:
        """Look at an INPUT; a folder's files are named from it downwards, a file is named by itself."""
        _refuse_no_path("INPUT", path)
        self._at(path)
        try:
            status = os.stat(path)
        except OSError as error:
            hint = _hint(path) if isinstance(error, FileNotFoundError) else ""
            raise ConfigError(printable(f"INPUT {path} cannot be read: {error.strerror}"), hint=hint) from error
        return Met("" if stat.S_ISDIR(status.st_mode) else os.path.basename(path), path, status)

    def _listed(self, path: str) -> Met:
        _refuse_no_path("listed path", path)
        self._at(path)
        name, status = listed_name(path), status_of(path)
        if not name and status is None:
            raise ConfigError(printable(f"listed path {path!r} is not there and leaves no name for an output"))
        return Met(name, path, status)

    def _met(self, starts: Iterable[Met]) -> Iterator[Met | PassedOver]:
        """Hold files against the globs, and keep the folders for `walk`."""
        for start in starts:
            is_folder = start.status is not None and stat.S_ISDIR(start.status.st_mode)
            if self._selection.excludes_path(start.name):
                yield PassedOver("excluded")
            elif is_folder:
                self._folders.append(start)
            elif self._outputs is not None and self._outputs.made(start.path):
                yield PassedOver("other", extension(start.name))
            elif self._selection.takes_named(start.name):
                yield start
            else:
                yield PassedOver("other", extension(start.name))

    def _walked(self) -> Iterator[Met | PassedOver]:
        # A folder given twice is walked once, so that nothing is counted twice; of its spellings the least one stays.
        once: dict[tuple[str, str], str] = {}
        for folder in sorted(self._folders, key=attrgetter("path")):
            self._at(folder.path)
            once.setdefault((folder.name, os.path.realpath(folder.path)), folder.path)
        out, follow_symlinks = self._outputs, self._request.follow_symlinks
        for (name, _), path in once.items():
            if out is not None and out.keep(path):
                yield PassedOver("out")
                continue
            yield from walk(path, name, self._selection, out, follow_symlinks=follow_symlinks, at=self._at)

    def _items_of(self, met: Iterable[Met | PassedOver]) -> Iterator[Part]:
        return parts_of(self._taken(met))

    def _taken(self, met: Iterable[Met | PassedOver]) -> Iterator[Item]:
        own_files, keep_extension = self._request.own_files, self._request.keep_extension
        for one in met:
            if isinstance(one, PassedOver):
                self.passed_over[one] += 1
            elif one.status is not None and (one.status.st_dev, one.status.st_ino) in own_files:
                self.passed_over[PassedOver("other", extension(one.name))] += 1
            else:
                yield Item.seen(item_id(one.name, keep_extension=keep_extension), one.path, one.status)


def _refuse_no_path(what: str, path: str) -> None:
    refuse_url(what, path)
    if "\0" in path:
        raise ConfigError(f"{what} {path!r} holds a NUL, which no path can")
