"""Python processes for checks that may crash, or that need another process."""

from __future__ import annotations

import select
import subprocess

from melcli.printable import printable
from melcli.run.engines.interpreter import python_command

__all__ = ["PATIENCE_S", "first_line", "last_words", "start_python"]

PATIENCE_S = 60.0  # for a library that is imported from a slow network disk


def start_python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a process that finds the same modules as this one, as a worker does, and none of the working folder's.

    Parameters
    ----------
    code : str
        What it runs.
    *arguments : str
        Its ``sys.argv[1:]``.
    """
    return subprocess.Popen(  # noqa: S603  code of ours, and no shell
        python_command(code, *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
    )


def first_line(process: subprocess.Popen[str]) -> str:
    """Wait for the first line that a process prints; empty where it ends or takes too long."""
    stream = process.stdout
    if stream is None or not select.select([stream], [], [], PATIENCE_S)[0]:
        return ""
    return stream.readline().strip()


def last_words(process: subprocess.Popen[str], stderr: str) -> str:
    """Say in one line what became of a process that failed."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    code = process.returncode
    said = printable(lines[-1]) if lines else ""
    if code is not None and code < 0:
        return f"ended by signal {-code}" + (f": {said}" if said else "")
    return said or f"ended with exit code {code}"
