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

__all__ = ["UNKNOWN_EXIT_CODE", "WorkerProcess"]

# FFT buffers have 1 MB.  By default, glibc returns them to the system after each block and maps them again page by
# page.  This causes 525 page faults for a ten-second file, a sixth of a worker's time.
KEEP_FREED_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(4 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(16 * 2**20)}
# With one thread per processor in every process, a run is slower by an order of magnitude.
ENVIRONMENT = ONE_THREAD | KEEP_FREED_MEMORY
MAIN = """
import gc
gc.disable()
from melcli.run.engines.worker import prepare, serve
end = prepare({descriptor}, {driver})
{imports}
serve(end, {max_memory_bytes})
"""
UNKNOWN_EXIT_CODE: int | None = None  # for a process that the system or another part of the program reaped


class WorkerProcess:
    """A process that processes calls, and ends when its driver ends.

    The process is in the driver's process group, so that Ctrl-Z and signals to the group reach it.  The thread that
    starts the process must outlive it: Linux sends PR_SET_PDEATHSIG at the end of that thread.

    Parameters
    ----------
    folder : str or None
        Folder of the unnamed file for standard error; None for the temporary folder.
    imports : sequence of str
        Modules that the process imports before it is ready.
    max_memory_bytes : int or None
        Limit of anonymous memory, in bytes.

    Attributes
    ----------
    channel : Channel
        The driver's end of the connection.
    exit_code : int or None
        The negative signal number if a signal ended the process; `UNKNOWN_EXIT_CODE` while it runs, or if unknown.

    Raises
    ------
    OSError
        The system has no file descriptor, process or memory left.
    """

    def __init__(self, *, folder: str | None, imports: tuple[str, ...], max_memory_bytes: int | None) -> None:
        self.exit_code = UNKNOWN_EXIT_CODE
        with contextlib.ExitStack() as on_failure, contextlib.ExitStack() as after_start:
            driver_end, worker_end = socket.socketpair()
            after_start.enter_context(worker_end)
            on_failure.enter_context(driver_end)
            self._stderr = _open_unnamed_file(folder)
            on_failure.callback(self._close_stderr)
            main = MAIN.format(
                descriptor=worker_end.fileno(),
                driver=os.getpid(),
                imports="\n".join(f"import {module}" for module in imports),
                max_memory_bytes=max_memory_bytes,
            )
            null = open_null()
            after_start.callback(os.close, null)
            self._process = subprocess.Popen(  # noqa: S603  melcli's own code, without a shell
                python_command(main),
                stdin=null,
                stdout=null,
                stderr=null if self._stderr is None else self._stderr,
                pass_fds=[worker_end.fileno()],
                env={**os.environ, **ENVIRONMENT},
            )
            on_failure.pop_all()
        self.channel = Channel(driver_end)

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
        """Return the tail of standard error since the start of the last item, as one printable line."""
        return "" if self._stderr is None else tail(self._stderr)

    def close(self) -> None:
        """Close the descriptors without waiting for the process."""
        self.channel.close()
        self._close_stderr()
        if self._process.returncode is None:
            self._process.returncode = -signal.SIGKILL  # SIGKILL was sent and has no effect yet

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

    def _close_stderr(self) -> None:
        if self._stderr is not None:
            close_quietly(self._stderr)
            self._stderr = None


def _open_unnamed_file(folder: str | None) -> int | None:
    """Open a new file without a name for appending; None if that fails, since a full disk is reported elsewhere."""
    folder = tempfile.gettempdir() if folder is None else folder
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # some file systems do not support O_TMPFILE
            return os.open(folder, flags | os.O_TMPFILE, 0o600)
    path = os.path.join(folder, temporary_name())
    with contextlib.suppress(OSError):
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        os.unlink(path)
        return descriptor
    return None
