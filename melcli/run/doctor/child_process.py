"""Python processes for checks that may crash, or that need another process."""

from __future__ import annotations

import select
import subprocess

from melcli.printable import printable
from melcli.run.engines.interpreter import python_command

__all__ = ["CHILD_TIMEOUT_S", "first_line", "describe_failure", "start_python"]

CHILD_TIMEOUT_S = 60.0  # generous, for imports from a slow network disk


def start_python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a Python process with the module search path of a worker, without the working folder.

    Parameters
    ----------
    code : str
        Python source.
    *arguments : str
        The ``sys.argv[1:]`` of the process.
    """
    return subprocess.Popen(  # noqa: S603  melcli's own code, without a shell
        python_command(code, *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
    )


def first_line(process: subprocess.Popen[str]) -> str:
    """Wait for the first line that a process prints; return "" if it ends or takes too long."""
    stream = process.stdout
    if stream is None or not select.select([stream], [], [], CHILD_TIMEOUT_S)[0]:
        return ""
    return stream.readline().strip()


def describe_failure(process: subprocess.Popen[str], stderr: str) -> str:
    """Return in one line how a process failed."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    code = process.returncode
    last_line = printable(lines[-1]) if lines else ""
    if code is not None and code < 0:
        return f"ended by signal {-code}" + (f": {last_line}" if last_line else "")
    return last_line or f"ended with exit code {code}"
