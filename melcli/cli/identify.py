"""``melcli identify``: which config made these features from this audio."""

from __future__ import annotations

import os
from contextlib import closing

import click

from melcli.cli.output import errors_as_json, tell, tell_json
from melcli.errors import CHECK_SAID_NO, AudioError, ConfigError
from melcli.printable import printable
from melcli.threads import ONE_THREAD

__all__ = ["identify"]


@click.command()
@click.argument("audio", metavar="AUDIO", type=click.Path())
@click.argument("features", metavar="FEATURES", type=click.Path())
@click.option("--top", type=click.IntRange(1), default=5, metavar="N", help="Show so many answers.  [default: 5]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def identify(audio: str, features: str, *, top: int, as_json: bool) -> int:
    """Find which config made these features from this audio.

    FEATURES is a .npy file, or .npz, .h5 or an OUT of melcli with one array in it or with one that is called like the
    audio file. All named configs are tried, and then their keys: sampling rate, frames, window, mels, logarithm, floor,
    normalisation, layout. What is printed is a config that can be saved and used; what is said about it are comments.
    A few seconds of speech or music with a pause in them tell most; what a clip cannot tell is said.

    \b
    melcli identify speech.wav speech.npy
    melcli identify speech.wav speech.npy > found.yaml && melcli extract recordings -o features -c found.yaml

    \b
    Exit codes: 0 found, 2 usage, 3 the audio cannot be read, 4 not found or only nearly, 5 FEATURES holds none,
    6 FEATURES cannot be read.
    """
    with errors_as_json(as_json):
        return _identify(audio, features, top, as_json)


def _identify(audio: str, features: str, top: int, as_json: bool) -> int:
    # Its products are small ones, on which more threads only get in each other's way: 8 s rather than 2 on two cores.
    os.environ.update(ONE_THREAD)  # before numpy is imported, since the libraries read it once
    from melcli.compare.feature_sets import open_feature_set
    from melcli.identify.report import lines, plain
    from melcli.identify.search import identify as run

    with closing(open_feature_set(features)) as opened:
        array = opened.read(_meant(opened.ids, features, audio))
    try:
        found = run(audio, array, top=top)
    except AudioError as error:
        raise AudioError(error.reason, f"{printable(audio)}: {error.message}") from None
    except ConfigError as error:
        raise ConfigError(f"{printable(features)}: {error}") from None
    if as_json:
        tell_json(plain(found))
    else:
        for line in lines(found, audio, features):
            tell(line)
    return 0 if found.certainty == "exact" else CHECK_SAID_NO


def _meant(ids: list[str], features: str, audio: str) -> str:
    """Return the id of the array that is meant: the only one, or the one that is called like the audio file."""
    stem = os.path.splitext(os.path.basename(audio))[0]
    meant = [item_id for item_id in ids if len(ids) == 1 or os.path.basename(item_id) == stem]
    if len(meant) != 1:
        raise ConfigError(
            f"{printable(features)} holds {len(ids)} arrays, of which {len(meant)} are called {printable(stem)}; "
            "name a file with one array"
        )
    return meant[0]
