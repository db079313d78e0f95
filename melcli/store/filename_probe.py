"""Test which names the file system of OUT accepts and tells apart.

No call of the system tells whether a file system folds case or normalizes names, and a table of file systems would be
wrong where a server behind the network decides.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from itertools import chain

from melcli.errors import ConfigError, NameClash
from melcli.printable import printable
from melcli.scratch import Scratch
from melcli.store.files import storage_errors
from melcli.store.layout import OWN_NAMES, npy_name, own_folder
from melcli.store.name_collisions import Folds, folded

__all__ = ["Trials", "try_names"]

TYPICAL_TWINS = (("A", "a"), ("\xe9", "e\u0301"), ("a.", "a"), ("a ", "a"))  # what folds any names folds one of these
_NOT_TAKEN = {errno.EINVAL, errno.EILSEQ, errno.ENOENT}  # of a name, in a folder that is there
_RARELY_TAKEN = re.compile('[\\x00-\\x1f"*:<>?\\\\|\\x7f\\udc80-\\udcff]')  # FAT and Windows; not UTF-8


def try_names(item_ids: Collection[str], out: str, format: str) -> None:
    """Refuse ids whose files OUT's file system would take for one, or would not take; the caller holds the lock.

    Files are created under OUT/.melcli and removed, but only where ids are twins or hold characters that some file
    systems refuse.

    Parameters
    ----------
    item_ids : collection of str
        Of all items, and of those too that OUT holds from earlier runs, so that ``A`` cannot overwrite an old ``a``;
        read several times.
    out : str
        OUT, which has its own folder already.
    format : str
        Only ``npy`` names files by ids.

    Raises
    ------
    NameClash
        Two files would overwrite each other, or one would stand where another needs a folder.
    ConfigError
        A name holds a character that cannot be in one.
    StorageError
        OUT/.melcli cannot be written.
    """
    with _trials(out) as trials:
        if format == "npy":
            _refuse_characters(item_ids, trials)
            _refuse_twins(item_ids, trials)


class Trials:
    """Experiments in a folder of their own; each is made once.

    Parameters
    ----------
    folder : str
        It is created at the first experiment; nothing may be there.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._made = 0
        self.tells_apart = lru_cache(maxsize=1 << 16)(self._tells_apart)

    @property
    def tells_all_apart(self) -> bool:
        """Whether no twins at all are one name here."""
        return all(self.tells_apart(*pair) for pair in TYPICAL_TWINS)

    def takes(self, name: str) -> bool:
        """Say whether a file can be called so."""
        with self._created(name) as folder:
            return folder is not None

    def _tells_apart(self, name: str, twin: str) -> bool:
        """Say whether two names are two files; one that cannot be created is not the same as another."""
        with self._created(name) as folder:
            return folder is None or not os.path.lexists(os.path.join(folder, twin))

    @contextlib.contextmanager
    def _created(self, name: str) -> Iterator[str | None]:
        """Create a file, and yield its folder, or None where such a name is not taken."""
        # A folder for each, since a name that was looked for is remembered for seconds, by FUSE, NFS and others.
        folder = os.path.join(self._folder, str(self._made))
        path = os.path.join(folder, name)
        with storage_errors(path):
            if not self._made:
                os.mkdir(self._folder)  # and never one that is there, which could be a link to anywhere
            self._made += 1
            os.mkdir(folder)
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666))
            except (OSError, ValueError) as error:  # ValueError: a NUL, which no name of ours has
                if isinstance(error, OSError) and error.errno not in _NOT_TAKEN:
                    raise
                yield None
                return
            try:
                yield folder
            finally:
                os.unlink(path)


@contextlib.contextmanager
def _trials(out: str) -> Iterator[Trials]:
    folder = os.path.join(own_folder(out), "trials")
    shutil.rmtree(folder, ignore_errors=True)  # what a run left that was killed in the middle of one
    try:
        yield Trials(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_characters(ids: Iterable[str], trials: Trials) -> None:
    """Try each rare character once, by the first id that holds it."""
    first_with: dict[str, str] = {}
    for item_id in filter(_RARELY_TAKEN.search, ids):
        for character in _RARELY_TAKEN.findall(item_id):
            first_with.setdefault(character, item_id)
    for character, item_id in sorted(first_with.items()):
        if not trials.takes(f"a{character}a"):
            raise ConfigError(
                f"{printable(item_id)}: the file system of OUT takes no name with '{printable(character)}' in it",
                hint="rename it, choose an OUT elsewhere, or use -f hdf5, where names are no files",
            )


def _refuse_twins(ids: Iterable[str], trials: Trials) -> None:
    with Scratch() as scratch:
        for first, second in _twin_paths(ids, scratch):
            if trials.tells_all_apart:
                return
            parts = zip(first.split("/"), second.split("/"), strict=False)
            if not any(one != other and trials.tells_apart(one, other) for one, other in parts):
                raise _refusal(first, second)


def _twin_paths(ids: Iterable[str], scratch: Scratch) -> Iterator[tuple[str, str]]:
    """Yield pairs of files that could be one file, or of which the second could be in the way of the first."""
    folds = Folds(lambda: chain(map(npy_name, ids), OWN_NAMES), scratch)
    yield from folds.twins()
    for name in map(npy_name, ids):
        if _leads_through_a_file(folded(name)):
            parts = name.split("/")
            for depth in range(1, len(parts)):
                other = folds.name_of(folded("/".join(parts[:depth])))
                if other is not None:
                    yield name, other


_OWN_FOLDERS = tuple(f"{folded(name)}/" for name in OWN_NAMES)


def _leads_through_a_file(fold: str) -> bool:
    return ".npy/" in fold or fold.startswith(_OWN_FOLDERS)


def _refusal(first: str, second: str) -> NameClash:
    one, other = (name if name in OWN_NAMES else name.removesuffix(".npy") for name in (first, second))
    form_differs = unicodedata.normalize("NFD", one) != one or unicodedata.normalize("NFD", other) != other
    if form_differs:  # or the two would look alike
        one, other = (name.encode("unicode_escape").decode("ascii") for name in (one, other))
    if first.count("/") == second.count("/"):
        clash = f"{printable(one)} and {printable(other)} would be one file under OUT"
    else:
        clash = f"{printable(one)} would need a folder under OUT where {printable(other)} has its file"
    return NameClash(
        f"{clash}, whose file system does not tell them apart",
        hint="rename one of them, choose an OUT elsewhere, or use -f hdf5, where names are no files",
    )
