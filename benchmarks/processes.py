"""Runs of whole commands: wall seconds, and CPU seconds of every process that they start."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import melcli

__all__ = ["Run", "environment", "module_result", "named", "run_command"]

ROOT = Path(__file__).parents[1]
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Run:
    """What one command took and said.

    ``cpu_s`` holds all processes that the command started, also those that nobody waited for, as some peers leave them:
    they would be missing in what the parent's end reports.
    """

    wall_s: float
    cpu_s: float
    output: str


def environment() -> dict[str, str]:
    """Return this process's environment, in which the very melcli that is imported here is found from any folder."""
    path = [str(Path(melcli.__file__).parents[1]), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}


def run_command(command: Sequence[str], *, watch: Callable[[int], None] | None = None) -> Run:
    """Run a command to its end, and wait for what it leaves behind.

    Parameters
    ----------
    command : sequence of str
    watch : callable, optional
        Called with the command's process id, which is its session's too, as soon as it runs.

    Raises
    ------
    RuntimeError
        It ended with something else than 0; with the end of what it said.
    """
    adopt_orphans()
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        start = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603  a list of our own, by no shell
            command,
            stdout=said,
            stderr=complained,
            env=environment(),
            cwd=tempfile.gettempdir(),
            start_new_session=True,
        )
        if watch is not None:
            watch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu_s = usage.ru_utime + usage.ru_stime + _orphans_cpu_s()
        output, complaints = _text(said), _text(complained)
    if process.returncode != 0:
        raise RuntimeError(f"{named(command)} ended with {process.returncode}:\n{complaints[-2000:]}")
    return Run(wall_s, cpu_s, output)


def named(command: Sequence[str]) -> str:
    """Return a command without its folders, which are no business of a page."""
    return " ".join(os.path.basename(word) for word in command)


def module_result(
    module: str, arguments: Sequence[str], env: Mapping[str, str] | None = None, *, quiet: bool = False
) -> dict[str, Any]:
    """Run one of our modules in a process of its own and return the JSON that it writes.

    What it prints passes through, or is shown only if it fails: TensorFlow greets at length.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        command = [sys.executable, "-m", module, *arguments, "--json", str(path)]
        complaints_to = subprocess.PIPE if quiet else None
        done = subprocess.run(command, env=env, cwd=ROOT, stderr=complaints_to, check=False)  # noqa: S603  our own list
        if done.returncode != 0:
            complaints = (done.stderr or b"").decode("utf-8", "replace")[-2000:]
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}\n{complaints}".rstrip())
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def adopt_orphans() -> None:
    """Become the parent of processes whose own parent ends, so that they can be waited for; on Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _orphans_cpu_s() -> float:
    cpu_s = 0.0
    while True:
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return cpu_s
        cpu_s += usage.ru_utime + usage.ru_stime


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode("utf-8", "replace"))
