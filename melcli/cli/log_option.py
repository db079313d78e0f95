"""The option ``--log-file``, shared by several commands."""

from __future__ import annotations

import click

__all__ = ["log_file_option"]

log_file_option = click.option(
    "--log-file",
    type=click.Path(),
    metavar="FILE",
    help="Append each event to FILE as a line with time and run id; several runs can share it.",
)
