"""Names of temporary files and folders, and the removal of those that killed runs left."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator

from melcli.store.storage_errors import storage_errors

__all__ = ["TEMPORARY_NAME", "remove_leftovers", "temporary_folder", "temporary_name"]

# Hidden, and short, since names of up to 255 bytes must stay possible; random, since process ids are reused.
MARKER = "melcli-temporary"  # in a temporary folder; an output ends in .npy
TEMPORARY_NAME = re.compile(r"\.melcli-[0-9a-f]{16}\.tmp")


def temporary_name() -> str:
    """Return a new name that `remove_leftovers` recognizes."""
    return f".melcli-{secrets.token_hex(8)}.tmp"


def remove_leftovers(root: str, *, deep: bool = True) -> None:
    """Remove the temporary files of killed runs; the caller holds the lock.

    Parameters
    ----------
    root : str
        A folder.
    deep : bool
        Whether to search subfolders too.
    """
    for folder, folders, names in os.walk(root):
        for name in filter(TEMPORARY_NAME.fullmatch, folders):
            _remove_abandoned(os.path.join(folder, name))
        if not deep:
            folders.clear()
        for name in names:
            if TEMPORARY_NAME.fullmatch(name):
                path = os.path.join(folder, name)
                with storage_errors(path), contextlib.suppress(FileNotFoundError):
                    os.unlink(path)


@contextlib.contextmanager
def temporary_folder(parent: str) -> Iterator[str]:
    """Create a folder that is removed at the end; if this process is killed, the next call for ``parent`` removes it.

    It is locked meanwhile, so that other processes see that it is in use.

    Raises
    ------
    OSError
        The folder cannot be created.
    """
    for name in filter(TEMPORARY_NAME.fullmatch, os.listdir(parent)):
        _remove_abandoned(os.path.join(parent, name))
    folder = os.path.join(parent, temporary_name())
    os.mkdir(folder, 0o700)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # without locks on the file system, no process considers it abandoned
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(os.open(os.path.join(folder, MARKER), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _remove_abandoned(folder: str) -> None:
    """Remove a temporary folder unless its process is alive; a folder of outputs with such a name is kept."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            content = os.listdir(folder)
            if MARKER in content or not content:
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)
