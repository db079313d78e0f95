"""The group of all commands."""

from __future__ import annotations

import click

from melcli.cli.command_group import CommandGroup
from melcli.cli.compare import compare
from melcli.cli.config import config
from melcli.cli.doctor import doctor
from melcli.cli.extract import extract
from melcli.cli.help_colors import use_colors_in_help
from melcli.cli.identify import identify
from melcli.cli.prune import prune
from melcli.cli.stats import stats
from melcli.cli.status import status
from melcli.cli.verify import verify
from melcli.version import __version__

__all__ = ["melcli"]

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=CommandGroup, context_settings=CONTEXT)
@click.version_option(__version__, message="melcli %(version)s")
def melcli() -> None:
    """Extract mel spectrograms of audio corpora, with the numbers of keras.layers.MelSpectrogram.

    \b
    melcli extract recordings -o features           one .npy file per input
    melcli extract recordings -o features -f hdf5   HDF5 shards
    melcli status features recordings               done, new, stale and failed
    melcli verify features --read-data              check outputs for damage
    melcli prune features recordings                outputs without an input
    melcli stats features -o stats.yaml             mean and variance of features
    melcli config list                              list the named configs
    melcli compare features other_features          differences and their cause
    melcli identify speech.wav speech.npy           find the config of features
    melcli doctor features                          check installation and disk
    """


melcli.add_command(extract)
melcli.add_command(status)
melcli.add_command(verify)
melcli.add_command(prune)
melcli.add_command(stats)
melcli.add_command(config)
melcli.add_command(compare)
melcli.add_command(identify)
melcli.add_command(doctor)
use_colors_in_help(melcli)
