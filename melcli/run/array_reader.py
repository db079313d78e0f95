"""Read untrusted arrays in a worker process, with a deadline and a memory limit.

A damaged HDF5 file can crash its library or keep it busy for ever, and a few kilobytes of ``.npz`` can unpack to more
than the memory of a machine.  Then only the worker ends, and the file is named.  A plain ``.npy`` cannot: its size is
held against its header, and nothing in it is unpacked.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from melcli.errors import StorageError
from melcli.printable import printable
from melcli.run.engines.contract import BatchLost, BatchTimedOut
from melcli.run.engines.local import LocalEngine
from melcli.run.memory_limit import usable_memory_bytes
from melcli.run.worker_tasks import list_arrays, read_array, read_item

if TYPE_CHECKING:
    from collections.abc import Callable

    from melcli.store.foreign_arrays import ArrayFile

__all__ = ["MAX_READ_S", "ArrayReader"]

MAX_READ_S = 60.0  # for one array, or for the list of those in a file
MAX_MEMORY_SHARE = 0.5  # of what this process may use: the array that is read is held here once more
READ_HERE = ".npy"


class ArrayReader:
    """Opens files of arrays; its worker starts with the first file that needs one.

    Parameters
    ----------
    timeout_s : float
        For one array, or for the list of those in a file.
    max_memory_bytes : int or None
        Of the worker's anonymous memory; half of what this process may use by default.
    """

    def __init__(self, *, timeout_s: float = MAX_READ_S, max_memory_bytes: int | None = None) -> None:
        self._timeout_s = timeout_s
        self._max_memory_bytes = max_memory_bytes or int(MAX_MEMORY_SHARE * usable_memory_bytes())
        self._engine: LocalEngine | None = None

    def open_arrays(self, path: str) -> ArrayFile:
        """Open a file; see `melcli.store.foreign_arrays.open_arrays`.

        Raises
        ------
        StorageError
            It cannot be read, not within the limits, or its worker crashed.
        """
        if os.path.splitext(path)[1].lower() == READ_HERE:
            from melcli.store.foreign_arrays import open_arrays

            return open_arrays(path)
        return _File(self, path, self.ask(list_arrays, path, path))

    def read_item(self, out: str, item_id: str) -> Any:
        """Read an item of an OUT; see `melcli.store.reader.open_features`."""
        return self.ask(read_item, (out, item_id), f"{out}[{item_id}]")

    def ask(self, function: Callable[[Any], Any], argument: Any, where: str) -> Any:
        """Call a function in the worker; ``where`` names what it reads."""
        if self._engine is None:
            self._engine = LocalEngine(
                1, imports=("melcli.store.foreign_arrays",), max_memory_bytes=self._max_memory_bytes
            )
        try:
            return self._engine.submit(function, argument, timeout_s=self._timeout_s).result()
        except BatchTimedOut:
            message = f"cannot be read within {self._timeout_s:g} s"
        except BatchLost as error:
            message = f"cannot be read: the process that read it ended with {error}"
        raise StorageError(f"{printable(where)} {message}")

    def close(self) -> None:
        """End the worker."""
        if self._engine is not None:
            self._engine.stop()
            self._engine = None


class _File:
    """A file that the worker holds open."""

    def __init__(self, reader: ArrayReader, path: str, names: Sequence[str]) -> None:
        self._reader = reader
        self._path = path
        self.names = names

    def read(self, name: str) -> Any:
        return self._reader.ask(read_array, (self._path, name), f"{self._path}[{name}]" if name else self._path)

    def close(self) -> None:
        """Do nothing: the worker closes the file when it opens the next one, or ends."""
