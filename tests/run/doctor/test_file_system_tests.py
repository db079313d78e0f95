"""The trials pass on a good file system, and each is failed by one that lacks what it tries."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from melcli.errors import OutputBusy
from melcli.run.doctor import file_system_tests
from melcli.run.doctor.file_system_tests import NameRules, inspect_names, run_file_system_tests

NAMES = ["writing", "locks", "new files", "renames", "flushes"]


def broken(folder: Path) -> dict[str, str]:
    """Return what is broken, and how."""
    found = run_file_system_tests(str(folder))
    assert [promise.name for promise in found] == NAMES
    return {promise.name: promise.detail for promise in found if not promise.kept}


def test_a_good_file_system(tmp_path: Path) -> None:
    assert broken(tmp_path) == {}
    assert inspect_names(str(tmp_path)).longest_bytes >= 143


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "call, names", [("fsync", ["writing", "flushes"]), ("replace", ["renames"]), ("rename", ["writing"])]
)
def test_what_the_system_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, names: list[str]) -> None:
    def refuse(*arguments: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, call, refuse)
    assert broken(tmp_path) == dict.fromkeys(names, os.strerror(errno.EIO))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    assert broken(tmp_path / "gone") == dict.fromkeys(NAMES, os.strerror(errno.ENOENT))


def test_locks_that_nobody_honors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_system_tests, "lock_output", lambda out: contextlib.nullcontext())
    assert broken(tmp_path) == {"locks": "a second process is not refused: two runs would write into one OUT"}


def test_locks_that_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def busy(out: str) -> Iterator[None]:
        raise OutputBusy
        yield

    monkeypatch.setattr(file_system_tests, "lock_output", busy)
    monkeypatch.setattr(file_system_tests, "LOCK_RELEASE_TIMEOUT_S", 0.05)
    assert broken(tmp_path) == {"locks": "a lock remains when its holder is killed: the next run would be refused"}


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As NFS without its lock daemon answers."""
    refusing = (
        "import errno, fcntl, os\n"
        "def flock(*_): raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))\n"
        f"fcntl.flock = flock\n{file_system_tests._LOCK_HOLDER_CODE}"
    )
    monkeypatch.setattr(file_system_tests, "_LOCK_HOLDER_CODE", refusing)
    said = broken(tmp_path)
    assert list(said) == ["locks"]
    assert os.strerror(errno.ENOLCK) in said["locks"]


def test_a_marker_file_in_place_of_a_lock_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Lustre without its mount option flock answers; filelock then makes do with a marker, or does not lock."""
    import fcntl

    def refuse(*arguments: Any) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", refuse)
    refusing = (
        "import errno, fcntl, os\n"
        "def flock(*_): raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))\n"
        f"fcntl.flock = flock\n{file_system_tests._LOCK_HOLDER_CODE}"
    )
    monkeypatch.setattr(file_system_tests, "_LOCK_HOLDER_CODE", refusing)
    (locks,) = (promise for promise in run_file_system_tests(str(tmp_path)) if promise.name == "locks")
    assert not locks.kept or "marker file" in locks.detail


def test_new_files_that_are_not_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, *rest, **more: real(path, flags & ~os.O_EXCL, *rest, **more))
    assert broken(tmp_path) == {"new files": "an existing file is opened as a new one"}


def _gone_for_a_moment(old: str, new: str) -> None:
    os.unlink(new)
    os.rename(old, new)


def _in_parts(old: str, new: str) -> None:
    with open(old, "rb") as source, open(new, "wb", buffering=0) as target:
        while part := source.read(512):
            target.write(part)
    os.unlink(old)


def _by_a_copy(old: str, new: str) -> None:
    os.link(old, f"{old}.left")
    os.rename(old, new)


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "replace, tries, words",
    [
        (_gone_for_a_moment, 10_000, "a file is missing for a moment"),
        (_in_parts, 10_000, "a file is incomplete for a moment"),
        (_by_a_copy, 2, "the old name of a renamed file still exists"),
    ],
)
def test_renames_that_are_not_atomic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: Callable[[str, str], None], tries: int, words: str
) -> None:
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(file_system_tests, "NUM_RENAMES", tries)
    said = broken(tmp_path)
    assert list(said) == ["renames"]
    assert words in said["renames"]


def test_flushes_that_do_nothing_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    (flushes,) = (promise for promise in run_file_system_tests(str(tmp_path)) if promise.name == "flushes")
    assert flushes.kept
    assert flushes.detail.endswith(": too fast for any disk")


def test_names_that_are_folded_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system of 143 bytes a name that takes UTF-8 alone, keeps small letters, and composes accents."""
    import unicodedata

    def kept(path: str) -> str:
        folder, name = os.path.split(path)
        return os.path.join(folder, unicodedata.normalize("NFC", name).lower())

    real_open, real_lexists, real_unlink = os.open, os.path.lexists, os.unlink

    def opened(path: str, *rest: Any) -> int:
        name = os.fsencode(os.path.basename(path))
        if len(name) > 143:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        if b"\xff" in name:
            raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ))
        return real_open(kept(path), *rest)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "unlink", lambda path: real_unlink(kept(path)))
    monkeypatch.setattr(os.path, "lexists", lambda path: real_lexists(kept(path)))
    assert inspect_names(str(tmp_path)) == NameRules(
        longest_bytes=143, any_bytes=False, tells_case=False, tells_form=False
    )
