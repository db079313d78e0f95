"""Run a command that writes audio to its standard output, as Kaldi's ``wav.scp`` has them."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from melcli.errors import AudioError

__all__ = ["output_of"]

PIECE_BYTES = 1 << 20
# The command runs in a session of its own, so that Ctrl-C reaches melcli and not the command.  Its standard input is
# empty.  A second process waits until melcli closes a pipe, also by being killed, and then ends the whole session.
SCRIPT = """exec 3<&0 </dev/null
( cat <&3; kill -KILL 0 ) >/dev/null 2>&1 &
eval "$1" 3<&-
"""


@contextmanager
def output_of(command: str, folder: str) -> Iterator[str]:
    """Run a command in a shell, and yield a path to its output, which is valid inside of the block.

    The output goes to an unnamed temporary file, since decoders need to know its size.  The block may take long; the
    command has ended before.

    Parameters
    ----------
    command : str
        For ``sh``; may contain surrogate escapes.
    folder : str
        Folder of the temporary file.

    Raises
    ------
    AudioError
        ``unreadable``: the command ends with another exit code than 0, or writes more than fits on the disk.
    OSError
        The file cannot be written, or no process can be started.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        _run(command, file.fileno())
        yield f"/dev/fd/{file.fileno()}"


def _run(command: str, descriptor: int) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as output, open(descriptor, "wb", closefd=False) as file:
        try:
            process = subprocess.Popen(  # noqa: S603  the user allowed commands
                ["/bin/sh", "-c", SCRIPT, "sh", command], stdin=subprocess.PIPE, stdout=writing, start_new_session=True
            )
        finally:
            os.close(writing)
        code = _copy(process, output, file)
    if code:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        raise AudioError("unreadable", f"the command {how}")


def _copy(process: subprocess.Popen[bytes], output: io.FileIO, file: io.BufferedWriter) -> int:
    """Copy the output of a process, and return its exit code; when this ends, its session has ended."""
    num_bytes = 0
    try:
        while piece := output.read(PIECE_BYTES):
            num_bytes += len(piece)
            if num_bytes > _free_bytes(file):
                raise AudioError("unreadable", f"the command wrote {num_bytes:,} bytes, more than the free disk space")
            file.write(piece)
        return process.wait()
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _free_bytes(file: io.BufferedWriter) -> int:
    status = os.fstatvfs(file.fileno())
    return status.f_bavail * status.f_frsize
