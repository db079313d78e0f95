"""Run melcli in a separate process, as a shell does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melcli.run.interrupts import SIGNALS
from tests.elapsed import communicate, wait_until
from tests.store.rows import journal_of

__all__ = ["Ended", "Run", "closed_pipe", "full_disk", "run_alone", "signals_heeded", "start"]


@dataclass(frozen=True)
class Ended:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        return self.err.splitlines()[-1]


class Run:
    """A run in progress.

    Attributes
    ----------
    process : subprocess.Popen
        Leads its own session, which contains all processes that it starts.
    out : Path
        OUT.
    """

    def __init__(self, process: subprocess.Popen[bytes], out: Path) -> None:
        self.process = process
        self.out = out

    @property
    def rows_so_far(self) -> int:
        """Number of rows in the journal."""
        rows, _ = journal_of(str(self.out)) or ([], [])
        return len(rows)

    def wait_for_rows(self, count: int) -> None:
        """Wait until the journal has ``count`` rows; the run must still be in progress then."""
        ended = False

        def enough_or_ended() -> bool:
            nonlocal ended
            ended = self.process.poll() is not None
            return ended or self.rows_so_far >= count

        if not wait_until(enough_or_ended, poll_s=0.002) or ended:
            raise AssertionError(f"ended with {self.process.poll()} before {count} rows: {self.process.communicate()}")

    def signal(self, number: int, *, whole_group: bool) -> None:
        """Send a signal to the run only, or to all its processes, as a terminal does."""
        if whole_group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def end(self) -> Ended:
        """Wait until the run ends."""
        try:
            out, err = communicate(self.process)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            raise
        return Ended(self.process.returncode, (out or b"").decode(), (err or b"").decode())


def start(*arguments: Any, out: Path | None = None, before: str = "", **options: Any) -> Run:
    """Start melcli, with one worker unless ``-j`` is given.

    Parameters
    ----------
    *arguments
        Arguments of the command line.
    out : Path
        OUT, passed as ``-o``.
    before : str
        Python code to execute in that process before melcli, for example to set a limit.
    **options
        Options of `subprocess.Popen`.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MELCLI_")}
    # Each worker takes 0.5 s of CPU to start.  No test depends on whether ffmpeg is installed, but those that name it.
    environment |= {"MELCLI_JOBS": "1", "MELCLI_FFMPEG": ""} | options.pop("env", {})
    code = ["-c", f"{before}\nfrom melcli.cli import main\nmain()"] if before else ["-m", "melcli"]
    where = () if out is None else ("-o", out)
    pipe = subprocess.PIPE
    with signals_heeded():
        process = subprocess.Popen(
            [sys.executable, *code, *map(os.fspath, (*arguments, *where))],
            start_new_session=True,
            env=environment,
            **{"stdin": subprocess.DEVNULL, "stdout": pipe, "stderr": pipe, **options},
        )
    return Run(process, out or Path())


@contextmanager
def signals_heeded() -> Iterator[None]:
    """Restore the handling of signals, also in child processes, though the tests may run under nohup or in a script."""
    ignored = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


def run_alone(*arguments: Any, **options: Any) -> Ended:
    """Start melcli and wait for its end."""
    return start(*arguments, **options).end()


def closed_pipe() -> int:
    """Return a descriptor of a pipe whose reading end is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def full_disk() -> int:
    """Return a descriptor of a file on a full disk."""
    return os.open("/dev/full", os.O_WRONLY)
