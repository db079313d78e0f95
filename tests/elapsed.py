"""Measure elapsed time in tests, with limits that also hold on a busy machine.

A test never compares `time.monotonic` with a limit.  It takes a `Stopwatch` and compares `Stopwatch.quiet_s`, or it
waits with `wait`, `communicate`, `run`, `wait_until` or `fail_after`, which count the same seconds.  Work of this
process alone is measured as CPU time, with `time.process_time`.

Other programs on the same cores stretch every wall-clock time.  The kernel counts for how long at least one task of
the machine waited for a core, for a disk or for memory (/proc/pressure).  In the rest of the time every task ran at
full speed.  So an interval minus the waiting is never longer than the same interval on a quiet machine.  Both readings
belong to the interval itself: a burst of one second counts, and a load that ended earlier does not.  On a machine that
is never quiet the difference stays near 0 and would hide a process that hangs.  So a limit is extended to at most
`MOST_STRETCH` times its value.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

__all__ = [
    "HANG_S",
    "MOST_STRETCH",
    "Stopwatch",
    "communicate",
    "deadline_in",
    "fail_after",
    "run",
    "stretch",
    "wait",
    "wait_until",
]

HANG_S = 60.0  # a process that must end counts as hung after this
MOST_STRETCH = 10.0
POLL_S = 0.01
GLANCES = 5  # samples of the number of runnable tasks, in `stretch`

PRESSURE = Path("/proc/pressure")
RESOURCES = ("cpu", "io", "memory")


class Stopwatch:
    """Time since its creation.

    Attributes
    ----------
    wall_s : float
        Seconds of the wall clock.
    quiet_s : float
        Seconds without those in which anything on the machine waited for a core, a disk or memory; at least
        ``wall_s / MOST_STRETCH``.  If the system does not count them: ``wall_s / stretch()``.
    """

    def __init__(self) -> None:
        self._stalled_s = _stalled_s()
        self._began_s = time.monotonic()

    @property
    def wall_s(self) -> float:
        return time.monotonic() - self._began_s

    @property
    def quiet_s(self) -> float:
        wall_s = self.wall_s
        if self._stalled_s is None:
            return wall_s / _stretch(glances=1)
        stalled_s = (_stalled_s() or 0.0) - self._stalled_s
        return max(wall_s - stalled_s, wall_s / MOST_STRETCH)


def stretch() -> float:
    """Return how many times longer work takes here now; only for limits that are passed to melcli itself.

    It is a forecast from the load of the last minute and of this moment, between 1 and `MOST_STRETCH`.
    """
    return _stretch(GLANCES)


def deadline_in(seconds: float) -> float:
    """Return a moment by `time.monotonic`; only for a deadline that is passed to melcli itself."""
    return time.monotonic() + seconds


def _stretch(glances: int) -> float:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = max(os.getloadavg()[0], _runnable_now(glances))
    return min(MOST_STRETCH, max(1.0, load / cores))


def wait(process: subprocess.Popen[Any], limit_s: float = HANG_S) -> int:
    """Wait for a process like its own method, with a limit in quiet seconds."""
    return _within(limit_s, process.wait)


def communicate(process: subprocess.Popen[Any], limit_s: float = HANG_S) -> tuple[Any, Any]:
    """Read all that a process prints and wait for it like its own method, with a limit in quiet seconds."""
    return _within(limit_s, lambda timeout: process.communicate(timeout=timeout))


def run(
    command: Sequence[Any], limit_s: float = HANG_S, *, check: bool = False, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """Run a command like `subprocess.run`, with its output captured and a limit in quiet seconds."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, **{"stdout": pipe, "stderr": pipe, **options}) as process:
        try:
            out, err = communicate(process, limit_s)
        except BaseException:
            process.kill()
            raise
    ended = subprocess.CompletedProcess(command, process.returncode, out, err)
    if check:
        ended.check_returncode()
    return ended


@contextmanager
def fail_after(limit_s: float) -> Iterator[None]:
    """Fail a test that blocks in this process, after a limit in quiet seconds."""
    watch = Stopwatch()

    def give_up(number: int, frame: object) -> None:
        if watch.quiet_s >= limit_s:
            pytest.fail("it blocked")  # not an OSError, which melcli would attribute to the file

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, limit_s, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def wait_until(condition: Callable[[], bool], limit_s: float = HANG_S, *, poll_s: float = POLL_S) -> bool:
    """Wait until a condition holds; return whether it does before the limit in quiet seconds."""
    watch = Stopwatch()
    while not condition():
        if watch.quiet_s > limit_s:
            return condition()
        time.sleep(poll_s)
    return True


def _within(limit_s: float, call: Callable[[float], Any]) -> Any:
    """Repeat a call with the remaining quiet seconds, until it returns or none are left."""
    watch = Stopwatch()
    while watch.quiet_s < limit_s:
        with suppress(subprocess.TimeoutExpired):
            return call(limit_s - watch.quiet_s)
    return call(0.0)


def _stalled_s() -> float | None:
    """Return the seconds since boot in which some task waited; None if the system does not count them."""
    try:
        found = [(PRESSURE / resource).read_text() for resource in RESOURCES]
    except OSError:  # not Linux, or a container that hides it
        return None
    some = [line for text in found for line in text.splitlines() if line.startswith("some ")]
    return sum(int(line.rpartition("total=")[2]) for line in some) / 1e6 + _stolen_s()


def _stolen_s() -> float:
    """Return the seconds in which the host of a virtual machine used its cores for others."""
    try:
        _, *jiffies = Path("/proc/stat").read_text().split("\n", 1)[0].split()
        return int(jiffies[7]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return 0.0


def _runnable_now(glances: int) -> float:
    """Return the number of other tasks that run or wait for a core, as the mean of a few samples."""
    try:
        seen = []
        for number in range(glances):
            time.sleep(POLL_S if number else 0.0)
            seen.append(int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0]) - 1)
    except (OSError, IndexError, ValueError):
        return 0.0
    return sum(seen) / len(seen)
