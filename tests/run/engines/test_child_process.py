"""Child processes: their end, and files without a name."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from melcli.run.engines.child_process import UNKNOWN_EXIT_CODE, ChildProcess, open_unnamed_file
from tests.elapsed import wait_until


def test_a_child_that_the_system_reaps_has_no_known_exit_code() -> None:
    """So it is where SIGCHLD is ignored; `subprocess` would say 0."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        child = ChildProcess("raise SystemExit(3)", stderr=None, keep=[])
        assert wait_until(child.has_ended, 5.0)
        assert child.exit_code is UNKNOWN_EXIT_CODE
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_child_tells_how_it_ended_and_what_it_printed() -> None:
    stderr = open_unnamed_file(None)
    child = ChildProcess("raise SystemExit('no such\\n thing')", stderr=stderr, keep=[])
    assert wait_until(child.has_ended, 5.0)
    assert (child.exit_code, child.stderr_tail()) == (1, "no such / thing")
    child.close_stderr()
    child.kill()  # which is nobody any more


@pytest.mark.parametrize("append", [True, False])
@pytest.mark.parametrize("in_memory", [True, False])
def test_unnamed_files(tmp_path: Path, append: bool, in_memory: bool) -> None:
    file = open_unnamed_file(None if in_memory else str(tmp_path), append=append)
    assert file is not None
    assert os.listdir(tmp_path) == []
    os.write(file, b"first")
    os.ftruncate(file, 0)
    os.write(file, b"then")
    assert os.pread(file, 100, 0) == (b"then" if append else b"\0\0\0\0\0then")
    os.close(file)
