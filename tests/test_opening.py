"""Opening regular files alone, also where a file is swapped for something else at the last moment."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from melcli import opening
from melcli.opening import NotRegular, regular_only
from tests.elapsed import fail_after


@pytest.fixture(autouse=True)
def _deadline() -> Iterator[None]:
    """A wait for somebody who writes to a pipe would have no end."""
    with fail_after(20.0):
        yield


def test_a_regular_file_is_opened_and_read_in_the_usual_way(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    with open(tmp_path / "a", "rb", opener=regular_only) as file:
        assert file.read() == b"content"
        flags = fcntl.fcntl(file.fileno(), fcntl.F_GETFL)
        assert not flags & os.O_NONBLOCK
        assert not os.get_inheritable(file.fileno())


@pytest.mark.parametrize(
    "make, kind",
    [(os.mkfifo, "a named pipe"), (os.mkdir, "a directory"), (lambda path: os.symlink("/dev/zero", path), "a device")],
)
def test_something_else_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[str], None], kind: str
) -> None:
    path = str(tmp_path / "x")
    make(path)
    monkeypatch.setattr(os, "open", lambda *arguments: pytest.fail("it was opened"))
    with pytest.raises(NotRegular) as caught:
        regular_only(path)
    assert caught.value.strerror == f"it is {kind}, not a regular file"


@pytest.mark.parametrize("make, kind", [(os.mkfifo, "a named pipe"), (os.mkdir, "a directory")])
def test_what_takes_a_file_s_place_between_the_look_and_the_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[str], None], kind: str
) -> None:
    path = str(tmp_path / "x")
    (tmp_path / "x").write_bytes(b"content")
    look = os.stat

    def look_and_swap(name: Any, *more: Any, **options: Any) -> os.stat_result:
        seen = look(name, *more, **options)
        if name == path:  # everybody's os.stat comes here, pytest's too
            os.unlink(path)
            make(path)
        return seen

    monkeypatch.setattr(opening.os, "stat", look_and_swap)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(NotRegular, match=f"it is {kind}, not a regular file"):
        regular_only(path)
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_lease_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Samba holds one on a file that a client has open for itself; opening without waiting is refused meanwhile."""
    path = tmp_path / "a"
    path.write_bytes(b"content")
    holder = os.open(path, os.O_RDWR)
    told = threading.Event()
    before = signal.signal(signal.SIGIO, lambda number, frame: told.set())
    try:
        fcntl.fcntl(holder, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        pytest.skip(f"no leases on this file system: {error.strerror}")

    def give_up_the_lease(seconds: float) -> None:
        assert told.is_set()
        fcntl.fcntl(holder, fcntl.F_SETLEASE, fcntl.F_UNLCK)

    monkeypatch.setattr(opening.time, "sleep", give_up_the_lease)
    try:
        descriptor = regular_only(str(path))
        assert stat.S_ISREG(os.fstat(descriptor).st_mode)
        os.close(descriptor)
    finally:
        os.close(holder)
        signal.signal(signal.SIGIO, before)


def test_a_lease_that_is_never_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*arguments: object) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    (tmp_path / "a").write_bytes(b"")
    monkeypatch.setattr(opening, "LEASE_S", 0.05)
    monkeypatch.setattr(os, "open", busy)
    with pytest.raises(BlockingIOError):
        regular_only(str(tmp_path / "a"))
