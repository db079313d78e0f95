"""A worker process from the driver's side: start and messages."""

from __future__ import annotations

import contextlib
import os
import socket

from melcli.run.engines.channel import Channel
from melcli.run.engines.child_process import ChildProcess, open_unnamed_file
from melcli.store.files import close_quietly
from melcli.threads import ONE_THREAD

__all__ = ["WorkerProcess"]

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


class WorkerProcess(ChildProcess):
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

    Raises
    ------
    OSError
        The system has no file descriptor, process or memory left.
    """

    def __init__(self, *, folder: str | None, imports: tuple[str, ...], max_memory_bytes: int | None) -> None:
        with contextlib.ExitStack() as on_failure, contextlib.ExitStack() as after_start:
            driver_end, worker_end = socket.socketpair()
            after_start.enter_context(worker_end)
            on_failure.enter_context(driver_end)
            stderr = open_unnamed_file(folder)
            if stderr is not None:
                on_failure.callback(close_quietly, stderr)
            main = MAIN.format(
                descriptor=worker_end.fileno(),
                driver=os.getpid(),
                imports="\n".join(f"import {module}" for module in imports),
                max_memory_bytes=max_memory_bytes,
            )
            super().__init__(main, stderr=stderr, keep=[worker_end.fileno()], environment=ENVIRONMENT)
            on_failure.pop_all()
        self.channel = Channel(driver_end)

    def close(self) -> None:
        """Close the descriptors without waiting for the process."""
        self.channel.close()
        self.close_stderr()
        self.forget()
