"""The lock of OUT: one run at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator

from melcli.errors import OutputBusy
from melcli.printable import printable
from melcli.store.files import make_folders
from melcli.store.layout import lock_path, own_folder
from melcli.store.storage_errors import storage_errors

__all__ = ["filelock_version", "lock_output", "is_locked"]

ACQUIRE_TIMEOUT_S = 0.1  # since `is_locked` holds the lock for a moment


@contextlib.contextmanager
def lock_output(out: str) -> Iterator[None]:
    """Create OUT and hold its lock; the system releases it when the process ends for any reason.

    Raises
    ------
    OutputBusy
        Another process holds the lock.
    StorageError
        OUT cannot be created or written.
    """
    from filelock import FileLock, Timeout

    with storage_errors(out):
        make_folders(own_folder(out))
    _refuse_links(own_folder(out), lock_path(out))
    _refuse_hard_links(lock_path(out))
    with storage_errors(lock_path(out)):
        lock = FileLock(lock_path(out))
        try:
            lock.acquire(timeout=ACQUIRE_TIMEOUT_S)
        except Timeout:
            raise OutputBusy(
                f"another melcli holds {printable(out)}", hint="wait for it or choose another OUT"
            ) from None
        except NotImplementedError as error:
            raise OSError(errno.ENOLCK, "its file system does not support locks") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # released anyway when the process ends
            lock.release()


def is_locked(out: str) -> bool:
    """Return whether another process holds the lock of OUT; this process holds it only for a moment."""
    try:
        descriptor = os.open(lock_path(out), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(descriptor)
    return False


def _refuse_links(*paths: str) -> None:
    """Refuse paths of melcli that are links, which could lead anywhere in an untrusted OUT."""
    for path in paths:
        with storage_errors(path):
            if os.path.islink(path):
                raise OSError(errno.ELOOP, "it is a link")


def _refuse_hard_links(path: str) -> None:
    """Refuse a lock file that is a hard link to a file with content: filelock before 4.3 truncates what it opens."""
    with storage_errors(path):
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            return
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1 and status.st_size > 0:
            raise OSError(errno.ELOOP, "it has other names and is not empty, so it is not a lock of melcli")


def filelock_version() -> str:
    """Return the version of filelock."""
    import filelock

    return str(filelock.__version__)
