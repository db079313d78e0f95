"""A worker process from the driver's side: start, messages, end, exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile

from melcli.null_device import open_null
from melcli.run.engines.channel import Channel
from melcli.run.engines.interpreter import python_command
from melcli.run.watchdog import tail
from melcli.store.files import close_quietly, temporary_name
from melcli.threads import ONE_THREAD

__all__ = ["UNKNOWN_EXIT", "WorkerProcess"]

# The buffers of FFTs are 1 MB.  glibc would hand them back to the system after each block and take them again page by
# page: 525 page faults for a ten-second file, a sixth of a worker's time.
KEEP_BUFFERS = {"MALLOC_MMAP_THRESHOLD_": str(4 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(16 * 2**20)}
# As many processes as processors with as many threads each are slower by an order of magnitude.
ENVIRONMENT = ONE_THREAD | KEEP_BUFFERS
MAIN = """
import gc
gc.disable()
from melcli.run.engines.worker import prepare, serve
end = prepare({descriptor}, {driver})
{imports}
serve(end, {max_memory_bytes})
"""
UNKNOWN_EXIT: int | None = None  # the exit code of a process that somebody else has reaped


class WorkerProcess:
    """A process that takes calls; it ends when its driver does.

    It is in the driver's process group, so that Ctrl-Z and a signal to the group reach it.  The thread that starts it
    has to outlive it: PR_SET_PDEATHSIG, by which it dies with its driver, is sent at the end of that thread.

    Parameters
    ----------
    folder : str or None
        Where the file for its standard error is created, which has no name; None: in the temporary folder.
    imports : sequence of str
        Modules that it imports before it is ready.
    max_memory_bytes : int or None
        Of anonymous memory; beyond it the system refuses more.

    Attributes
    ----------
    channel : Channel
        The driver's end of the connection.
    exit_code : int or None
        Minus the signal's number where a signal ended it; `UNKNOWN_EXIT` where that is not known, or not yet.

    Raises
    ------
    OSError
        The system has no file descriptor, no process or no memory left.
    """

    def __init__(self, *, folder: str | None, imports: tuple[str, ...], max_memory_bytes: int | None) -> None:
        self.exit_code = UNKNOWN_EXIT
        with contextlib.ExitStack() as failing, contextlib.ExitStack() as started:
            ours, theirs = socket.socketpair()
            started.enter_context(theirs)
            failing.enter_context(ours)
            self._stderr = _unnamed_file(folder)
            failing.callback(self._close_stderr)
            main = MAIN.format(
                descriptor=theirs.fileno(),
                driver=os.getpid(),
                imports="\n".join(f"import {module}" for module in imports),
                max_memory_bytes=max_memory_bytes,
            )
            null = open_null()
            started.callback(os.close, null)
            self._process = subprocess.Popen(  # noqa: S603  code of ours, and no shell
                python_command(main),
                stdin=null,
                stdout=null,
                stderr=null if self._stderr is None else self._stderr,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **ENVIRONMENT},
            )
            failing.pop_all()
        self.channel = Channel(ours)

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
        """Return the end of what it printed to standard error since its last item began, in one printable line."""
        return "" if self._stderr is None else tail(self._stderr)

    def close(self) -> None:
        """Give back the descriptors; nothing is waited for."""
        self.channel.close()
        self._close_stderr()
        if self._process.returncode is None:
            self._process.returncode = -signal.SIGKILL  # it was killed, and the system has not come to it yet

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

    def _close_stderr(self) -> None:
        if self._stderr is not None:
            close_quietly(self._stderr)
            self._stderr = None


def _unnamed_file(folder: str | None) -> int | None:
    """Open a new file for appending that no folder lists; None where that fails: a full disk is reported elsewhere."""
    where = tempfile.gettempdir() if folder is None else folder
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # not every file system has it
            return os.open(where, flags | os.O_TMPFILE, 0o600)
    path = os.path.join(where, temporary_name())
    with contextlib.suppress(OSError):
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        os.unlink(path)
        return descriptor
    return None
