"""What watches over a worker: its item's deadline, and what native libraries print meanwhile."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from melcli.run.engines.contract import BatchOverdue
from melcli.run.engines.local import LocalEngine
from melcli.run.guard import TAIL_BYTES, Guard, guard, stderr_tail

LONG_S = 30.0


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
        with guard.item(LONG_S):
            os.write(1, b"this is for nobody")
            os.write(2, words)
        told.append(guard.said())
    return told, os.getpid()


def items_that_nap(nap_s: list[float]) -> int:
    for seconds in nap_s:
        with guard.item(0.4):
            time.sleep(seconds)
    return os.getpid()


def nap_after_an_item(seconds: float) -> int:
    with guard.item(0.2):
        pass
    time.sleep(seconds)
    return os.getpid()


def fail_and_nap(seconds: float) -> float:
    """Have an item end by an exception; its time must not run on."""
    try:
        with guard.item(0.2):
            raise KeyError("hm")
    except KeyError:
        time.sleep(seconds)
    return signal.getitimer(signal.ITIMER_REAL)[0]


def test_each_item_is_told_what_was_printed_while_it_was_read_and_nothing_else(
    engine: LocalEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    printed = [b"", b"[layer3.c:12] missing\n bits at 0x7f001122aabb\n\n", b"", b"\x1b[31mred\xff\r", b" \n "]
    told, worker = engine.submit(items, printed, timeout_s=LONG_S).result(LONG_S)
    assert told == [None, "[layer3.c:12] missing / bits at 0x...", None, r"\x1b[31mred\xff", None]
    again, same_worker = engine.submit(items, [b"", b"more"], timeout_s=LONG_S).result(LONG_S)
    assert (again, same_worker) == ([None, "more"], worker)
    assert capfd.readouterr() == ("", "")


def test_of_much_the_end_is_told(engine: LocalEngine) -> None:
    told, _ = engine.submit(items, [b"a" * 10**6 + b"the end", b"b"], timeout_s=LONG_S).result(LONG_S)
    assert told == ["a" * (TAIL_BYTES - 7) + "the end", "b"]


def test_without_a_folder_nothing_is_kept() -> None:
    engine = LocalEngine(1)
    try:
        told, _ = engine.submit(items, [b"words", b""], timeout_s=LONG_S).result(LONG_S)
    finally:
        engine.stop()
    assert told == [None, None]


def test_each_item_has_its_own_time(engine: LocalEngine) -> None:
    """Together they take longer than any of them may; and between two of them nobody is waited for."""
    worker = engine.submit(items_that_nap, [0.1] * 6, timeout_s=LONG_S).result(LONG_S)
    assert engine.submit(nap_after_an_item, 0.5, timeout_s=LONG_S).result(LONG_S) == worker
    assert engine.submit(fail_and_nap, 0.5, timeout_s=LONG_S).result(LONG_S) == 0.0


def test_an_item_past_its_time_ends_the_worker(engine: LocalEngine) -> None:
    with pytest.raises(BatchOverdue):
        engine.submit(items_that_nap, [0.0, 60.0], timeout_s=LONG_S).result(10.0)


def test_a_worker_takes_its_file_anew_and_through_no_link(tmp_path: Path) -> None:
    """OUT may be anybody's; what is found under the name is of a worker before, or planted."""
    victim, path = tmp_path / "victim", tmp_path / "stderr"
    victim.write_bytes(b"precious")
    path.symlink_to(victim)
    engine = LocalEngine(1, folder=str(tmp_path))
    try:
        engine._stations[0]._stderr_path = str(path)
        told, _ = engine.submit(items, [b"words"], timeout_s=LONG_S).result(LONG_S)
        assert told == ["words"]
        assert not path.is_symlink()
        assert path.read_bytes() == b"words"
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        engine.stop()
    assert victim.read_bytes() == b"precious"
    assert not path.exists()


# outside of a worker


def test_outside_of_a_worker_nothing_is_watched(capfd: pytest.CaptureFixture[str]) -> None:
    handler, own = signal.getsignal(signal.SIGALRM), Guard()
    with own.item(0.05):
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        os.write(2, b"words\n")
    assert own.said() is None
    assert own.num_items == 1
    assert signal.getsignal(signal.SIGALRM) is handler
    assert capfd.readouterr().err == "words\n"


def test_the_end_of_a_file_is_told_in_one_printable_line(tmp_path: Path) -> None:
    path = tmp_path / "stderr"
    path.write_bytes(b"x" * TAIL_BYTES + b"free(): \x1b[31minvalid\n\n\t pointer 0x5581aabbccdd\r\n\x9f 0x1f\n")
    told = stderr_tail(str(path))
    assert told.endswith(r"xfree(): \x1b[31minvalid / pointer 0x... / \x9f 0x1f")
    assert told.isprintable()


@pytest.mark.parametrize("content", [b"", b"\n\n  \n"])
def test_of_an_empty_file_nothing_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "stderr").write_bytes(content)
    assert stderr_tail(str(tmp_path / "stderr")) == ""


def test_what_is_no_file_of_a_worker_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "link").symlink_to("secret")
    for name in ("link", "not there"):
        assert stderr_tail(str(tmp_path / name)) == ""
    assert stderr_tail(str(tmp_path)) == ""
