"""The file of ``--log-file``: whole lines are appended, and a failure to write never stops a run."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import ExitStack

from melcli.errors import ConfigError, StorageError
from melcli.printable import printable
from melcli.sources.outputs import Outputs

__all__ = ["LogFile"]

FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
OWN_STDERR = frozenset({"/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"})  # of systemd a socket, which nobody can open
NO_STORAGE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE})


class LogFile:
    """A file that several runs may append to at the same time.

    It stays open: if it is renamed meanwhile, the lines of this run go on to the renamed file.

    Parameters
    ----------
    path : str
        A file, which need not exist; a named pipe that somebody reads; or a device such as ``/dev/stderr``.
    out : str
        OUT, which the file may not be in.

    Attributes
    ----------
    path : str
    identity : tuple of int or None
        Device and inode of a regular file.
    num_lost : int
        Lines that could not be written since the last one that was.

    Raises
    ------
    ConfigError
        The path cannot be a log.
    StorageError
        The system refuses to open or create it.
    """

    def __init__(self, path: str, *, out: str) -> None:
        self.path = path
        self.num_lost = 0
        self._is_torn = False
        if Outputs(out).contains(os.path.dirname(path) or "."):
            raise ConfigError(f"--log-file {path} is in OUT: name a file that is not in OUT")
        self._descriptor = _open(path)
        with ExitStack() as failing:
            failing.callback(os.close, self._descriptor)
            status = os.fstat(self._descriptor)
            if stat.S_ISBLK(status.st_mode):
                raise ConfigError(f"--log-file {path} is a disk: name a file")
            failing.pop_all()
        is_file = stat.S_ISREG(status.st_mode) and bool(status.st_ino)  # some network file systems have no numbers
        self.identity = (status.st_dev, status.st_ino) if is_file else None

    def write(self, line: bytes) -> str:
        """Append a line by one call of the system; return what went wrong, or ``""``."""
        whole = b"\n" + line if self._is_torn else line
        try:
            written = os.write(self._descriptor, whole)
        except OSError as error:
            self.num_lost += 1
            return error.strerror or str(error)
        self._is_torn = written < len(whole)
        self.num_lost += self._is_torn
        return "only a part of a line was written" if self._is_torn else ""

    def close(self) -> None:
        """Close the descriptor; the system may report here what it could not write."""
        try:
            os.close(self._descriptor)
        except OSError:
            return


def _open(path: str) -> int:
    try:
        if path in OWN_STDERR:
            return os.dup(2)
        return os.open(path, FLAGS, 0o666)
    except (OSError, ValueError) as error:  # a NUL in the name
        number = error.errno if isinstance(error, OSError) else None
        why = "nobody reads this pipe or socket" if number == errno.ENXIO else getattr(error, "strerror", str(error))
        kind = StorageError if number in NO_STORAGE else ConfigError
        raise kind(f"--log-file {printable(path)} cannot be opened for writing: {why}") from error
