"""Control groups for a single test, for memory and for numbers of processes; only root can create them."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.elapsed import wait_until

__all__ = ["Group", "memory_group", "pids_group"]

REMOVAL_S = 5.0  # in which the kernel releases the processes of a group that have ended
_numbers = itertools.count()


@dataclass(frozen=True)
class Group:
    """A control group.

    Attributes
    ----------
    folder : Path
        Its folder in the control group file system.
    """

    folder: Path

    @property
    def enter(self) -> str:
        """Return Python code that moves a process into the group: ``before`` of `tests.cli.shell.start`."""
        return f"import os; open({str(self.folder / 'cgroup.procs')!r}, 'r+').write(str(os.getpid()))"

    @property
    def oom_kills(self) -> int:
        """Number of processes that the kernel killed because the group was out of memory."""
        for name in ("memory.oom_control", "memory.events"):
            with suppress(OSError):
                for line in (self.folder / name).read_text().splitlines():
                    word, _, count = line.partition(" ")
                    if word == "oom_kill":
                        return int(count)
        return 0

    @property
    def processes(self) -> list[int]:
        """Ids of the processes in the group."""
        return [int(line) for line in (self.folder / "cgroup.procs").read_text().split()]


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[Group]:
    """Create a group with a memory limit including swap; skip the test if that is impossible."""
    with _group("memory", {"memory.limit_in_bytes": limit_bytes}, {"memory.max": limit_bytes}) as group:
        for name, value in (("memory.memsw.limit_in_bytes", limit_bytes), ("memory.swap.max", 0)):
            with suppress(OSError):  # a system that does not count swap usually has none
                _write(group.folder / name, str(value))
        yield group


@contextmanager
def pids_group(most: int) -> Iterator[Group]:
    """Create a group with a limit for processes and threads; skip the test if that is impossible."""
    with _group("pids", {"pids.max": most}, {"pids.max": most}) as group:
        yield group


@contextmanager
def _group(controller: str, version_1: dict[str, int], version_2: dict[str, int]) -> Iterator[Group]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to make a control group")
    for root, limits in ((Path("/sys/fs/cgroup") / controller, version_1), (Path("/sys/fs/cgroup"), version_2)):
        folder = root / f"melcli-test-{os.getpid()}-{next(_numbers)}"
        if not (root / "cgroup.procs").exists():
            continue
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            if all((folder / name).exists() for name in limits):
                for name, value in limits.items():
                    _write(folder / name, str(value))
                yield Group(folder)
                return
        finally:
            _remove(folder)
    pytest.skip(f"no control group for {controller} can be made here")


def _write(path: Path, text: str) -> None:
    """Write without O_CREAT and O_TRUNC, which would be refused."""
    handle = os.open(path, os.O_WRONLY)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


def _remove(folder: Path) -> None:
    """Remove a group; kill processes that a failed round left in it."""
    for process in Group(folder).processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    wait_until(lambda: not Group(folder).processes, REMOVAL_S)
    folder.rmdir()
