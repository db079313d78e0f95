"""Standard output for programs, and standard error for people."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

import click

from melcli.cli.colors import colored
from melcli.errors import MelcliError, StorageError
from melcli.null_device import open_null

__all__ = ["ReaderGone", "errors_as_json", "say", "stderr_may_fail", "tell", "tell_json", "warn"]

VALUES_AT_A_TIME = 1000


class ReaderGone(StorageError):
    """The reader of standard output has closed it, as ``head`` does: nothing is wrong, and nothing is to be said."""

    exit_code = 141  # as of a program that SIGPIPE ended


def tell(text: str, *, end: str = "\n") -> None:
    """Write a line to standard output.

    Raises
    ------
    StorageError
        Nobody takes it: the disk is full, or ``head`` has seen enough.
    """
    try:
        click.echo(f"{text}{end}", nl=False)
    except OSError as error:
        # Python would try to write the rest once more at its end, and complain.
        _put_null_device(sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise ReaderGone("nobody reads standard output any more") from error
        raise StorageError(f"cannot write to standard output: {error.strerror}") from error


def tell_json(plain: Any) -> None:
    """Write one object to standard output; none of its numbers may be NaN or infinite.

    Values of it that are iterators become arrays and are written as they come, so that no plan of a million is held.
    """
    for piece in _json_pieces(plain):
        tell(piece, end="")
    tell("")


def _json_pieces(plain: Any) -> Iterator[str]:
    """Yield the JSON of a value, as `json.dumps` makes it."""
    import json

    encode = json.JSONEncoder(allow_nan=False).encode
    if not isinstance(plain, dict) or not any(isinstance(value, Iterator) for value in plain.values()):
        yield encode(plain)
        return
    start = "{"
    for key, value in plain.items():
        start += f"{encode(key)}: "
        if isinstance(value, Iterator):
            start += "["
            while some := list(islice(value, VALUES_AT_A_TIME)):
                yield f"{start}{encode(some)[1:-1]}"
                start = ", "
            start = f"{start.removesuffix(', ')}], "
        else:
            start += f"{encode(value)}, "
    yield f"{start.removesuffix(', ')}}}"


@contextmanager
def errors_as_json(as_json: bool, **more: str) -> Iterator[None]:
    """Write an error, and what else is given, as the one object that ``--json`` promises, and let it go on."""
    try:
        yield
    except MelcliError as error:
        if as_json:
            tell_json({"error": str(error), "exit_code": error.exit_code} | more)
        raise


def say(text: str) -> None:
    """Write a line to standard error; a log that takes no more is no reason to stop."""
    with stderr_may_fail():
        click.echo(text, err=True)


def warn(text: str) -> None:
    """Write a warning to standard error."""
    say(f"{colored('warning:', 'warning', sys.stderr)} {text}")


@contextmanager
def stderr_may_fail() -> Iterator[None]:
    """Let an error of writing to standard error pass: the disk is full, or nobody reads any more."""
    try:
        yield
    except OSError:
        with suppress(OSError):
            _forget_unwritten()


def _forget_unwritten() -> None:
    """Empty the buffer of standard error.

    What could not be written stays in it: Python tries once more at its end and then ends with 120, and multiprocessing
    tries before it starts a worker. The stream itself stays, since a disk may have room again.
    """
    number = sys.stderr.fileno()
    kept = os.dup(number)
    try:
        _put_null_device(number)
        sys.stderr.flush()
    finally:
        os.dup2(kept, number)
        os.close(kept)


def _put_null_device(number: int) -> None:
    null = open_null()
    os.dup2(null, number)
    os.close(null)
