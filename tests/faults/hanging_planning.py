"""A planning process that hangs, as at a mount that no longer answers.

A folder named ``hang`` hangs when it is listed, and a file named ``hang.wav`` when its content is hashed.  Both first
create the file that the environment variable `MARKER` names, unless it exists.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from melcli.sources import content

__all__ = ["BEFORE", "IMMORTAL", "MARKER"]

MARKER = "TESTS_PLANNING_MARKER"
# For `tests.cli.shell.start`; PYTHONPATH must contain the folder of the tests.
BEFORE = (
    "import melcli.run.planner.process as process\n"
    "process.MAIN = 'import tests.faults.hanging_planning as planning; planning.hang()' + process.MAIN"
)
# The same, but the process does not end, as in a system call that does not return.
IMMORTAL = f"{BEFORE}\nimport subprocess\nsubprocess.Popen.kill = lambda self: None"

_scandir = os.scandir
_hash_content = content.hash_content


def hang() -> None:
    """Make this process hang from now on, for those names."""
    setattr(os, "scandir", _hanging_scandir)  # noqa: B010
    setattr(content, "hash_content", _hanging_hash)  # noqa: B010


def _hanging_scandir(path: str) -> Any:
    if os.path.basename(path) == "hang":
        _wait()
    return _scandir(path)


def _hanging_hash(path: str) -> str:
    if os.path.basename(path) == "hang.wav":
        _wait()
    return _hash_content(path)


def _wait() -> None:
    Path(os.environ[MARKER]).touch()
    time.sleep(3600)
