"""A planning process that hangs, as at a mount that no longer answers.

A folder called ``hang`` hangs when it is listed, a file called ``hang.wav`` when its content is hashed, and a list
called ``hang.list`` when it is read.  All write the file that the environment variable `MARKER` names before, unless it
is there already.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from melcli.sources import content, lists

__all__ = ["BEFORE", "IMMORTAL", "MARKER"]

MARKER = "TESTS_PLANNING_MARKER"
# For `tests.cli.shell.start`; PYTHONPATH must contain the folder of the tests.
BEFORE = (
    "import melcli.run.planner.process as process\n"
    "process.MAIN = 'import tests.faults.hanging_planning as planning; planning.hang()' + process.MAIN"
)
# The same, and the process does not end, as in a call of the system that does not return.
IMMORTAL = f"{BEFORE}\nimport melcli.run.engines.child_process as child\nchild.ChildProcess.kill = lambda self: None"

_scandir = os.scandir
_hash_content = content.hash_content
_read_list = lists.read_list


def hang() -> None:
    """Make this process hang from now on, for those names."""
    setattr(os, "scandir", _hanging_scandir)  # noqa: B010
    setattr(content, "hash_content", _hanging_hash)  # noqa: B010
    setattr(lists, "read_list", _hanging_list)  # noqa: B010


def _hanging_scandir(path: str) -> Any:
    if os.path.basename(path) == "hang":
        _wait()
    return _scandir(path)


def _hanging_hash(path: str) -> str:
    if os.path.basename(path) == "hang.wav":
        _wait()
    return _hash_content(path)


def _hanging_list(path: str, separator: Any) -> Any:
    if os.path.basename(path) == "hang.list":
        _wait()
    return _read_list(path, separator)


def _wait() -> None:
    Path(os.environ[MARKER]).touch()
    time.sleep(3600)
