"""Pairs of an audio file and its features, as the command line names them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

import numpy as np

from melcli.compare.feature_sets import FeatureSet, Opener, open_feature_set
from melcli.errors import ConfigError, NoInput
from melcli.printable import printable
from melcli.sources.folders import FoundPath, walk
from melcli.sources.options import SourceOptions
from melcli.sources.selection import Selection

__all__ = ["MAX_PAIRS", "Pair", "read_pairs"]

MAX_PAIRS = 8  # of two folders: more tell nothing new, and each takes a second


class Pair(NamedTuple):
    """An audio file, where its features are from, and these."""

    audio: str
    where: str
    features: np.ndarray


def read_pairs(paths: Sequence[str], opener: Opener | None = None) -> list[Pair]:
    """Read pairs: a number of audio files and then the same number of features, or a folder of each.

    Parameters
    ----------
    paths : sequence of str
    opener : Opener, optional
        See `melcli.compare.feature_sets.open_feature_set`.

    Raises
    ------
    ConfigError
        The paths are no pairs.
    NoInput
        Two folders have no name in common.
    StorageError
        Features cannot be read.
    """
    if len(paths) < 2 or len(paths) % 2:
        raise ConfigError(
            f"{len(paths)} paths are not pairs", hint="name audio files, then features for each; or two folders"
        )
    half = len(paths) // 2
    if len(paths) == 2 and os.path.isdir(paths[0]):
        return _of_folders(paths[0], paths[1], opener)
    return [_of_file(audio, features, opener) for audio, features in zip(paths[:half], paths[half:], strict=True)]


def _of_file(audio: str, features: str, opener: Opener | None) -> Pair:
    with closing(open_feature_set(features, opener)) as opened:
        return Pair(audio, features, opened.read(_meant(opened.ids, features, audio)))


def _of_folders(audio: str, features: str, opener: Opener | None) -> list[Pair]:
    """Pair what has one name but for its ending, the first few in the order of their names."""
    selection = Selection(SourceOptions())
    files = sorted((met.name, met.path) for met in walk(audio, "", selection, None) if isinstance(met, FoundPath))
    with closing(open_feature_set(features, opener)) as opened:
        found = _first(files, features, opened)
    if not found:
        raise NoInput(f"{printable(audio)} and {printable(features)} have no name in common")
    return found


def _first(files: Sequence[tuple[str, str]], features: str, opened: FeatureSet) -> list[Pair]:
    pairs: list[Pair] = []
    for name, path in files:
        item_id = _id_of(name, opened)
        if item_id is not None:
            pairs.append(Pair(path, features, opened.read(item_id)))
        if len(pairs) == MAX_PAIRS:
            break
    return pairs


def _id_of(name: str, opened: FeatureSet) -> str | None:
    """Return the id of a file's features: its name without its ending, or with it."""
    return next((item_id for item_id in (os.path.splitext(name)[0], name) if item_id in opened.ids), None)


def _meant(ids: Sequence[str], features: str, audio: str) -> str:
    """Return the id of the array that is meant: the only one, or the one that is called like the audio file."""
    stem = os.path.splitext(os.path.basename(audio))[0]
    meant = [item_id for item_id in ids if len(ids) == 1 or os.path.basename(item_id) == stem]
    if len(meant) != 1:
        raise ConfigError(
            f"{printable(features)} holds {len(ids)} arrays, of which {len(meant)} are called {printable(stem)}",
            hint="name a file with one array",
        )
    return meant[0]
