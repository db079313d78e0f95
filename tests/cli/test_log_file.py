"""The file of the log: what can be one, and what happens when it takes no more."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from melcli.cli.log_file import LogFile
from melcli.errors import ConfigError, StorageError
from tests.elapsed import fail_after


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


def opened(path: Path | str, out: Path | str = "no such out") -> LogFile:
    return LogFile(str(path), out=str(out))


def test_several_runs_append_whole_lines(path: Path) -> None:
    lines = [[b"%d %s\n" % (who, b"x" * 3000) for _ in range(50)] for who in range(4)]
    logs = [opened(path) for _ in lines]
    threads = [threading.Thread(target=lambda n=n: [*map(logs[n].write, lines[n])]) for n in range(len(lines))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for log in logs:
        log.close()
    assert sorted(path.read_bytes().splitlines(keepends=True)) == sorted(chain(*lines))


def test_what_is_there_stays_and_a_renamed_log_gets_the_rest(path: Path) -> None:
    path.write_bytes(b"old\n")
    log = opened(path)
    log.write(b"1\n")
    path.rename(path.with_suffix(".1"))
    assert log.write(b"2\n") == ""
    log.close()
    assert path.with_suffix(".1").read_bytes() == b"old\n1\n2\n"
    assert not path.exists()


def test_a_log_that_was_truncated_is_written_from_its_start(path: Path) -> None:
    """As logrotate's copytruncate does."""
    log = opened(path)
    log.write(b"1\n")
    os.truncate(path, 0)
    log.write(b"2\n")
    log.close()
    assert path.read_bytes() == b"2\n"


@pytest.mark.parametrize(
    "name, rule",
    [
        ("", "Is a directory"),
        ("no/such.log", "No such file or directory"),
        ("pipe", "nobody reads this pipe or socket"),
        ("nul\0", "null (byte|character)"),
        ("out/run.log", r"is in OUT: name a file that is not in OUT"),
        ("link/run.log", "is in OUT"),
        ("out/.melcli/run.log", "is in OUT"),
    ],
)
def test_what_cannot_be_a_log_is_refused_at_once(tmp_path: Path, name: str, rule: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "out" / ".melcli").mkdir(parents=True)
    (tmp_path / "link").symlink_to("out")
    with fail_after(20.0), pytest.raises(ConfigError, match=rule):
        opened(f"{tmp_path}/{name}", tmp_path / "out")


def test_a_system_that_fails_is_no_wrong_argument(path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = os.open("/", os.O_RDONLY)
    os.close(used)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (used, before[1]))
        with pytest.raises(StorageError, match="Too many open files"):
            opened(path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[tuple[LogFile, int]]:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log = opened(path)
    yield log, reader
    log.close()


def test_a_pipe_whose_reader_is_slow_or_gone_makes_nobody_wait(pipe: tuple[LogFile, int]) -> None:
    log, reader = pipe
    line = b"x" * 4095 + b"\n"
    with fail_after(20.0):
        problems = [log.write(line) for _ in range(100)]
    assert "Resource temporarily unavailable" in problems
    assert log.num_lost == sum(map(bool, problems))
    assert os.read(reader, 1 << 20) == line * problems.count("")  # whole lines
    os.close(reader)
    assert log.write(line) == "Broken pipe"


def test_a_line_that_was_cut_off_does_not_spoil_the_next(path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = opened(path)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6, before[1]))
        assert log.write(b"1\n") == ""
        assert log.write(b"23456\n") == "only a part of a line was written"
        assert log.write(b"7\n") == "File too large"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert log.num_lost == 2
    assert log.write(b"8\n") == ""
    log.close()
    assert path.read_bytes() == b"1\n2345\n8\n"


def test_a_device_has_no_identity(path: Path) -> None:
    for name in ("/dev/null", "/dev/stderr"):
        log = opened(name)
        assert log.identity is None or name == "/dev/stderr"  # which may be a file
        log.close()
    log = opened(path)
    assert log.identity == (path.stat().st_dev, path.stat().st_ino)
    log.close()
