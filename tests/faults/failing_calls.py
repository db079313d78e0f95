"""Calls of the C library that fail on purpose, in every process of a run: failing_calls.c, compiled when tests need it.

What fails is the N-th call of a kind that touches OUT, counted over all processes together.  strace could inject the
same, but takes three times as long and counts for each thread by itself; `test_failing_calls` holds one against the
other.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["KINDS", "Call", "FailingCalls", "check_flushes", "compiled"]

KINDS = ("open", "write", "truncate", "fsync", "close", "rename", "mkdir", "unlink")  # as in failing_calls.c
SOURCE = Path(__file__).with_name("failing_calls.c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that touched OUT.

    Attributes
    ----------
    process, descriptor : int
        Who made it, and on which descriptor, or -1 where it was given a name.
    kind : str
        One of `KINDS`.
    error : int
        What it was made to fail with, or 0.
    path, target : str
        What it touched, and what that was renamed to.
    """

    process: int
    kind: str
    error: int
    descriptor: int
    path: str
    target: str


class FailingCalls:
    """The library, loaded into one run after another.

    Parameters
    ----------
    library : Path
        What `compiled` returned.
    folder : Path
        Where counts and log are kept; not under OUT.
    """

    def __init__(self, library: Path, folder: Path) -> None:
        self._library = library
        self._counts = folder / "calls.counts"
        self._log = folder / "calls.log"

    def environment(
        self, out: Path, kind: str = "", at: int = 0, *, error: int = 0, on: bool = False
    ) -> dict[str, str]:
        """Forget the run before, and return the environment of the next one.

        Parameters
        ----------
        out : Path
            Calls that touch what lies in it count.
        kind, at, error : str, int, int
            Which call fails, from 1, and with what; none if they are not given.
        on : bool
            Whether all later calls of that kind fail too.
        """
        self._counts.write_bytes(bytes(8 * len(KINDS)))
        self._log.write_bytes(b"")
        environment = {
            "LD_PRELOAD": str(self._library),
            "FAILING_FOLDER": os.path.realpath(out),
            "FAILING_COUNTS": str(self._counts),
            "FAILING_LOG": str(self._log),
        }
        if kind:
            environment |= {"FAILING_KIND": kind, "FAILING_AT": str(at), "FAILING_ERRNO": str(error)}
        return environment | ({"FAILING_ON": "1"} if on else {})

    def counts(self) -> dict[str, int]:
        """Return how many calls of each kind the run made."""
        return dict(zip(KINDS, struct.unpack(f"={len(KINDS)}Q", self._counts.read_bytes()), strict=True))

    def calls(self) -> list[Call]:
        """Return the calls of the run in order; those of threads at the same time in either."""
        fields = (line.split("\t") for line in self._log.read_text(errors="surrogateescape").splitlines())
        return [
            Call(
                process=int(process),
                kind=kind,
                error=int(error),
                descriptor=int(descriptor),
                path=path.removesuffix(" (deleted)"),
                target=target,
            )
            for process, kind, error, descriptor, path, target in fields
        ]


def compiled(folder: Path) -> Path:
    """Compile the library, or skip the test aloud."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or not Path("/proc/self/fd").is_dir():
        pytest.skip("needs gcc and Linux: calls fail by a library that is compiled here")
    library = folder / "failing_calls.so"
    made = subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return library


def check_flushes(calls: Iterable[Call]) -> None:
    """Hold a run's calls against what a failed flush asks for: it never counts for one that went well.

    Linux tells of a lost page once, and takes it for written from then on.
    """
    descriptors: set[tuple[int, int]] = set()
    lost: set[str] = set()
    for call in calls:
        where = (call.process, call.descriptor)
        if call.kind == "fsync":
            assert where not in descriptors, f"flushed again after a flush of it had failed: {call.path}"
            assert call.path not in lost or not call.path.endswith(".tmp"), (
                f"flushed by another descriptor: {call.path}"
            )
            if call.error:
                descriptors.add(where)
                lost.add(call.path)
        elif call.kind == "close":
            descriptors.discard(where)
        elif call.kind == "rename":
            assert call.path not in lost, f"{call.path} became {call.target} though it could not be flushed"
