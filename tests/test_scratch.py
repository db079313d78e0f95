"""The scratch database: it is private, it vanishes, its errors are storage errors, and it works without much memory."""

from __future__ import annotations

import builtins
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from melcli.errors import MelcliError, TimeUp
from melcli.scratch import Lookup, Scratch, scratch_folder
from tests.cli.shell import signals_heeded
from tests.elapsed import Stopwatch, communicate, deadline_in, run

PAGES = 40_000_000  # bytes, more than the cache


def fill(scratch: Scratch, num_bytes: int = PAGES) -> str:
    table = scratch.table("filled", "(number INTEGER PRIMARY KEY, content BLOB)")
    scratch.insert(f"INSERT INTO {table} (content) VALUES (?)", ((bytes(1000),) for _ in range(num_bytes // 1000)))
    return table


def own_files(folder: Path) -> list[str]:
    """List the files below a folder that this process has open, also those without a name."""
    links = (os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.islink(entry.path))
    return [link for link in links if link.startswith(f"{folder}/")]


def test_small_data_never_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    with Scratch() as scratch:
        fill(scratch, 1_000_000)
        assert own_files(tmp_path) == []


def test_large_data_are_in_a_file_without_a_name(tmp_path: Path) -> None:
    code = (
        "import os, sys; from tests.test_scratch import *\n"
        "with Scratch() as scratch:\n    fill(scratch)\n"
        "    print(own_files(Path(sys.argv[1])), os.listdir(sys.argv[1]))"
    )
    environment = {**os.environ, "SQLITE_TMPDIR": str(tmp_path)}
    ended = run([sys.executable, "-c", code, str(tmp_path)], env=environment, text=True)
    assert "(deleted)" in ended.stdout
    assert ended.stdout.rstrip().endswith(" []")
    assert os.listdir(tmp_path) == []


def test_a_file_that_cannot_grow_is_a_storage_error(tmp_path: Path) -> None:
    code = (
        "import resource, signal; from melcli.errors import StorageError; from tests.test_scratch import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "try:\n    fill(Scratch())\nexcept StorageError as error:\n    print(error)"
    )
    ended = run([sys.executable, "-c", code], env={**os.environ, "SQLITE_TMPDIR": str(tmp_path)}, text=True)
    assert ended.stdout.startswith(f"cannot write a temporary file in {tmp_path}: ")
    assert "set TMPDIR to another folder" in ended.stdout


def test_a_python_without_sqlite_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if name == "sqlite3":
            raise ModuleNotFoundError("No module named '_sqlite3'", name="_sqlite3")
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MelcliError) as raised:
        Scratch()
    assert str(raised.value) == (
        "this Python has no SQLite (No module named '_sqlite3'): install a Python with the module sqlite3"
    )


def test_the_folder_is_the_first_that_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SQLITE_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert scratch_folder() == str(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "not there"))
    assert scratch_folder() in ("/var/tmp", "/usr/tmp", "/tmp", ".")


def test_an_error_of_the_caller_is_not_changed(scratch: Scratch) -> None:
    def broken() -> Any:
        yield (1,)
        raise KeyError("mine")

    table = scratch.table("numbers", "(number)")
    with pytest.raises(KeyError, match="mine"):
        scratch.insert(f"INSERT INTO {table} VALUES (?)", broken())


@pytest.mark.parametrize("keys", [["a", "c", "e"], ["e", "a", "c"], ["b", "c", "c", "b", "z", "", "e"], []])
def test_keys_are_found_in_any_order(scratch: Scratch, keys: list[str]) -> None:
    table = scratch.table("keys", "(key BLOB PRIMARY KEY, number)")
    there = {b"a": 1, b"c": 2, b"e": 3}
    scratch.insert(f"INSERT INTO {table} VALUES (?, ?)", there.items())
    select = f"SELECT key, number FROM {table}"
    find = Lookup(scratch, f"{select} ORDER BY key", f"{select} WHERE key = ?").find
    for key in map(str.encode, keys):
        assert find(key) == ((key, there[key]) if key in there else None)


def test_rows_are_read_while_others_are_written(scratch: Scratch) -> None:
    numbers, squares = scratch.table("numbers", "(number)"), scratch.table("squares", "(number)")
    scratch.insert(f"INSERT INTO {numbers} VALUES (?)", ((number,) for number in range(2_000)))
    rows = scratch.rows(f"SELECT number FROM {numbers} ORDER BY number DESC")
    scratch.insert(f"INSERT INTO {squares} VALUES (?)", ((number * number,) for (number,) in rows))
    assert scratch.one(f"SELECT count(*), max(number) FROM {squares}") == (2_000, 1_999**2)
    assert scratch.one(f"SELECT number FROM {squares} WHERE number = 2") is None


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


def test_a_statement_ends_when_the_time_is_over(scratch: Scratch) -> None:
    scratch.until_s = deadline_in(0.05)
    with pytest.raises(TimeUp):
        scratch.one(ENDLESS)
    scratch.until_s = math.inf
    assert scratch.one("SELECT 1") == (1,)


@contextmanager
def in_a_statement(code: str) -> Iterator[subprocess.Popen[str]]:
    """Start Python with code that prints a line before its statement; wait for that line, and end it in any case."""
    with signals_heeded():
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_statement(number: int) -> None:
    code = (
        "from melcli.run.interrupts import Interrupted, Interrupts; from melcli.scratch import Scratch\n"
        "with Interrupts(), Scratch() as scratch:\n"
        f"    try:\n        print(flush=True)\n        scratch.one({ENDLESS!r})\n"
        "    except Interrupted as error:\n        print(error, flush=True)"
    )
    with in_a_statement(code) as process:
        process.send_signal(number)
        said, _ = communicate(process)
    assert said == f"stopped by {signal.Signals(number).name}\n"


def test_a_second_signal_ends_the_process_in_a_statement() -> None:
    code = (
        "from melcli.run.interrupts import Interrupts; from melcli.scratch import Scratch\n"
        "with Interrupts() as interrupts, interrupts.deferred(lambda: None), Scratch() as scratch:\n"
        f"    print(flush=True)\n    scratch.one({ENDLESS!r})"
    )
    with in_a_statement(code) as process:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        watch = Stopwatch()
        process.send_signal(signal.SIGTERM)
        communicate(process)
    assert process.returncode == 143
    assert watch.quiet_s < 2.0
