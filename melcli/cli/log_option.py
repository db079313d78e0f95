"""The option that names a log, which several commands have."""

from __future__ import annotations

import click

__all__ = ["log_file_option"]

log_file_option = click.option(
    "--log-file",
    type=click.Path(),
    metavar="FILE",
    help="Append every event to FILE, one line each, with time and run id; several runs may share it.",
)
