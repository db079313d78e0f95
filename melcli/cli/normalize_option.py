"""The option that normalizes features with the numbers in a file."""

from __future__ import annotations

import click

__all__ = ["normalize_option"]

normalize_option = click.option(
    "--normalize",
    type=click.Path(),
    metavar="FILE",
    help="Normalize with mean and standard deviation from a file of melcli stats, NumPy, Kaldi or FunASR.",
)
