"""Test the file system of OUT: locks, renames, flushing."""

from __future__ import annotations

import fcntl
import os
import statistics
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from melcli.errors import OutputBusy, StorageError
from melcli.run.doctor.child_process import describe_failure, first_line, start_python
from melcli.store.filename_probe import FilenameProbe
from melcli.store.flushing import flush_to_disk
from melcli.store.layout import lock_path
from melcli.store.lock import lock_output
from melcli.store.probe import probe_output

__all__ = ["MAX_NAME_BYTES", "NameRules", "FileSystemTest", "inspect_names", "run_file_system_tests", "error_message"]

NUM_FLUSHES = 5
NUM_RENAMES = 200
MARKER_FILE_NOTE = (
    "; the lock is a marker file, because the file system has no flock, so runs on other machines may not be refused"
)
MIN_DISK_FLUSH_MS = 0.01  # a faster flush has not reached a disk
LOCK_RELEASE_TIMEOUT_S = 5.0  # on a network, a lock may outlive its killed holder
FILE_BYTES = 4096
MAX_NAME_BYTES = 255

_LOCK_HOLDER_CODE = (
    "from melcli.store.lock import lock_output\n"
    "with lock_output(sys.argv[1]):\n    print('held', flush=True)\n    sys.stdin.read()"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSystemTest:
    """The result of one test.  The names of the attributes are keys of ``--json``.

    Attributes
    ----------
    name : str
        What was tested.
    kept : bool
        Whether the file system passed the test.
    detail : str
        What was observed.
    """

    name: str
    kept: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRules:
    """The rules of a file system for names.  The names of the attributes are keys of ``--json``.

    Attributes
    ----------
    longest_bytes : int
        The maximum length of a path component, in bytes.
    any_bytes : bool
        Whether names may contain bytes that are not UTF-8.
    tells_case, tells_form : bool
        Whether the file system distinguishes ``A`` from ``a``, and a composed accent from a decomposed one.
    """

    longest_bytes: int
    any_bytes: bool
    tells_case: bool
    tells_form: bool


class _TestFailed(Exception):
    """The file system did not pass a test; the message says why."""


def run_file_system_tests(folder: str) -> list[FileSystemTest]:
    """Run all tests in an empty folder."""
    return [_run_test(name, test, folder) for name, test in _TESTS.items()]


def inspect_names(folder: str) -> NameRules:
    """Find the rules for names, by creating files in an empty folder.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    probe = FilenameProbe(os.path.join(folder, "names"))
    longest = next((length for length in range(MAX_NAME_BYTES, 0, -1) if _accepts(probe, "n" * length)), 0)
    return NameRules(
        longest_bytes=longest,
        any_bytes=_accepts(probe, "a\udcffa"),
        tells_case=probe.distinguishes("A", "a"),
        tells_form=probe.distinguishes("\xe9", "e\u0301"),
    )


def _accepts(probe: FilenameProbe, name: str) -> bool:
    try:
        return probe.accepts(name)
    except StorageError:  # too long
        return False


def error_message(error: Exception) -> str:
    """Return the system's message, without the file name that `StorageError` adds."""
    cause = error.__cause__ if isinstance(error, StorageError) and error.__cause__ is not None else error
    return cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)


def _run_test(name: str, test: Callable[[str], str], folder: str) -> FileSystemTest:
    test_folder = os.path.join(folder, name.replace(" ", "-"))
    try:
        os.mkdir(test_folder)
        return FileSystemTest(name=name, kept=True, detail=test(test_folder))
    except (_TestFailed, StorageError, OSError) as error:
        return FileSystemTest(name=name, kept=False, detail=error_message(error))


def _test_writing(folder: str) -> str:
    os.mkdir(os.path.join(folder, ".melcli"))
    probe_output(folder)
    return "a file is written, flushed, renamed and removed"


def _test_locks(folder: str) -> str:
    """Lock a folder in another process, check that this process is refused, kill the other one, and lock."""
    with start_python(_LOCK_HOLDER_CODE, folder) as holder:
        try:
            if first_line(holder) != "held":
                holder.kill()
                raise _TestFailed(describe_failure(holder, holder.communicate()[1]))
            if _can_hold(folder):
                raise _TestFailed("a second process is not refused: two runs would write into one OUT")
        finally:
            holder.kill()
    deadline_s = time.monotonic() + LOCK_RELEASE_TIMEOUT_S
    while not _can_hold(folder):
        if time.monotonic() > deadline_s:
            raise _TestFailed("a lock remains when its holder is killed: the next run would be refused")
        time.sleep(0.02)
    note = "" if _has_flock(folder) else MARKER_FILE_NOTE
    return f"a second process is refused; a killed process leaves no lock{note}"


def _has_flock(folder: str) -> bool:
    """Return whether the file system supports flock; otherwise filelock uses a marker file."""
    descriptor = os.open(lock_path(folder), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _can_hold(folder: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # filelock warns about the marker file, which `_has_flock` finds
            with lock_output(folder):
                return True
    except OutputBusy:
        return False


def _test_exclusive_creation(folder: str) -> str:
    path = os.path.join(folder, "file")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    os.close(os.open(path, flags, 0o666))
    try:
        os.close(os.open(path, flags, 0o666))
    except FileExistsError:
        return "an existing name is refused"
    raise _TestFailed("an existing file is opened as a new one")


def _test_renames(folder: str) -> str:
    """Read a file repeatedly while another thread replaces it: it must always exist and be complete."""
    path = os.path.join(folder, "name")
    _write_digits(path, b"0")
    stop = threading.Event()

    def replace() -> None:
        for number in range(NUM_RENAMES):
            if stop.is_set():
                return
            _write_digits(f"{path}.{number}", b"%d" % (number % 10))
            os.replace(f"{path}.{number}", path)

    with ThreadPoolExecutor(1) as threads:
        replacing = threads.submit(replace)
        try:
            while not replacing.done():
                _read_complete(path)
        finally:
            stop.set()
        replacing.result()
    if sorted(os.listdir(folder)) != ["name"]:
        raise _TestFailed("the old name of a renamed file still exists")
    return f"{NUM_RENAMES} replacements, each seen complete"


def _read_complete(path: str) -> None:
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        raise _TestFailed("a file is missing for a moment while it is replaced") from None
    if len(content) != FILE_BYTES or len(set(content)) != 1:
        raise _TestFailed("a file is incomplete for a moment while it is replaced")


def _write_digits(path: str, digit: bytes) -> None:
    with open(path, "wb") as file:
        file.write(digit * FILE_BYTES)


def _test_flushes(folder: str) -> str:
    """Flush small files and their folder, and report the time."""
    file_ms, folder_ms = [], []
    for number in range(NUM_FLUSHES):
        path = os.path.join(folder, str(number))
        _write_digits(path, b"0")
        file_ms.append(_flush_ms(path))
        folder_ms.append(_flush_ms(folder))
    times = f"a file in {statistics.median(file_ms):.2f} ms, a folder in {statistics.median(folder_ms):.2f} ms"
    return times if statistics.median(file_ms) > MIN_DISK_FLUSH_MS else f"{times}: too fast for any disk"


def _flush_ms(path: str) -> float:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        started_s = time.perf_counter()
        flush_to_disk(descriptor)
        return (time.perf_counter() - started_s) * 1000
    finally:
        os.close(descriptor)


_TESTS: Mapping[str, Callable[[str], str]] = {
    "writing": _test_writing,
    "locks": _test_locks,
    "new files": _test_exclusive_creation,
    "renames": _test_renames,
    "flushes": _test_flushes,
}
