"""A Python process with code of melcli: start, end, exit code, and its standard error in a file without a name."""

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

__all__ = ["UNKNOWN_EXIT_CODE", "ChildProcess", "unnamed_file"]

UNKNOWN_EXIT_CODE: int | None = None  # the exit code of a process that somebody else has reaped


class ChildProcess:
    """A child process.

    Parameters
    ----------
    main : str
        Its code.
    stdin, stdout, stderr : int or None
        Descriptors; None: the null device.  ``stderr`` is a file, which `close_stderr` closes.
    keep : sequence of int
        Other descriptors that it inherits.
    options : sequence of str
        Of its interpreter.
    environment : Mapping
        What is added to that of this process.

    Attributes
    ----------
    exit_code : int or None
        Minus the signal's number where a signal ended it; `UNKNOWN_EXIT_CODE` where that is not known, or not yet.

    Raises
    ------
    OSError
        The system has no file descriptor, no process or no memory left.
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
            self._process = subprocess.Popen(  # noqa: S603  our own code, and no shell
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
        """The process's number."""
        return self._process.pid

    def kill(self) -> None:
        """Kill it; it may take a while to end, as in a read from a disk that does not answer."""
        if not self.has_ended():  # and so reaped: the number may be another process's by now
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    def has_ended(self) -> bool:
        """Tell whether it has ended, and reap it."""
        return self._process.returncode is not None or self._reap()

    def is_stopped(self) -> bool:
        """Tell whether it is stopped, as by SIGSTOP."""
        if sys.platform == "darwin" and sys.version_info < (3, 13):  # without waitid
            return False
        with contextlib.suppress(ChildProcessError):
            return os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
        return False

    def stderr_tail(self) -> str:
        """Return the end of what it printed to standard error, in one printable line; a worker cuts it at each item."""
        return "" if self._stderr is None else tail(self._stderr)

    def forget(self) -> None:
        """Let `subprocess` not wait for a process that was killed and that the system has not come to yet."""
        if self._process.returncode is None:
            self._process.returncode = -signal.SIGKILL

    def close_stderr(self) -> None:
        """Close the file."""
        if self._stderr is not None:
            with contextlib.suppress(OSError):
                os.close(self._stderr)
            self._stderr = None

    def _reap(self) -> bool:
        """Ask the system before `subprocess` does, which takes a process that was reaped elsewhere for one with code 0.

        So it is where this process was started with SIGCHLD ignored: then the system reaps all children itself.
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


def unnamed_file(folder: str | None, *, append: bool = True) -> int | None:
    """Open a new file that no folder lists; None where that fails: a full disk is reported elsewhere.

    Parameters
    ----------
    folder : str or None
        Where it is created; None: in memory, or in the temporary folder where the system has no such files.
    append : bool
        Whether all that is written goes to its end, also once somebody has cut it.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | (os.O_APPEND if append else 0)
    if folder is None and sys.platform == "linux":
        with contextlib.suppress(OSError):
            descriptor = os.memfd_create("melcli")
            fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)
            return descriptor
    import tempfile  # late, with what it takes: the planning process is started first of all

    from melcli.store.files import temporary_name

    where = tempfile.gettempdir() if folder is None else folder
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # not every file system has it
            return os.open(where, flags | os.O_TMPFILE, 0o600)
    path = os.path.join(where, temporary_name())
    with contextlib.suppress(OSError):
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        os.unlink(path)
        return descriptor
    return None
