"""Find the processes of a run from outside, including one that was just started."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Run, signals_heeded
from tests.elapsed import HANG_S, wait_until
from tests.run.invariants import alive

__all__ = [
    "STARTS",
    "descendants",
    "empty",
    "kill_any",
    "kill_one",
    "start_command",
    "wait_for_file",
    "wait_for_newborn",
    "workers_of",
]

POLL_S = 0.001
STARTS = ("python -m melcli", "the installed script")


def start_command(how: str, *arguments: Any, out: Path, env: Mapping[str, str] | None = None, **options: Any) -> Run:
    """Start melcli as a user does.

    Parameters
    ----------
    how : str
        One of `STARTS`; a test of the script is skipped if it is not installed.
    *arguments
        The whole command line after ``melcli``.
    out : Path
        OUT, for `Run`; the command line must name it.
    env : Mapping
        Additional environment variables.
    **options
        Options of `subprocess.Popen`.
    """
    words = [sys.executable, "-m", "melcli"]
    if how == "the installed script":
        script = Path(sys.executable).with_name("melcli")
        if not script.exists():
            pytest.skip("needs melcli to be installed beside this Python")
        words = [str(script)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MELCLI_")}
    with signals_heeded():
        process = subprocess.Popen(
            [*words, *map(os.fspath, arguments)],
            start_new_session=True,
            env=environment | {"MELCLI_FFMPEG": ""} | dict(env or {}),
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
    return Run(process, out)


def descendants(run: Run) -> list[int]:
    """List the descendants of a run's process, in less than a millisecond."""
    found: list[int] = []
    parents = [run.process.pid]
    while parents:
        children = _children_of(parents.pop())
        found += children
        parents += children
    return found


def _children_of(process: int) -> list[int]:
    """List the children of all threads of a process."""
    found: list[int] = []
    with suppress(OSError):  # the process ended
        for thread in os.listdir(f"/proc/{process}/task"):
            with suppress(OSError):
                found += map(int, Path(f"/proc/{process}/task/{thread}/children").read_text().split())
    return found


def wait_for_newborn(run: Run, known: Sequence[int] = (), *, within_s: float = HANG_S) -> int | None:
    """Return a new process of the run as soon as it exists; None if the run ends before.

    Parameters
    ----------
    run : Run
    known : sequence of int
        Processes that are not new.
    within_s : float
        Time limit in quiet seconds; None is returned after it.
    """
    newborn: list[int] = []

    def born_or_ended() -> bool:
        ended = run.process.poll() is not None
        newborn[:] = [] if ended else [process for process in descendants(run) if process not in known]
        return ended or bool(newborn)

    wait_until(born_or_ended, within_s, poll_s=POLL_S)
    return newborn[0] if newborn else None


def kill_one(process: int, number: int = signal.SIGKILL) -> bool:
    """Send a signal to a process that may have ended; return whether it still existed."""
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return False
    return True


def kill_any(run: Run, chance: random.Random, number: int = signal.SIGKILL) -> bool:
    """Send a signal to a random process of the run except the driver; return whether there was one."""
    there = sorted(descendants(run))
    return bool(there) and kill_one(chance.choice(there), number)


def workers_of(run: Run) -> list[int]:
    """List the workers: all processes of the run's session except the driver."""
    return [process for process in alive(run.process.pid) if process != run.process.pid]


def empty(folder: Path) -> None:
    """Remove the content of a folder."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def wait_for_file(path: Path, run: Run, *, exists: bool = True) -> bool:
    """Wait until a file exists, or no longer exists; return whether that happened before the run ended."""
    happened = wait_until(lambda: path.exists() is exists or run.process.poll() is not None, poll_s=POLL_S)
    assert happened, f"{path} is {'not there' if exists else 'still there'}"
    return path.exists() is exists
