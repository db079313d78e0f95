"""Read untrusted arrays in a worker process, with a deadline and a memory limit.

A damaged HDF5 file can crash its library or make it hang.  A few kilobytes of ``.npz`` can unpack to more than the
memory of a machine.  Then only the worker ends, and the error names the file.  A plain ``.npy`` file is read in this
process: nothing in it is unpacked, and its size is compared with its header first.
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

__all__ = ["READ_TIMEOUT_S", "ArrayReader"]

READ_TIMEOUT_S = 60.0  # for one array, or for the list of arrays in a file
MAX_MEMORY_SHARE = 0.5  # of the usable memory, since this process contains a copy of each array
SAFE_EXTENSION = ".npy"


class ArrayReader:
    """Opens files of arrays; the first file that needs a worker starts it.

    Parameters
    ----------
    timeout_s : float
        Timeout of reading one array, or the list of arrays in a file.
    max_memory_bytes : int or None
        Limit of the worker's anonymous memory; by default half of the memory that this process can use.
    """

    def __init__(self, *, timeout_s: float = READ_TIMEOUT_S, max_memory_bytes: int | None = None) -> None:
        self._timeout_s = timeout_s
        self._max_memory_bytes = max_memory_bytes or int(MAX_MEMORY_SHARE * usable_memory_bytes())
        self._engine: LocalEngine | None = None

    def open_arrays(self, path: str) -> ArrayFile:
        """Open a file; see `melcli.store.foreign_arrays.open_arrays`.

        Raises
        ------
        StorageError
            The file cannot be read within the limits, or crashed the worker.
        """
        if os.path.splitext(path)[1].lower() == SAFE_EXTENSION:
            from melcli.store.foreign_arrays import open_arrays

            return open_arrays(path)
        return _File(self, path, self.ask(list_arrays, path, path))

    def read_item(self, out: str, item_id: str) -> Any:
        """Read an item of an OUT; see `melcli.store.reader.open_features`."""
        return self.ask(read_item, (out, item_id), f"{out}[{item_id}]")

    def ask(self, function: Callable[[Any], Any], argument: Any, where: str) -> Any:
        """Call a function in the worker.

        Parameters
        ----------
        function : callable
            A function of `melcli.run.worker_tasks`.
        argument : object
            The argument of the function.
        where : str
            The file or the array that the function reads, for messages.
        """
        if self._engine is None:
            self._engine = LocalEngine(
                1, imports=("melcli.store.foreign_arrays",), max_memory_bytes=self._max_memory_bytes
            )
        try:
            return self._engine.submit(function, argument, timeout_s=self._timeout_s).result()
        except BatchTimedOut:
            message = f"cannot be read within {self._timeout_s:g} s"
        except BatchLost as error:
            message = f"cannot be read: it crashed its worker process ({error})"
        raise StorageError(f"{printable(where)} {message}")

    def close(self) -> None:
        """End the worker."""
        if self._engine is not None:
            self._engine.stop()
            self._engine = None


class _File:
    """A file that is open in the worker."""

    def __init__(self, reader: ArrayReader, path: str, names: Sequence[str]) -> None:
        self._reader = reader
        self._path = path
        self.names = names

    def read(self, name: str) -> Any:
        return self._reader.ask(read_array, (self._path, name), f"{self._path}[{name}]" if name else self._path)

    def close(self) -> None:
        """Do nothing: the worker closes the file when it opens another one, or ends."""
