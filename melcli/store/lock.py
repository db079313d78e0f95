"""One run at a time under one OUT."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from melcli.errors import OutputBusy
from melcli.printable import printable
from melcli.store.files import storage_errors
from melcli.store.layout import lock_path, own_folder

__all__ = ["hold_output"]


@contextlib.contextmanager
def hold_output(out: str) -> Iterator[None]:
    """Create OUT and hold its lock; the system gives it back when the process ends, however it ends.

    Raises
    ------
    OutputBusy
        Another process holds it.
    StorageError
        OUT cannot be created or written.
    """
    from filelock import FileLock, Timeout

    with storage_errors(out):
        os.makedirs(own_folder(out), exist_ok=True)
        lock = FileLock(lock_path(out))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise OutputBusy(f"another melcli holds {printable(out)}; wait for it or choose another OUT") from None
    try:
        yield
    finally:
        lock.release()
