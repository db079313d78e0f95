"""Standard output: what programs read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from melcli.errors import MelcliError, StorageError

__all__ = ["errors_as_json", "tell", "tell_json"]


def tell(text: str) -> None:
    """Write a line to standard output.

    Raises
    ------
    StorageError
        Nobody takes it: the disk is full, or ``head`` has seen enough.
    """
    try:
        click.echo(text)
    except OSError as error:
        # Python would try to write the rest once more at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise StorageError(f"cannot write to standard output: {error.strerror}") from error


def tell_json(plain: Any) -> None:
    """Write one object to standard output; none of its numbers may be NaN or infinite."""
    import json

    tell(json.dumps(plain, allow_nan=False))


@contextmanager
def errors_as_json(as_json: bool) -> Iterator[None]:
    """Write an error as the one object that ``--json`` promises, where that was asked for, and let it go on."""
    try:
        yield
    except MelcliError as error:
        if as_json:
            tell_json({"error": str(error), "exit_code": error.exit_code})
        raise
