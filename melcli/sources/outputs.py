"""Exclude OUT from the search for inputs."""

from __future__ import annotations

import os
from os import stat_result

from melcli.sources.names import extension

__all__ = ["OUTPUT_EXTENSIONS", "Outputs"]

OUTPUT_EXTENSIONS = frozenset({".npy", ".h5", ".jsonl", ".yaml"})  # of all files that melcli writes; none is audio
OWN_FOLDER = ".melcli"


class Outputs:
    """The folder OUT, which need not exist.

    Folders are compared by identity, not by name, so that OUT is recognized through a link, through a second mount, and
    on case-insensitive file systems.

    Parameters
    ----------
    out : str
        OUT as given.
    """

    def __init__(self, out: str) -> None:
        self._status = _status(out)
        self._within: dict[str, bool] = {}  # by folder, since a list can name 100,000 files in one folder

    def is_out(self, status: stat_result) -> bool:
        """Return whether a folder is OUT itself."""
        return self._status is not None and os.path.samestat(status, self._status)

    def contains(self, folder: str) -> bool:
        """Return whether a folder is OUT or inside it, after resolving all links."""
        if self._status is None:
            return False
        if folder not in self._within:
            self._within[folder] = any(self.is_out(status) for status in _upwards(os.path.realpath(folder)))
        return self._within[folder]

    def is_output(self, path: str) -> bool:
        """Return whether a path is an output of melcli under OUT: by its extension, or in OUT/.melcli."""
        return (extension(path) in OUTPUT_EXTENSIONS or self.is_private(path)) and self.contains(
            os.path.dirname(path) or "."
        )

    def is_private(self, path: str) -> bool:
        """Return whether a path leads to or through OUT/.melcli."""
        return OWN_FOLDER in path.split("/") and self.contains(os.path.dirname(path) or ".")


def _status(path: str) -> stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _upwards(path: str) -> list[stat_result]:
    """Return the result of `os.stat` for an absolute path and for every folder above it."""
    paths = [path]
    while (above := os.path.dirname(paths[-1])) != paths[-1]:
        paths.append(above)
    return [status for status in map(_status, paths) if status is not None]
