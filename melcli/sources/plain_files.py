"""Handle many plain files of a folder at once: regular files with an audio extension, as in most of a corpus."""

from __future__ import annotations

import os
import stat
from itertools import repeat
from typing import NamedTuple

from melcli.byte_order import byte_order
from melcli.sources.item_values import MAX_INTEGER, NO_TABLE, Values
from melcli.sources.names import AUDIO_EXTENSIONS

__all__ = ["PlainFiles"]

_ENDINGS = frozenset(
    ending for extension in AUDIO_EXTENSIONS for ending in (extension[1:], extension[1:].upper())
)  # as usually written
_ODD = {"", "."}  # first or last character of a stem: the file is hidden, or its extension is another one


class PlainFiles(NamedTuple):
    """Handles plain files; other and doubtful entries are left to the walk, which takes three times as long.

    Only for a search without globs.

    Attributes
    ----------
    keep_extension : bool
        Whether ids keep the extension.
    own_files : frozenset
        Device and inode of files that are never inputs.
    """

    keep_extension: bool
    own_files: frozenset[tuple[int, int]]

    def take(self, entries: list[os.DirEntry[str]], above: str) -> tuple[list[Values], list[os.DirEntry[str]]]:
        """Return the values of plain files among entries, sorted by id, and the other entries.

        Parameters
        ----------
        entries : list of os.DirEntry
        above : str
            Prefix of their names below the INPUT.
        """
        names, paths, sizes, times = [], [], [], []
        others = []
        for entry in entries:
            name = entry.name
            stem, _, ending = name.rpartition(".")
            status = None
            if ending in _ENDINGS and stem[:1] not in _ODD and stem[-1:] not in _ODD:
                status = self._status(entry)
            if status is None:
                others.append(entry)
            else:
                names.append(name if self.keep_extension else stem)
                paths.append(entry.path)
                sizes.append(status.st_size)
                times.append(status.st_mtime_ns)
        ids = _all_in_bytes([above + name for name in names])
        no_table = repeat(NO_TABLE)
        values = zip(ids, _all_in_bytes(paths), sizes, times, no_table, no_table, no_table, strict=False)
        return sorted(values), others

    def _status(self, entry: os.DirEntry[str]) -> os.stat_result | None:
        """Return the status of a plain file, or None for any other."""
        try:
            if not entry.is_file(follow_symlinks=False):
                return None
            status = os.stat(entry.path)
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode) or abs(status.st_mtime_ns) > MAX_INTEGER:
            return None
        return None if (status.st_dev, status.st_ino) in self.own_files else status


def _all_in_bytes(names: list[str]) -> list[bytes]:
    """Encode many names at once, joined by NUL, which no name contains."""
    return byte_order("\0".join(names)).split(b"\0") if names else []
