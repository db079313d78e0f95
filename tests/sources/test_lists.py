"""Reading lists of paths, from files and from standard input."""

import io
import os
import sys

import pytest

from melcli.errors import ConfigError
from melcli.sources.lists import read_list


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(data):
        (tmp_path / "names").write_bytes(data)
        return "names"

    return write


@pytest.mark.parametrize(
    "data, names",
    [
        (b"", []),
        (b"a.wav\nb.wav\n", ["a.wav", "b.wav"]),
        (b"b.wav\na.wav", ["b.wav", "a.wav"]),
        (b"\n\na.wav\n\n", ["a.wav"]),
        (b"a.wav\r\n\r\nb.wav\r", ["a.wav", "b.wav"]),
        (b"a\rb.wav\n", ["a\rb.wav"]),
        (b"\xef\xbb\xbfa.wav\n\xef\xbb\xbfb.wav\n", ["a.wav", "\ufeffb.wav"]),
        (b"# a.wav\n a.wav \n", ["# a.wav", " a.wav "]),
        (b"\xff\t\x1b.wav\n", [os.fsdecode(b"\xff\t\x1b.wav")]),
        ("a\u2028b\x0b.wav\n".encode(), ["a\u2028b\x0b.wav"]),  # str.splitlines would break these
    ],
)
def test_one_path_a_line(written, data, names):
    assert read_list(written(data), b"\n") == names


@pytest.mark.parametrize(
    "data, names",
    [
        (b"", []),
        (b"a.wav\0b\n.wav\0", ["a.wav", "b\n.wav"]),
        (b"a.wav\r\0\0\xff", ["a.wav\r", os.fsdecode(b"\xff")]),
        (b"\xef\xbb\xbfa.wav\0", ["\ufeffa.wav"]),
        (b"a.wav", ["a.wav"]),
    ],
)
def test_nul_after_each_path_keeps_every_byte(written, data, names):
    assert read_list(written(data), b"\0") == names


@pytest.mark.parametrize(
    "data, separator, refusal",
    [
        (b"a.wav\0b.wav\0", b"\n", "a list with one path a line holds a NUL; is it for --files-from0?"),
        ("a.wav\n".encode("utf-16"), b"\n", "a list with one path a line holds a NUL; is it for --files-from0?"),
        (b"a.wav\nb.wav\n", b"\0", "a list with NUL after each path holds lines and no NUL; is it for --files-from?"),
    ],
)
def test_a_list_of_the_other_kind_is_refused(written, data, separator, refusal):
    with pytest.raises(ConfigError) as raised:
        read_list(written(data), separator)
    assert str(raised.value) == f"names: {refusal}"


def test_a_dash_is_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\n.wav\0\xff.wav\0"), encoding="ascii"))
    assert read_list("-", b"\0") == ["a\n.wav", os.fsdecode(b"\xff.wav")]


def test_a_closed_standard_input_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ConfigError, match=r"^standard input is closed; the list was to come from there$"):
        read_list("-", b"\n")


@pytest.mark.parametrize("path, why", [("gone\x1b", "No such file or directory"), ("folder", "Is a directory")])
def test_a_list_that_cannot_be_read_is_refused(tmp_path, monkeypatch, path, why):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError) as raised:
        read_list(path, b"\n")
    assert str(raised.value) == f"{path}: the list cannot be read: {why}".replace("\x1b", "\\x1b")
