"""A Python process that runs melcli's code: start, end, exit code, and standard error in an unnamed file."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from melcli.null_device import open_null
from melcli.run.engines.interpreter import python_command
from melcli.run.watchdog import tail

__all__ = ["UNKNOWN_EXIT_CODE", "ChildProcess", "open_unnamed_file"]

UNKNOWN_EXIT_CODE: int | None = None  # for a process that the system or another part of the program reaped


class ChildProcess:
    """A child process.

    Parameters
    ----------
    main : str
        Python source.
    stdin, stdout, stderr : int or None
        Descriptors; None for the null device.  ``stderr`` is a file, which `close_stderr` closes.
    keep : sequence of int
        Further descriptors that the process inherits.
    options : sequence of str
        Options of the interpreter.
    environment : Mapping
        Environment variables, in addition to those of this process.

    Attributes
    ----------
    exit_code : int or None
        The negative signal number if a signal ended the process; `UNKNOWN_EXIT_CODE` while it runs, or if unknown.

    Raises
    ------
    OSError
        The system has no file descriptor, process or memory left.
    """

    def __init__(
        self,
        main: str,
        *,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None,
        keep: Sequence[int],
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.exit_code = UNKNOWN_EXIT_CODE
        self._stderr = stderr
        executable, *rest = python_command(main)
        null = open_null()
        try:
            self._process = subprocess.Popen(  # noqa: S603  melcli's own code, without a shell
                [executable, *options, *rest],
                stdin=null if stdin is None else stdin,
                stdout=null if stdout is None else stdout,
                stderr=null if stderr is None else stderr,
                pass_fds=keep,
                env=None if environment is None else {**os.environ, **environment},
            )
        finally:
            os.close(null)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def kill(self) -> None:
        """Send SIGKILL; a process that reads from a disk that does not respond may end much later."""
        if not self.has_ended():  # after the process is reaped, another process may get its id
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    def has_ended(self) -> bool:
        """Return whether the process has ended, and reap it."""
        return self._process.returncode is not None or self._reap()

    def is_stopped(self) -> bool:
        """Return whether the process is stopped, as by SIGSTOP."""
        if sys.platform == "darwin" and sys.version_info < (3, 13):  # without waitid
            return False
        with contextlib.suppress(ChildProcessError):
            return os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
        return False

    def stderr_tail(self) -> str:
        """Return the tail of standard error as one printable line; a worker truncates the file at each item."""
        return "" if self._stderr is None else tail(self._stderr)

    def forget(self) -> None:
        """Make `subprocess` not wait for a process on which SIGKILL has no effect yet."""
        if self._process.returncode is None:
            self._process.returncode = -signal.SIGKILL

    def close_stderr(self) -> None:
        """Close the file of standard error."""
        if self._stderr is not None:
            with contextlib.suppress(OSError):
                os.close(self._stderr)
            self._stderr = None

    def _reap(self) -> bool:
        """Reap the process if it has ended; return whether it has.

        `subprocess` reports exit code 0 for a process that was reaped elsewhere, so `os.waitid` comes first.  If this
        process was started with SIGCHLD ignored, the system reaps all children itself.
        """
        if sys.platform == "darwin" and sys.version_info < (3, 13):  # without waitid
            self.exit_code = self._process.poll()
            return self.exit_code is not None
        try:
            ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            self._process.returncode = 0
            return True
        if ended is None:
            return False
        self.exit_code = self._process.poll()
        return True


def open_unnamed_file(folder: str | None, *, append: bool = True) -> int | None:
    """Open a new file without a name; return None if that fails, since a full disk is reported elsewhere.

    Parameters
    ----------
    folder : str or None
        The folder of the file.  None for a file in memory, or in the temporary folder if the system has no such files.
    append : bool
        Whether writes append to the file, also after it was truncated.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | (os.O_APPEND if append else 0)
    if folder is None and sys.platform == "linux":
        with contextlib.suppress(OSError):
            descriptor = os.memfd_create("melcli")
            fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)
            return descriptor
    import tempfile  # imported late, because the start of the planning process must not wait for it

    from melcli.store.leftovers import temporary_name

    folder = tempfile.gettempdir() if folder is None else folder
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # some file systems do not support O_TMPFILE
            return os.open(folder, flags | os.O_TMPFILE, 0o600)
    path = os.path.join(folder, temporary_name())
    with contextlib.suppress(OSError):
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        os.unlink(path)
        return descriptor
    return None
