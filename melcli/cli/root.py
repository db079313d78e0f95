"""The group that all commands hang from."""

from __future__ import annotations

import click

from melcli.cli.compare import compare
from melcli.cli.config import config
from melcli.cli.doctor import doctor
from melcli.cli.extract import extract
from melcli.cli.identify import identify
from melcli.cli.prune import prune
from melcli.cli.status import status
from melcli.cli.verify import verify
from melcli.version import __version__

__all__ = ["melcli"]

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, message="melcli %(version)s")
def melcli() -> None:
    """Mel spectrograms of whole folders of audio, with the numbers of keras.layers.MelSpectrogram.

    \b
    melcli extract recordings -o features                 one .npy for each file
    melcli extract recordings -o features -f hdf5 -j 8    shards, eight processes
    melcli status features recordings                     what is done, new, stale, failed
    melcli verify features --read-data                    whether anything is damaged
    melcli prune features recordings                      what has no input any more
    melcli config list                                    the configs that come with it
    melcli compare features other_features                how far apart, and why
    melcli identify speech.wav speech.npy                 which config made these features
    melcli doctor features                                whether all that a run stands on is sound
    """


melcli.add_command(extract)
melcli.add_command(status)
melcli.add_command(verify)
melcli.add_command(prune)
melcli.add_command(config)
melcli.add_command(compare)
melcli.add_command(identify)
melcli.add_command(doctor)
