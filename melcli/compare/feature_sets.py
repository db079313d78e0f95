"""Open a set of features: an OUT of ``melcli extract``, a file of arrays, or a folder of such files.

=================================  =====================================================
path                               ids
=================================  =====================================================
an OUT of melcli                   those of its manifest
a file ``x.npy``                   ``x``
a file ``.npz``, ``.h5``           the names of its arrays; for a shard of melcli, its ids
a folder: ``a/x.npy``              ``a/x``, without the extension
a folder: ``a/x.npz``, ``a/x.h5``  ``a/x`` if it contains one array, otherwise ``a/x/NAME``
=================================  =====================================================
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Protocol

import numpy as np

from melcli.errors import ConfigError, NameClash, NoInput, StorageError
from melcli.printable import printable
from melcli.sources.folders import walk
from melcli.sources.items import Skipped
from melcli.sources.options import SourceOptions
from melcli.sources.selection import Selection
from melcli.store.foreign_arrays import ARRAY_EXTENSIONS, ArrayFile, open_arrays
from melcli.store.manifest import has_manifest
from melcli.store.reader import Features, open_features

__all__ = ["FeatureSet", "Opener", "open_feature_set"]


class Opener(Protocol):
    """Opens untrusted files."""

    def open_arrays(self, path: str) -> ArrayFile:
        """Open a file of arrays; `StorageError` if it cannot be read."""

    def read_item(self, out: str, item_id: str) -> np.ndarray:
        """Return an item of an OUT in HDF5; `StorageError` if it cannot be read."""


class FeatureSet(Protocol):
    """Arrays by id.

    Attributes
    ----------
    ids : list of str
        All ids, sorted.
    unreadable : dict of str to str
        Why the content of a file or a folder is unknown: a sentence for each, by the id that the file would have or the
        path of the folder.
    is_one_array : bool
        Whether this is a file with a single array, which is compared whatever its name.
    """

    ids: list[str]
    unreadable: dict[str, str]
    is_one_array: bool

    def read(self, item_id: str) -> np.ndarray:
        """Return one array; `StorageError` if it cannot be read."""

    def time_axis(self, item_id: str, shape: tuple[int, ...]) -> int | None:
        """Return the time axis of an array of that shape, if known; never guessed."""

    def close(self) -> None:
        """Close all open files."""


def open_feature_set(path: str, opener: Opener | None = None) -> FeatureSet:
    """Open a set of features.

    Parameters
    ----------
    path : str
    opener : Opener, optional
        Opens ``.npz`` and HDF5 files, for example in a process with a deadline; by default this process opens them.

    Raises
    ------
    ConfigError
        ``path`` does not exist, or is a file of another kind.
    NoInput
        It contains no features.
    NameClash
        Two arrays have the same id.
    StorageError
        The manifest, or the single file, is damaged.
    """
    opened: FeatureSet
    if os.path.isdir(path):
        opened = _Extracted(path, opener) if has_manifest(path) else _Arrays(path, opener)
    elif not os.path.exists(path):
        raise ConfigError(f"{printable(path) or repr(path)} does not exist")
    elif os.path.splitext(path)[1].lower() not in ARRAY_EXTENSIONS:
        raise ConfigError(f"{printable(path)} has none of the extensions {', '.join(ARRAY_EXTENSIONS)}")
    else:
        opened = _Arrays(path, opener)
    if not opened.ids and not opened.unreadable:
        opened.close()
        raise NoInput(f"{printable(path)} contains no features: no {', '.join(ARRAY_EXTENSIONS)} files with arrays")
    return opened


class _Extracted:
    """The features of an OUT."""

    def __init__(self, out: str, opener: Opener | None) -> None:
        self._out = out
        self._opener = opener
        self._features: Features = open_features(out)
        self.ids = sorted(self._features)
        self.unreadable: dict[str, str] = {}
        self.is_one_array = False

    def read(self, item_id: str) -> np.ndarray:
        if self._opener is None or self._features.rows[item_id].start is None:  # the item is in a .npy file
            return self._features[item_id]
        return self._opener.read_item(self._out, item_id)

    def time_axis(self, item_id: str, shape: tuple[int, ...]) -> int | None:
        row = self._features.rows[item_id]
        return None if row.num_frames == row.num_features else int(shape == (row.num_features, row.num_frames))

    def close(self) -> None:
        self._features.close()


class _Arrays:
    """A file, or the files below a folder; the last file read stays open."""

    def __init__(self, path: str, opener: Opener | None) -> None:
        self._open_arrays = open_arrays if opener is None else opener.open_arrays
        self._open: tuple[str, ArrayFile] | None = None
        self._places: dict[str, tuple[str, str]] = {}
        self.unreadable: dict[str, str] = {}
        with ExitStack() as opened:
            opened.callback(self.close)
            if os.path.isdir(path):
                self._search(path)
            else:
                self._take(os.path.splitext(os.path.basename(path))[0], path, in_a_folder=False)
            opened.pop_all()
        self.is_one_array = not os.path.isdir(path) and len(self._places) == 1
        self.ids = sorted(self._places)

    def read(self, item_id: str) -> np.ndarray:
        path, name = self._places[item_id]
        return self._file(path).read(name)

    def time_axis(self, item_id: str, shape: tuple[int, ...]) -> int | None:
        return None

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def _search(self, folder: str) -> None:
        selection = Selection(SourceOptions(include=tuple(f"*{extension}" for extension in ARRAY_EXTENSIONS)))
        for found in sorted(walk(folder, "", selection, None)):
            if isinstance(found, Skipped):
                if found.why == "unreadable":
                    self.unreadable[found.what] = printable(f"{found.what} cannot be listed: {found.error}")
                continue
            try:
                self._take(os.path.splitext(found.name)[0], found.path, in_a_folder=True)
            except StorageError as error:
                self.unreadable[os.path.splitext(found.name)[0]] = str(error)

    def _take(self, stem: str, path: str, *, in_a_folder: bool) -> None:
        """Assign ids to the arrays of a file."""
        names = self._file(path).names
        alone = len(names) == 1 and in_a_folder
        for name in names:
            item_id = stem if alone or not name else f"{stem}/{name}" if in_a_folder else name
            if item_id in self._places:
                other = self._places[item_id][0]
                raise NameClash(
                    f"{printable(other)} and {printable(path)} both contain {printable(item_id)}",
                    hint="move one of them",
                )
            self._places[item_id] = (path, name)

    def _file(self, path: str) -> ArrayFile:
        if self._open is None or self._open[0] != path:
            self.close()
            self._open = (path, self._open_arrays(path))
        return self._open[1]
