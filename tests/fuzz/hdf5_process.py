"""A process that opens HDF5 files, since libhdf5 may crash on a damaged file."""

from __future__ import annotations

import atexit
import resource
import select
import subprocess
import sys
from functools import cache

from tests.elapsed import wait_until
from tests.fuzz.memory import MOST_MB, over_limit, peak_mb

__all__ = ["ask"]

MOST_BYTES = 4 * 2**30  # of address space
PATIENCE_S = 20.0
POLL_S = 1.0


def ask(path: str) -> str:
    """Return the violation when a file was read; empty if it was read or refused correctly."""
    child = _child()
    assert child.stdin is not None
    assert child.stdout is not None
    answers = child.stdout
    child.stdin.write(f"{path}\n")
    child.stdin.flush()
    ready = wait_until(lambda: bool(select.select([answers], [], [], POLL_S)[0]), PATIENCE_S, poll_s=0.0)
    said = answers.readline() if ready else ""
    if said:
        return said.removesuffix("\n")
    _end_child()
    return f"reading ended the process with {child.returncode}" if ready else f"reading took over {PATIENCE_S:g} s"


@cache
def _child() -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "tests.fuzz.hdf5_process"]
    child = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    atexit.register(_close, child)
    return child


def _end_child() -> None:
    child = _child()
    child.kill()
    _close(child)
    _child.cache_clear()


def _close(child: subprocess.Popen[str]) -> None:
    for stream in (child.stdin, child.stdout):
        assert stream is not None
        stream.close()
    child.wait()


def _read(path: str) -> str:
    """Read a shard by the numbers of a manifest, and everything in the file."""
    from melcli.errors import StorageError
    from melcli.store.foreign_arrays import open_arrays
    from melcli.store.hdf5 import ShardReader

    try:
        # What `melcli.store.reader.Features` translates into a StorageError.
        with_numbers = ShardReader(path)
        try:
            assert with_numbers.read(0, 2).dtype.kind in "fiu"
        finally:
            with_numbers.close()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        pass
    except Exception as error:  # noqa: BLE001  any other exception is a find
        return f"ShardReader raised {type(error).__name__}: {error}"
    try:
        opened = open_arrays(path)
        try:
            for name in opened.names:
                assert opened.read(name).dtype.kind in "fiu"
        finally:
            opened.close()
    except StorageError as error:
        return "" if str(error).isprintable() else f"not one printable line: {error}"
    except Exception as error:  # noqa: BLE001
        return f"open_arrays raised {type(error).__name__}: {error}"
    return ""


def _watched(path: str) -> str:
    before_mb = peak_mb()
    said = _read(path)
    return said or (f"reading took the process over {MOST_MB} MB" if over_limit(before_mb) else "")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        print(" ".join(_watched(line.removesuffix("\n")).splitlines()), flush=True)
