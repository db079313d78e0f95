"""Counts open files while the garbage collector is off and errors with their tracebacks are held."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["collector_off", "error_of", "num_open_files"]


def num_open_files() -> int:
    """Return the number of descriptors that this process has open."""
    return len(os.listdir("/dev/fd"))


@contextmanager
def collector_off() -> Iterator[None]:
    """Switch the garbage collector off, so that only an explicit close or the last reference closes a file."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def error_of(call: Callable[[], object], kinds: type[Exception] | tuple[type[Exception], ...]) -> Exception | None:
    """Return the error of a call; it holds every frame of the call by its traceback."""
    try:
        call()
    except kinds as error:
        return error
    return None
