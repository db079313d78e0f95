"""What watches over a worker: its item's deadline, and what native libraries print meanwhile."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from melcli.run.engines.contract import BatchTimedOut
from melcli.run.engines.local import LocalEngine
from melcli.run.watchdog import MAX_TAIL_BYTES, Watchdog, tail, watchdog
from tests.elapsed import HANG_S, Stopwatch, stretch


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[LocalEngine]:
    engine = LocalEngine(1, folder=str(tmp_path))
    yield engine
    engine.stop()


# in a worker


def items(printed: list[bytes]) -> tuple[list[str | None], int]:
    """Print so much in each of several items; return what is told of each, and the worker."""
    told = []
    for words in printed:
        with watchdog.item(HANG_S):
            os.write(1, b"this is for nobody")
            os.write(2, words)
        told.append(watchdog.stderr())
    return told, os.getpid()


def items_that_nap(arguments: tuple[float, list[float]]) -> int:
    """Sleep in several items, each of which may take the first argument."""
    limit_s, naps_s = arguments
    for seconds in naps_s:
        with watchdog.item(limit_s):
            time.sleep(seconds)
    return os.getpid()


def nap_after_an_item(seconds: float) -> int:
    with watchdog.item(0.2):
        pass
    time.sleep(seconds)
    return os.getpid()


def fail_and_nap(seconds: float) -> float:
    """Have an item end by an exception; its time must not run on."""
    try:
        with watchdog.item(0.2):
            raise KeyError("hm")
    except KeyError:
        time.sleep(seconds)
    return signal.getitimer(signal.ITIMER_REAL)[0]


def test_each_item_is_told_what_was_printed_while_it_was_read_and_nothing_else(
    engine: LocalEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    printed = [b"", b"[layer3.c:12] missing\n bits at 0x7f001122aabb\n\n", b"", b"\x1b[31mred\xff\r", b" \n "]
    told, worker = engine.submit(items, printed, timeout_s=HANG_S).result(HANG_S)
    assert told == [None, "[layer3.c:12] missing / bits at 0x...", None, r"\x1b[31mred\xff", None]
    again, same_worker = engine.submit(items, [b"", b"more"], timeout_s=HANG_S).result(HANG_S)
    assert (again, same_worker) == ([None, "more"], worker)
    assert capfd.readouterr() == ("", "")


@pytest.mark.full
def test_of_much_the_end_is_told(engine: LocalEngine) -> None:
    told, _ = engine.submit(items, [b"a" * 10**6 + b"the end", b"b"], timeout_s=HANG_S).result(HANG_S)
    assert told == ["a" * (MAX_TAIL_BYTES - 7) + "the end", "b"]


@pytest.mark.full
def test_each_item_has_its_own_time(engine: LocalEngine) -> None:
    """Together they take longer than any of them may; and between two of them nobody is waited for."""
    limit_s = 0.4 * stretch()
    worker = engine.submit(items_that_nap, (limit_s, [limit_s / 4] * 6), timeout_s=HANG_S).result(HANG_S)
    assert engine.submit(nap_after_an_item, 0.5, timeout_s=HANG_S).result(HANG_S) == worker
    assert engine.submit(fail_and_nap, 0.5, timeout_s=HANG_S).result(HANG_S) == 0.0


@pytest.mark.full
def test_an_item_past_its_time_ends_the_worker(engine: LocalEngine) -> None:
    watch = Stopwatch()
    with pytest.raises(BatchTimedOut):
        engine.submit(items_that_nap, (0.4, [0.0, 60.0]), timeout_s=HANG_S).result(HANG_S)
    assert watch.quiet_s < 10.0


# outside of a worker


def test_outside_of_a_worker_nothing_is_watched(capfd: pytest.CaptureFixture[str]) -> None:
    handler, own = signal.getsignal(signal.SIGALRM), Watchdog()
    with own.item(0.05):
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        os.write(2, b"words\n")
    assert own.stderr() is None
    assert own.num_items == 1
    assert signal.getsignal(signal.SIGALRM) is handler
    assert capfd.readouterr().err == "words\n"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    """An open file."""
    descriptor = os.open(tmp_path / "stderr", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def test_the_end_of_a_file_is_told_in_one_printable_line(file: int) -> None:
    os.write(file, b"x" * MAX_TAIL_BYTES + b"free(): \x1b[31minvalid\n\n\t pointer 0x5581aabbccdd\r\n\x9f 0x1f\n")
    told = tail(file)
    assert told.endswith(r"xfree(): \x1b[31minvalid / pointer 0x... / \x9f 0x1f")
    assert told.isprintable()


@pytest.mark.parametrize("content", [b"", b"\n\n  \n"])
def test_of_an_empty_file_nothing_is_told(file: int, content: bytes) -> None:
    os.write(file, content)
    assert tail(file) == ""


def test_of_what_cannot_be_read_nothing_is_told() -> None:
    reading, writing = os.pipe()
    try:
        assert tail(reading) == ""
    finally:
        os.close(reading)
        os.close(writing)
