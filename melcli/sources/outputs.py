"""Keep OUT out of the search for inputs."""

from __future__ import annotations

import os
from os import stat_result

from melcli.sources.names import extension

__all__ = ["OUTPUT_EXTENSIONS", "Outputs"]

OUTPUT_EXTENSIONS = frozenset({".npy", ".h5", ".jsonl", ".yaml"})  # of all that melcli writes under OUT; none is audio
OWN_FOLDER = ".melcli"


class Outputs:
    """The folder OUT, which need not exist.

    Folders are compared by what they are and not by how they are called, so that OUT is known behind a link, behind a
    second mount and on file systems that do not tell ``Out`` from ``out``.

    Parameters
    ----------
    out : str
        OUT as it was given.
    """

    def __init__(self, out: str) -> None:
        self._status = _status(out)
        self._within: dict[str, bool] = {}  # by folder, since a list can name 100,000 files of one

    def is_here(self, status: stat_result) -> bool:
        """Say whether a folder is OUT itself."""
        return self._status is not None and os.path.samestat(status, self._status)

    def hold(self, folder: str) -> bool:
        """Say whether a folder is OUT, or lies in it, once all links are resolved."""
        if self._status is None:
            return False
        if folder not in self._within:
            self._within[folder] = any(self.is_here(status) for status in _upwards(os.path.realpath(folder)))
        return self._within[folder]

    def made(self, path: str) -> bool:
        """Say whether a file under OUT is melcli's own: by its extension, or in the folder that OUT keeps."""
        return (extension(path) in OUTPUT_EXTENSIONS or self.keep(path)) and self.hold(os.path.dirname(path) or ".")

    def keep(self, path: str) -> bool:
        """Say whether a path leads to or through the folder that OUT keeps for itself."""
        return OWN_FOLDER in path.split("/") and self.hold(os.path.dirname(path) or ".")


def _status(path: str) -> stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _upwards(path: str) -> list[stat_result]:
    """Return what `os.stat` says of an absolute path and of every folder above it."""
    paths = [path]
    while (above := os.path.dirname(paths[-1])) != paths[-1]:
        paths.append(above)
    return [status for status in map(_status, paths) if status is not None]
