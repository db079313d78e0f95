"""A private temporary database for planning and sorting, so that memory does not grow with the corpus.

Its file has no name: SQLite unlinks it right after creating it, in the folder that `scratch_folder` returns.  So it
disappears with its process, however that ends, and no run reads the data of another.  Up to `CACHE_BYTES` nothing is
written.

Names are stored as bytes (`melcli.byte_order`), so that SQLite sorts them as melcli does.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from melcli.errors import MelcliError, StorageError, TimeUp
from melcli.printable import printable

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Lookup", "Scratch", "scratch_folder"]

CACHE_BYTES = 16_000_000  # and as much again while a table is sorted
ROWS_PER_FETCH = 512
STEPS_PER_CALLBACK = 10_000  # of SQLite's virtual machine, which take 0.2 to 2 ms
SIGNAL_S = 1.0  # see `melcli.run.interrupts`
# Where SQLite creates temporary files, in this order.
FOLDERS = ("SQLITE_TMPDIR", "TMPDIR"), ("/var/tmp", "/usr/tmp", "/tmp", ".")  # noqa: S108  it creates files safely


def scratch_folder() -> str:
    """Return the folder in which SQLite creates temporary files."""
    variables, fixed = FOLDERS
    folders = [*filter(None, map(os.environ.get, variables)), *fixed]
    return next((path for path in folders if os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK)), ".")


class Scratch:
    """A temporary database; a context manager.

    A single transaction is open for its whole life, without a journal: after an error, the data is never read.

    A statement over a whole table takes seconds, and Python handles signals only when it returns.  So SQLite calls
    `_is_overdue` regularly meanwhile.

    Attributes
    ----------
    until_s : float
        Time at which statements end with `TimeUp`, by `time.monotonic`.
    """

    def __init__(self) -> None:
        self.until_s = math.inf
        try:
            import sqlite3  # not needed by commands that only print, so it is imported only here
        except ImportError as error:
            raise MelcliError(
                f"this Python has no SQLite ({error}): install a Python with the module sqlite3"
            ) from error
        self._error: type[Exception] = sqlite3.Error
        self._tables = 0
        self._connection: sqlite3.Connection = self._call(
            lambda: sqlite3.connect("", isolation_level=None, check_same_thread=False)
        )
        self._connection.set_progress_handler(self._is_overdue, STEPS_PER_CALLBACK)
        for setting in ("temp_store=FILE", "journal_mode=OFF", "synchronous=OFF", f"cache_size=-{CACHE_BYTES >> 10}"):
            self.execute(f"PRAGMA {setting}")
        self.execute("BEGIN")

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the database, which deletes it."""
        self._connection.close()

    def table(self, name: str, columns: str) -> str:
        """Create a table and return its unique name."""
        self._tables += 1
        unique = f"{name}_{self._tables}"
        self.execute(f"CREATE TABLE {unique} {columns}")
        return unique

    def execute(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Run a statement that returns nothing."""
        self._call(lambda: self._connection.execute(sql, values))

    def insert(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each row."""
        self._call(lambda: self._connection.executemany(sql, rows))

    def one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Return the first row, or None if there is none."""
        return self._call(lambda: self._connection.execute(sql, values).fetchone())

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """Yield rows, fetched in small groups."""
        for some in self.pieces(sql, values):
            yield from some

    def pieces(self, sql: str, values: Sequence[Any] = ()) -> Iterator[list[Any]]:
        """Yield rows in small groups."""
        cursor = self._call(lambda: self._connection.execute(sql, values))
        while some := self._call(lambda: cursor.fetchmany(ROWS_PER_FETCH)):
            yield some

    def _is_overdue(self) -> bool:
        """Let Python handle signals, and return whether the statement must end."""
        return time.monotonic() > self.until_s

    def _call(self, call: Any) -> Any:
        """Call SQLite, and translate its errors."""
        try:
            return call()
        except self._error as error:
            if error.args == ("interrupted",):
                if self._is_overdue():
                    raise TimeUp from None
                time.sleep(SIGNAL_S)  # a signal's exception was lost in `_is_overdue`; `Interrupts` raises it again
            raise StorageError(
                f"cannot write a temporary file in {printable(scratch_folder())}: {error}",
                hint="free some space there, or set TMPDIR to another folder, and run the same command again",
            ) from error


class Lookup:
    """Finds rows of a table by key.  Ascending keys are found by reading on, others through the index.

    Parameters
    ----------
    scratch : Scratch
    select : str
        A query sorted by its first column, the key.
    one : str
        The same query for one key, which is its parameter.
    index : callable
        Called before the first lookup of a key that is out of order.
    """

    def __init__(self, scratch: Scratch, select: str, one: str, index: Callable[[], None] = lambda: None) -> None:
        self._scratch = scratch
        self._one = one
        self._index = index
        self._rows = scratch.rows(select)
        self._row = next(self._rows, None)
        self._last = b""

    def find(self, key: bytes) -> Any:
        """Return the row with this key, or None."""
        if key < self._last:
            self._index()
            return self._scratch.one(self._one, (key,))
        self._last = key
        row = self._row
        while row is not None and row[0] < key:
            row = self._row = next(self._rows, None)
        return row if row is not None and row[0] == key else None
