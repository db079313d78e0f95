"""What is opened, and what is refused without opening it."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from melcli.audio import regular_file
from melcli.audio.regular_file import open_regular
from melcli.errors import AudioError


def test_a_regular_file(tmp_path):
    (tmp_path / "a").write_bytes(bytes(range(256)) * 4)
    with open_regular(str(tmp_path / "a")) as file:
        assert file.size == 1024
        for offset, size in ((0, 10), (500, 20), (1000, 100), (2000, 5)):
            assert file.read_at(offset, size) == (bytes(range(256)) * 4)[offset : offset + size]
        assert file.tell() == 0


@pytest.mark.parametrize("kind", ["a directory", "a named pipe", "a socket", "a device"])
def test_what_is_not_regular_is_not_opened(tmp_path, monkeypatch, kind):
    path = str(tmp_path / "x")
    if kind == "a directory":
        os.mkdir(path)
    elif kind == "a named pipe":
        os.mkfifo(path)  # to open it would wait for a writer for ever
    elif kind == "a socket":
        monkeypatch.chdir(tmp_path)  # the path of a socket is at most some hundred bytes long
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("x")
    else:
        path = os.devnull
    with pytest.raises(AudioError) as caught:
        open_regular(path)
    assert str(caught.value) == f"unreadable: it is {kind}, not a regular file"


def test_gone(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path / "none", tmp_path / "file" / "below", tmp_path / "dangling"):
        with pytest.raises(AudioError) as caught:
            open_regular(str(path))
        assert str(caught.value) == "vanished: the file does not exist, or no longer"


def test_no_permission(tmp_path, monkeypatch):  # simulated, because root may read everything
    def refuse(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    (tmp_path / "a").write_text("")
    monkeypatch.setattr(regular_file, "RegularFile", refuse)
    with pytest.raises(AudioError) as caught:
        open_regular(str(tmp_path / "a"))
    assert str(caught.value) == "unreadable: it cannot be opened: Permission denied"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_our_own_limits_are_not_the_fault_of_the_file(tmp_path, monkeypatch, number):
    def refuse(path):
        raise OSError(number, os.strerror(number), path)

    (tmp_path / "a").write_text("")
    monkeypatch.setattr(regular_file, "RegularFile", refuse)
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        open_regular(str(tmp_path / "a"))
    assert not isinstance(caught.value, AudioError)


def test_a_read_that_fails(tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / "a").write_bytes(bytes(10))
    with open_regular(str(tmp_path / "a")) as file:
        monkeypatch.setattr(os, "pread", fail)
        with pytest.raises(AudioError) as caught:
            file.read_at(0, 4)
    assert str(caught.value) == "unreadable: it cannot be read: Input/output error"
