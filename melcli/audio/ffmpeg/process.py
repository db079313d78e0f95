"""A process of ffmpeg: its arguments, its samples, its messages and its end.

* The file is an inherited descriptor, which ffmpeg opens as ``/proc/self/fd/N``: ``pipe:`` cannot seek, which an MP4
  with its index at the end needs, and ``fd:`` is missing before ffmpeg 6.  So a name is never an option, a protocol
  or a pattern, and no extension suggests a format.
* ``-protocol_whitelist file`` and ``-format_whitelist`` with containers only: a playlist (HLS, DASH, concat) may name
  other files of this machine, whatever its own name is.
* ``-xerror`` stops at the first error, which ffmpeg otherwise replaces by silence or skips.  ``-reinit_filter 0`` makes
  a change of rate or channels an error, instead of resampling what follows.  ``-err_detect crccheck`` checks checksums.
* The process ends with this one: where this process ends with its parent, as workers do on Linux, the new one gets the
  same setting.  Everywhere else it ends at its next write.
* Standard error is read as it comes, so that it never blocks ffmpeg, and only its two ends are kept.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable

from melcli.audio.ffmpeg.program import environment
from melcli.null_device import open_null

__all__ = ["FORMATS", "FfmpegProcess", "arguments", "input_name"]

# Containers of audio and video, by ffmpeg's names.  Never a format that refers to other files.
FORMATS = (
    *("mov", "matroska", "webm", "asf", "avi", "flv", "mpeg", "mpegts", "mxf", "dv", "rm", "nut"),
    *("wav", "w64", "aiff", "caf", "au", "nistsphere", "ogg", "flac", "mp3", "aac", "loas", "ac3", "eac3", "dts"),
    *("dtshd", "truehd", "mlp", "ape", "wv", "mpc", "mpc8", "tta", "tak", "shn", "qoa", "dsf", "iff", "ircam"),
    *("amr", "amrnb", "amrwb", "gsm", "qcp", "dss", "voc", "oma", "aea", "xwma", "act", "sox"),
)
MAX_HEAD_BYTES = 1 << 18  # of messages; the description of the input comes first
MAX_TAIL_BYTES = 1 << 13
PIPE_BYTES = 1 << 20  # the default of Linux is 64 KiB, and then ffmpeg waits for its reader more often
_READ_BYTES = 1 << 16
_PR_SET_PDEATHSIG, _PR_GET_PDEATHSIG = 1, 2
_DESCRIPTORS = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"


def input_name(descriptor: int) -> str:
    """Return the name under which ffmpeg opens an inherited descriptor."""
    return f"file:{_DESCRIPTORS}/{descriptor}"


def arguments(descriptor: int, *, stream: int, coding: str) -> list[str]:
    """Return the arguments with which ffmpeg decodes a file to WAV on its standard output.

    Parameters
    ----------
    descriptor : int
        The file.
    stream : int
        Number of the audio stream, from 0.
    coding : str
        ``pcm_f32le`` or ``pcm_f64le``.
    """
    return [
        *("-nostdin", "-nostats", "-loglevel", "level+info", "-xerror"),
        *("-threads", "1", "-vn", "-err_detect", "crccheck", "-reinit_filter", "0"),
        *("-protocol_whitelist", "file", "-format_whitelist", ",".join(FORMATS), "-i", input_name(descriptor)),
        *("-map", f"0:a:{stream}", "-map_metadata", "-1", "-c:a", coding, "-fflags", "+bitexact"),
        *("-flush_packets", "0", "-f", "wav", "pipe:1"),
    ]


class FfmpegProcess:
    """A running ffmpeg.

    Parameters
    ----------
    path : str
        The program.
    arguments : list of str
        Without the program.
    descriptor : int
        The file, which the process inherits.

    Attributes
    ----------
    exit_code : int or None
        Negative for a signal; None while it runs, and if another part of this program reaped it.

    Raises
    ------
    OSError
        The program cannot be started.
    """

    def __init__(self, path: str, arguments: list[str], descriptor: int) -> None:
        self.exit_code: int | None = None
        self._head, self._tail = bytearray(), bytearray()
        os.lseek(descriptor, 0, os.SEEK_SET)  # /dev/fd of macOS shares the position
        with contextlib.ExitStack() as on_failure, contextlib.ExitStack() as after_start:
            null = open_null()
            after_start.callback(os.close, null)
            self._samples, stdout = _pipe(on_failure, after_start)
            self._messages, stderr = _pipe(on_failure, after_start)
            _enlarge(stdout)
            self._process = subprocess.Popen(  # noqa: S603  without a shell
                [path, *arguments],
                stdin=null,
                stdout=stdout,
                stderr=stderr,
                pass_fds=[descriptor],
                env=environment(),
                preexec_fn=_end_with_this_process(),
            )
            self._pipes = on_failure.pop_all()
        self._poll = select.poll()
        for pipe in (self._samples, self._messages):
            self._poll.register(pipe, select.POLLIN)

    def read_into(self, target: memoryview) -> int:
        """Fill a buffer with standard output, and return the number of bytes: fewer than asked only at its end."""
        filled = 0
        while filled < len(target):
            for pipe, _ in self._poll.poll():
                if pipe == self._messages:
                    self._read_messages()
                    continue
                count = os.readv(pipe, [target[filled:]])
                if not count:
                    return filled
                filled += count
        return filled

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes of standard output, or fewer at its end."""
        block = bytearray(size)
        return bytes(block[: self.read_into(memoryview(block))])

    def catch_up(self) -> None:
        """Read the messages that are there."""
        while any(pipe == self._messages for pipe, _ in self._poll.poll(0)) and self._read_messages():
            pass

    def finish(self) -> None:
        """Read the messages to their end, wait for the end of the process, and set `exit_code`."""
        with contextlib.suppress(KeyError):
            self._poll.unregister(self._samples)
        while self._messages >= 0:
            self._poll.poll()
            self._read_messages()
        self._wait()

    def close(self) -> None:
        """Kill the process if it runs, reap it, and close the pipes."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
            self._wait()
        self._pipes.close()

    @property
    def messages(self) -> str:
        """Standard error so far: its beginning and, if it is long, its end."""
        return bytes(self._head + self._tail).decode("utf-8", "backslashreplace")

    def _read_messages(self) -> bool:
        """Read a piece of standard error; return whether there may be more."""
        if self._messages < 0:
            return False
        piece = os.read(self._messages, _READ_BYTES)
        if not piece:
            self._poll.unregister(self._messages)
            self._messages = -1
            return False
        room = max(0, MAX_HEAD_BYTES - len(self._head))
        self._head += piece[:room]
        if len(piece) > room:
            self._tail = (self._tail + piece[room:])[-MAX_TAIL_BYTES:]
        return True

    def _wait(self) -> None:
        try:
            status = os.waitpid(self._process.pid, 0)[1]
        except ChildProcessError:  # `subprocess` would report 0
            self._process.returncode = 0
            return
        self.exit_code = self._process.returncode = os.waitstatus_to_exitcode(status)


def _pipe(reading: contextlib.ExitStack, writing: contextlib.ExitStack) -> tuple[int, int]:
    """Return the two ends of a new pipe, which the stacks close."""
    ends = os.pipe()
    for stack, end in zip((reading, writing), ends, strict=True):
        stack.callback(os.close, end)
    return ends


def _enlarge(pipe: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # the pipes of this user may have reached their limit
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _end_with_this_process() -> Callable[[], None] | None:
    """Return a function that makes a new process end with this one, if this one ends with its parent.

    It runs between fork and exec and calls only the kernel.  A process of somebody else's program, which may have any
    threads, gets None, and starts ffmpeg without a copy of itself.
    """
    if sys.platform != "linux":
        return None
    libc = _libc()
    set_signal = ctypes.c_int()
    libc.prctl(_PR_GET_PDEATHSIG, ctypes.byref(set_signal), 0, 0, 0)
    if not set_signal.value:
        return None
    parent = os.getpid()

    def end_with_parent() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before prctl
            os._exit(1)

    return end_with_parent


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
