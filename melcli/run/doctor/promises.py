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
from melcli.run.doctor.children import first_line, last_words, start_python
from melcli.store.filename_probe import FilenameProbe
from melcli.store.flushing import flush_to_disk
from melcli.store.layout import lock_path
from melcli.store.lock import lock_output
from melcli.store.probe import probe_output

__all__ = ["MAX_NAME_BYTES", "Names", "Promise", "examine_names", "examine_promises", "reason_in_words"]

TRIES = 5
RENAMES = 200
MARKER = ", but by a marker file: the file system has no flock, so runs on other machines may not be refused"
NO_DISK_MS = 0.01
RELEASING_S = 5.0  # that a lock may outlive its killed holder, on a network
MAX_NAME_BYTES = 255

_HOLDER = (
    "from melcli.store.lock import lock_output\n"
    "with lock_output(sys.argv[1]):\n    print('held', flush=True)\n    sys.stdin.read()"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One thing that has to work.

    Attributes
    ----------
    name : str
        In a word or two.
    kept : bool
        Whether it worked.
    detail : str
        How, or what was wrong.
    """

    name: str
    kept: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Which names a file system takes for which.

    Attributes
    ----------
    longest_bytes : int
        Of one part of a path.
    any_bytes : bool
        Whether names need not be UTF-8.
    tells_case, tells_form : bool
        Whether ``A`` and ``a`` are two names, and a letter with its accent in one character and in two.
    """

    longest_bytes: int
    any_bytes: bool
    tells_case: bool
    tells_form: bool


class _Broken(Exception):
    """Something worked otherwise than it has to."""


def examine_promises(folder: str) -> list[Promise]:
    """Try all of them in an empty folder."""
    return [_examine(name, check, folder) for name, check in _CHECKS.items()]


def examine_names(folder: str) -> Names:
    """Try names in an empty folder.

    Raises
    ------
    StorageError
        Nothing can be written there.
    """
    trials = FilenameProbe(os.path.join(folder, "names"))
    fits = next((length for length in range(MAX_NAME_BYTES, 0, -1) if _takes(trials, "n" * length)), 0)
    return Names(
        longest_bytes=fits,
        any_bytes=_takes(trials, "a\udcffa"),
        tells_case=trials.distinguishes("A", "a"),
        tells_form=trials.distinguishes("\xe9", "e\u0301"),
    )


def _takes(trials: FilenameProbe, name: str) -> bool:
    try:
        return trials.accepts(name)
    except StorageError:  # too long
        return False


def reason_in_words(error: Exception) -> str:
    """Return what the system said, without what a run would add to it."""
    said = error.__cause__ if isinstance(error, StorageError) and error.__cause__ is not None else error
    return said.strerror if isinstance(said, OSError) and said.strerror else str(said)


def _examine(name: str, check: Callable[[str], str], folder: str) -> Promise:
    own = os.path.join(folder, name.replace(" ", "-"))
    try:
        os.mkdir(own)
        return Promise(name=name, kept=True, detail=check(own))
    except (_Broken, StorageError, OSError) as error:
        return Promise(name=name, kept=False, detail=reason_in_words(error))


def _writes(folder: str) -> str:
    os.mkdir(os.path.join(folder, ".melcli"))
    probe_output(folder)
    return "a file is written, flushed, renamed and removed"


def _locks(folder: str) -> str:
    """Let another process hold a lock, be refused, kill it, and get the lock."""
    with start_python(_HOLDER, folder) as holder:
        try:
            if first_line(holder) != "held":
                holder.kill()
                raise _Broken(last_words(holder, holder.communicate()[1]))
            if _can_hold(folder):
                raise _Broken("a second process is not refused: two runs would write into one OUT")
        finally:
            holder.kill()
    deadline_s = time.monotonic() + RELEASING_S
    while not _can_hold(folder):
        if time.monotonic() > deadline_s:
            raise _Broken("a lock stays behind when its holder is killed: the next run would be refused")
        time.sleep(0.02)
    return "a second process is refused; a killed one leaves no lock" + ("" if _has_flock(folder) else MARKER)


def _has_flock(folder: str) -> bool:
    """Tell whether the system locks; filelock falls back on a marker file where it does not."""
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
            warnings.simplefilter("ignore")  # filelock's, of what `_has_flock` finds
            with lock_output(folder):
                return True
    except OutputBusy:
        return False


def _creates_exclusively(folder: str) -> str:
    path = os.path.join(folder, "file")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    os.close(os.open(path, flags, 0o666))
    try:
        os.close(os.open(path, flags, 0o666))
    except FileExistsError:
        return "a name that is taken is refused"
    raise _Broken("a file that is there is taken for a new one")


def _renames(folder: str) -> str:
    """Read a name again and again while it is replaced: it must always be there and whole."""
    path = os.path.join(folder, "name")
    _put(path, b"0")
    enough = threading.Event()

    def replace() -> None:
        for number in range(RENAMES):
            if enough.is_set():
                return
            _put(f"{path}.{number}", b"%d" % (number % 10))
            os.replace(f"{path}.{number}", path)

    with ThreadPoolExecutor(1) as threads:
        replacing = threads.submit(replace)
        try:
            while not replacing.done():
                _read_whole(path)
        finally:
            enough.set()
        replacing.result()
    if sorted(os.listdir(folder)) != ["name"]:
        raise _Broken("the old name of a renamed file is still there")
    return f"{RENAMES} replacements, each seen whole"


_SIZE = 4096


def _read_whole(path: str) -> None:
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        raise _Broken("while a file is replaced its name is gone for a moment") from None
    if len(content) != _SIZE or len(set(content)) != 1:
        raise _Broken("while a file is replaced a part of it can be read")


def _put(path: str, digit: bytes) -> None:
    with open(path, "wb") as file:
        file.write(digit * _SIZE)


def _flushes(folder: str) -> str:
    """Flush small files and their folder, and tell how long it takes."""
    file_ms, folder_ms = [], []
    for number in range(TRIES):
        path = os.path.join(folder, str(number))
        _put(path, b"0")
        file_ms.append(_flush_ms(path))
        folder_ms.append(_flush_ms(folder))
    said = f"a file in {statistics.median(file_ms):.2f} ms, a folder in {statistics.median(folder_ms):.2f} ms"
    return said if statistics.median(file_ms) > NO_DISK_MS else f"{said}: too quick for any disk"


def _flush_ms(path: str) -> float:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        began_s = time.perf_counter()
        flush_to_disk(descriptor)
        return (time.perf_counter() - began_s) * 1000
    finally:
        os.close(descriptor)


_CHECKS: Mapping[str, Callable[[str], str]] = {
    "writing": _writes,
    "locks": _locks,
    "new files": _creates_exclusively,
    "renames": _renames,
    "flushes": _flushes,
}
