"""The pipe that wakes a selector."""

from __future__ import annotations

import os
import selectors
import threading
from collections.abc import Iterator

import pytest

from melcli.run.engines.wake_pipe import WakePipe


@pytest.fixture
def pipe() -> Iterator[WakePipe]:
    made = WakePipe()
    yield made
    made.close()


def is_readable(pipe: WakePipe) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        return bool(selector.select(0))


def test_another_thread_wakes_the_selector_until_the_pipe_is_drained(pipe: WakePipe) -> None:
    assert not is_readable(pipe)
    thread = threading.Thread(target=pipe.wake)
    thread.start()
    thread.join()
    assert is_readable(pipe)
    pipe.drain()
    assert not is_readable(pipe)
    pipe.drain()  # an empty pipe does not block


def test_a_full_pipe_does_not_block(pipe: WakePipe) -> None:
    for _ in range(100_000):
        pipe.wake()
    assert is_readable(pipe)


def test_after_the_end_nothing_is_written(pipe: WakePipe) -> None:
    pipe.close()
    read, write = os.pipe()  # has the descriptors that were closed
    try:
        pipe.wake()
        pipe.close()
        with selectors.DefaultSelector() as selector:
            selector.register(read, selectors.EVENT_READ)
            assert not selector.select(0)
        os.write(write, b"x")  # both are still open
    finally:
        os.close(read)
        os.close(write)
