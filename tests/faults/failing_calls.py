"""Make calls of the C library fail, in every process of a run: failing_calls.c, compiled when tests need it.

The N-th call of a kind that touches OUT fails, counted over all processes.  strace could inject the same, but takes
three times as long and counts for each thread separately; `test_failing_calls` compares the two.
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
        The calling process, and the descriptor, or -1 if the call used a path.
    kind : str
        One of `KINDS`.
    error : int
        The injected errno, or 0.
    path, target : str
        The path, and the new path of a rename.
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
        From `compiled`.
    folder : Path
        Folder for counts and log; not under OUT.
    """

    def __init__(self, library: Path, folder: Path) -> None:
        self._library = library
        self._counts = folder / "calls.counts"
        self._log = folder / "calls.log"

    def environment(
        self, out: Path, kind: str = "", at: int = 0, *, error: int = 0, on: bool = False
    ) -> dict[str, str]:
        """Forget the previous run, and return the environment of the next one.

        Parameters
        ----------
        out : Path
            Calls on paths in this folder count.
        kind, at, error : str, int, int
            Kind and number (from 1) of the failing call, and its errno; none if not given.
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
        """Return the number of calls of each kind in the run."""
        return dict(zip(KINDS, struct.unpack(f"={len(KINDS)}Q", self._counts.read_bytes()), strict=True))

    def calls(self) -> list[Call]:
        """Return the calls of the run in order; simultaneous calls of threads are in any order."""
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
    """Compile the library, or skip the test with a message."""
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
    """Check that a run never treats a failed flush as successful.

    Linux reports a lost page once, and treats it as written afterwards.
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
