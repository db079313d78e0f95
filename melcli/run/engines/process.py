"""A worker process from the driver's side: start and messages."""

from __future__ import annotations

import contextlib
import os
import socket

from melcli.run.engines.channel import Channel
from melcli.run.engines.child import ChildProcess, unnamed_file
from melcli.store.files import close_quietly
from melcli.threads import ONE_THREAD

__all__ = ["WorkerProcess"]

# The buffers of FFTs are 1 MB.  glibc would hand them back to the system after each block and take them again page by
# page: 525 page faults for a ten-second file, a sixth of a worker's time.
KEEP_BUFFERS = {"MALLOC_MMAP_THRESHOLD_": str(4 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(16 * 2**20)}
# As many processes as processors with as many threads each are slower by an order of magnitude.
ENVIRONMENT = ONE_THREAD | KEEP_BUFFERS
MAIN = """
from melcli.run.engines.worker import prepare, serve
end = prepare({descriptor}, {driver})
{imports}
serve(end, {max_memory_bytes})
"""


class WorkerProcess(ChildProcess):
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

    Raises
    ------
    OSError
        The system has no file descriptor, no process or no memory left.
    """

    def __init__(self, *, folder: str | None, imports: tuple[str, ...], max_memory_bytes: int | None) -> None:
        with contextlib.ExitStack() as failing, contextlib.ExitStack() as started:
            ours, theirs = socket.socketpair()
            started.enter_context(theirs)
            failing.enter_context(ours)
            stderr = unnamed_file(folder)
            if stderr is not None:
                failing.callback(close_quietly, stderr)
            main = MAIN.format(
                descriptor=theirs.fileno(),
                driver=os.getpid(),
                imports="\n".join(f"import {module}" for module in imports),
                max_memory_bytes=max_memory_bytes,
            )
            super().__init__(main, stderr=stderr, keep=[theirs.fileno()], environment=ENVIRONMENT)
            failing.pop_all()
        self.channel = Channel(ours)

    def close(self) -> None:
        """Give back the descriptors; nothing is waited for."""
        self.channel.close()
        self.close_stderr()
        self.forget()
