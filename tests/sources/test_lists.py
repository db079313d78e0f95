"""Reading lists of paths, from files and from standard input."""

import io
import os
import subprocess
import sys
import threading
import tracemalloc

import pytest

from melcli.errors import ConfigError
from melcli.sources import byte_pieces, lists
from tests.elapsed import fail_after, wait
from tests.messages import names


def read_list(path, separator):
    """Return all paths of a list."""
    return list(lists.read_list(path, separator))


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
        (b"b\n.wav\0", ["b\n.wav"]),
    ],
)
def test_nul_after_each_path_keeps_every_byte(written, data, names):
    assert read_list(written(data), b"\0") == names


@pytest.mark.parametrize(
    "data, separator, named",
    [
        (b"a.wav\0b.wav\0", b"\n", ("NUL", "--files-from0")),
        ("a.wav\n".encode("utf-16"), b"\n", ("NUL", "--files-from0")),
        (b"a.wav\nb.wav\n", b"\0", ("NUL", "--files-from")),
    ],
)
def test_a_list_of_the_other_kind_is_refused(written, data, separator, named):
    with pytest.raises(ConfigError) as raised:
        read_list(written(data), separator)
    assert str(raised.value).startswith("names: ")
    assert names(raised.value, *named)


def test_a_dash_is_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\n.wav\0\xff.wav\0"), encoding="ascii"))
    assert read_list("-", b"\0") == ["a\n.wav", os.fsdecode(b"\xff.wav")]


def test_a_closed_standard_input_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ConfigError, match=r"^standard input is closed"):
        read_list("-", b"\n")


@pytest.mark.parametrize(
    "path, why", [("gone\x1b", "No such file or directory"), ("folder", "it is a directory, not a regular file")]
)
def test_a_list_that_cannot_be_read_is_refused(tmp_path, monkeypatch, path, why):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError) as raised:
        read_list(path, b"\n")
    assert str(raised.value) == f"{path}: the list cannot be read: {why}".replace("\x1b", "\\x1b")


# what is no list, or has no end


class Endless(io.RawIOBase):
    """Standard input that goes on for ever with the same bytes, and counts what is read of it."""

    def __init__(self, pattern):
        self.pattern = pattern
        self.num_read = 0

    def readable(self):
        return True

    def readinto(self, buffer):
        view = memoryview(buffer)
        view[:] = (self.pattern * (len(view) // len(self.pattern) + 1))[: len(view)]
        self.num_read += len(view)
        return len(view)


@pytest.mark.parametrize(
    "pattern, separator, max_bytes, named",
    [
        (b"\0", b"\n", 100_000, ("NUL", "--files-from0")),
        (b"\0", b"\0", 400_000, ("200,000 paths",)),
        (b"\n", b"\n", 400_000, ("200,000 paths",)),
        (b"a.wav\n", b"\n", 1_400_000, ("200,000 paths",)),
        (b"a" * 99 + b"\n", b"\n", 5_100_000, ("5,000,000 bytes",)),
        (b"a.wav\n", b"\0", 100_000, ("NUL", "--files-from")),
        (b"a", b"\n", 100_000, ("path", "4,096 bytes")),
        (b"a", b"\0", 100_000, ("path", "4,096 bytes")),
    ],
)
def test_a_list_without_an_end_is_refused_after_little_of_it(monkeypatch, pattern, separator, max_bytes, named):
    endless = Endless(pattern)
    monkeypatch.setattr(lists, "MAX_PATHS", 200_000)
    monkeypatch.setattr(lists, "MAX_LIST_BYTES", 5_000_000)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(endless)))
    with fail_after(60.0), pytest.raises(ConfigError) as raised:
        read_list("-", separator)
    assert str(raised.value).startswith("standard input: ")
    assert names(raised.value, *named)
    assert endless.num_read <= max_bytes


@pytest.mark.parametrize("separator, said", [(b"\n", "contains a NUL"), (b"\0", "more than 300,000 paths")])
def test_a_device_without_an_end_is_refused_in_little_memory(monkeypatch, separator, said):
    monkeypatch.setattr(lists, "MAX_PATHS", 300_000)
    tracemalloc.start()
    try:
        with fail_after(60.0), pytest.raises(ConfigError, match=said):
            read_list("/dev/zero", separator)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 5_000_000


@pytest.mark.parametrize("separator", [b"\n", b"\0"])
def test_the_longest_path_is_read_and_no_longer_one(written, separator):
    assert read_list(written(b"a" * 4096 + separator + b"b"), separator) == ["a" * 4096, "b"]
    for data in (b"c" + separator + b"a" * 4097, b"a" * 4097 + separator + b"b" + separator):
        with pytest.raises(ConfigError, match=r"^names: a path has more than 4,096 bytes"):
            read_list(written(data), separator)


@pytest.mark.parametrize("separator", [b"\n", b"\0"])
def test_paths_are_whole_wherever_the_pieces_end(written, monkeypatch, separator):
    names = [f"{'x' * (number % 7)}{number}.wav" for number in range(50)]
    ending = b"\r\n" if separator == b"\n" else separator
    data = b"".join(name.encode() + ending for name in [*names, "\ufeffx"])
    mark = b"\xef\xbb\xbf" if separator == b"\n" else b""
    for piece_bytes in (1, 2, 3, 8, 64):
        monkeypatch.setattr(byte_pieces, "PIECE_BYTES", piece_bytes)
        assert read_list(written(mark + data), separator) == [*names, "\ufeffx"]


def test_an_empty_device_is_an_empty_list():
    assert read_list("/dev/null", b"\n") == []


def test_a_named_pipe_that_nobody_writes_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(byte_pieces, "WRITER_WAIT_S", 0.1)
    os.mkfifo("pipe")
    with fail_after(20.0), pytest.raises(ConfigError) as raised:
        read_list("pipe", b"\n")
    assert names(raised.value, "pipe: the list cannot be read", "0.1 s")


# A writer that is late, that is slow, that writes nothing, and that writes more than a pipe holds.
WRITERS = {
    "time.sleep(0.3); file = open('pipe', 'wb'); file.write(b'a.wav')": 1,
    "file = open('pipe', 'wb', 0); time.sleep(0.3); file.write(b'a.w'); time.sleep(0.1); file.write(b'av')": 1,
    "open('pipe', 'wb').close()": 0,
    "open('pipe', 'wb').write(b'a.wav\\n' * 50_000)": 50_000,
}


@pytest.mark.few(1)
@pytest.mark.parametrize("code", WRITERS)
def test_a_named_pipe_is_read_when_its_writer_comes(tmp_path, monkeypatch, code):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    writer = subprocess.Popen([sys.executable, "-c", f"import time; {code}"])
    with fail_after(60.0):
        assert read_list("pipe", b"\n") == ["a.wav"] * WRITERS[code]
    assert wait(writer) == 0


def test_a_descriptor_that_is_open_is_read_also_where_it_does_not_block():
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    late = threading.Timer(0.2, lambda: (os.write(writer, b"a.wav\n"), os.close(writer)))
    late.start()
    with fail_after(20.0):
        assert read_list(f"/dev/fd/{reader}", b"\n") == ["a.wav"]
    os.close(reader)


def test_standard_input_that_does_not_block_is_read_to_its_end(monkeypatch):
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    threading.Timer(0.2, lambda: (os.write(writer, b"a.wav\n"), os.close(writer))).start()
    with fail_after(20.0), io.TextIOWrapper(open(reader, "rb")) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert read_list("-", b"\n") == ["a.wav"]


def test_standard_input_by_its_path_is_refused_when_it_is_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ConfigError) as raised:
        read_list("/dev/fd/0", b"\n")
    assert str(raised.value) == "/dev/fd/0: the list cannot be read: standard input is closed"
