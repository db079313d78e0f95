"""File-system calls of planning, called by name in this process or in the planning process.

Arguments and results have types that `marshal` supports, so that `melcli.run.planner` can send them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, Protocol

from melcli.byte_order import text_of
from melcli.sources.item_values import Values, item_values, to_item
from melcli.sources.items import Item
from melcli.sources.outputs import Outputs
from melcli.sources.records import Record
from melcli.sources.search import Part, Search, SearchRequest

__all__ = ["FileCalls", "Files", "Name", "SEARCH", "result_of"]

Name = Literal[
    "begin",
    "given",
    "listed",
    "list",
    "table",
    "records",
    "walk",
    "account",
    "real_paths",
    "look_at",
    "hash",
    "any_within",
    "sizes",
]
# Later calls depend on these.
SEARCH: frozenset[Name] = frozenset({"begin", "given", "listed", "list", "table", "records", "walk"})


class Files(Protocol):
    """Makes calls of `FileCalls`, in some process."""

    def parts(self, name: Name, argument: Any = None) -> Iterator[Any]:
        """Yield the results of a call of `FileCalls`."""

    def begin(self, name: Name, argument: Any = None) -> Callable[[], Any]:
        """Begin a call that yields one result, and return a function that waits for it; a few may be in flight."""


def result_of(files: Files, name: Name, argument: Any = None) -> Any:
    """Make a call that yields one result, and return that result."""
    (result,) = files.parts(name, argument)
    return result


class FileCalls:
    """The calls, made in this process.

    Parameters
    ----------
    at : callable, optional
        Called with each path before an operation on it that may block.
    """

    def __init__(self, at: Callable[[str], None] = lambda path: None) -> None:
        self._at = at
        self._search = Search(SearchRequest(), at)  # empty, until a search begins
        self._outputs: tuple[str, Outputs] | None = None
        self._calls: dict[Name, Callable[[Any], Iterable[Any]]] = {
            "begin": self._begin,
            "given": lambda paths: self._search.given(paths),
            "listed": lambda paths: self._search.listed(paths),
            "list": self._list,
            "table": self._table,
            "records": lambda records: self._search.records(map(Record._make, records)),
            "walk": lambda _: self._search.walk(),
            "account": lambda _: [[(*what, count) for what, count in self._search.skipped.items()]],
            "real_paths": self._real_paths,
            "look_at": self._look_at,
            "hash": self._hash,
            "any_within": self._any_within,
            "sizes": self._sizes,
        }

    def parts(self, name: Name, argument: Any = None) -> Iterator[Any]:
        """Make a call and yield its results.

        * ``begin`` begins a search, with the fields of `SearchRequest`; it yields nothing.
        * ``given`` and ``listed``, with paths, ``list``, with the fields of a `PathList`, ``table``, with those of a
          `TableRequest`, ``records``, with those of many `Record`, and ``walk`` yield `Part`.
        * ``account`` yields one list, of the fields of `Skipped` and a count.
        * ``real_paths`` yields the list of real paths, for paths.
        * ``look_at`` yields the current values of items, for values of items.
        * ``hash`` yields the hash of a file's content, or None if it cannot be read.
        * ``any_within`` yields whether any folder is OUT or inside it, for OUT and folders.
        * ``sizes`` yields sizes in bytes, -1 for a missing file, for OUT and names in it joined by NUL.
        """
        yield from self._calls[name](argument)

    def begin(self, name: Name, argument: Any = None) -> Callable[[], Any]:
        """Make a call that yields one result, and return a function that returns it."""
        result = result_of(self, name, argument)
        return lambda: result

    def _begin(self, fields: tuple[Any, ...]) -> Iterable[Part]:
        self._search = Search(SearchRequest(*fields), self._at)
        return []

    def _list(self, fields: tuple[str, Literal[b"\n", b"\0"]]) -> Iterable[Part]:
        from melcli.sources.lists import read_list  # imported late, because few searches have a list

        self._at(fields[0])
        return self._search.listed(read_list(*fields))

    def _table(self, fields: tuple[Any, ...]) -> Iterable[Part]:
        from melcli.sources.tables.reader import read_table  # imported late, because few searches have a table
        from melcli.sources.tables.request import TableRequest

        request = TableRequest(*fields)
        self._at(request.path)
        return self._search.records(read_table(request))

    def _real_paths(self, paths: Iterable[str]) -> Iterator[list[str]]:
        yield [self._real_path(path) for path in paths]

    def _real_path(self, path: str) -> str:
        self._at(path)
        return os.path.realpath(path)

    def _look_at(self, all_values: Iterable[Values]) -> Iterator[list[Values]]:
        yield [item_values(self._refreshed(to_item(*values))) for values in all_values]

    def _refreshed(self, item: Item) -> Item:
        self._at(item.source)
        return item.refreshed()

    def _hash(self, path: str) -> Iterator[str | None]:
        from melcli.sources.content import hash_content  # imported late, because few plans hash

        self._at(path)
        try:
            yield hash_content(path)
        except OSError:
            yield None

    def _any_within(self, argument: tuple[str, Iterable[str]]) -> Iterator[bool]:
        out, folders = argument
        if self._outputs is None or self._outputs[0] != out:
            self._outputs = out, Outputs(out)
        yield any(map(self._outputs[1].contains, map(self._announced, folders)))

    def _sizes(self, argument: tuple[str, bytes]) -> Iterator[list[int]]:
        folder, joined = argument
        names = text_of(joined).split("\0")
        self._at(folder + names[0])
        yield [_size(folder + name) for name in names]

    def _announced(self, path: str) -> str:
        self._at(path)
        return path


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1
