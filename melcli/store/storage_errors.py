"""Errors of the storage: the path, the system's reason, and what the user can do."""

from __future__ import annotations

import errno

from melcli.errors import StorageError
from melcli.printable import printable
from melcli.store.error_translation import ErrorTranslation

__all__ = ["storage_errors"]

# What people can do, by error number.
ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EFBIG: "raise the limit for file sizes (ulimit -f), or choose a file system that allows larger files",
    errno.EROFS: "mount it for writing, or choose another OUT",
    errno.EACCES: "fix the permissions, or choose another OUT",
    errno.EPERM: "fix the permissions, or choose another OUT",
    errno.EIO: "check the disk, which reports errors",
    errno.EMFILE: "let this user open more files (ulimit -n), or use fewer workers (-j)",
    errno.ENFILE: "let the system open more files (sysctl fs.file-max)",
    errno.ENOENT: "find out who removed it",
    errno.EOPNOTSUPP: "choose an OUT on a disk",
    errno.ENOTDIR: "choose another OUT, since a file has the name of a folder",
    errno.EISDIR: "remove that folder",
    errno.EEXIST: "choose another OUT, since a file has the name of a folder",
    errno.ENOLCK: "choose an OUT on a file system with locks",
    errno.ENXIO: "remove it, since it is not a regular file",
    errno.ELOOP: "remove that link, which melcli does not follow",
}


def storage_errors(path: str, action: str = "write") -> ErrorTranslation:
    """Translate `OSError` into `StorageError`, with the path and advice."""

    def translate(error: Exception) -> StorageError:
        number, reason = (error.errno, error.strerror) if isinstance(error, OSError) else (None, None)
        return StorageError(
            f"cannot {action} {printable(path)}: {reason or error}",
            hint=f"{ADVICE.get(number or 0, 'check the disk')}, and run the same command again: finished work is kept",
        )

    return ErrorTranslation((OSError,), translate)
