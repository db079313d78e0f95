"""Standard output: what programs read."""

from __future__ import annotations

import os
import sys

import click

from melcli.errors import StorageError

__all__ = ["tell"]


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
