"""Test which names the file system of OUT accepts, and which it treats as the same.

No system call reports whether a file system folds case or normalizes names.  A table of file systems would be wrong if
a network server decides.
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
from melcli.store.layout import OWN_NAMES, npy_name, own_folder
from melcli.store.name_collisions import FoldedNames, folded
from melcli.store.storage_errors import storage_errors

__all__ = ["FilenameProbe", "probe_names"]

TYPICAL_COLLISIONS = (("A", "a"), ("\xe9", "e\u0301"), ("a.", "a"), ("a ", "a"))  # any folding folds one of these
_REJECTED = {errno.EINVAL, errno.EILSEQ, errno.ENOENT}  # errors for a name, in a folder that exists
_RARELY_ACCEPTED = re.compile('[\\x00-\\x1f"*:<>?\\\\|\\x7f\\udc80-\\udcff]')  # FAT and Windows; not UTF-8


def probe_names(item_ids: Collection[str], out: str, format: str) -> None:
    """Refuse ids whose files the file system of OUT would not accept or not distinguish; the caller holds the lock.

    Files are created under OUT/.melcli and removed, but only if some ids may collide or contain characters that some
    file systems reject.

    Parameters
    ----------
    item_ids : collection of str
        Ids of all items, and of all items of earlier runs in OUT, so that ``A`` cannot overwrite an old ``a``; read
        several times.
    out : str
        OUT, in which OUT/.melcli exists.
    format : str
        Only ``npy`` names files after ids.

    Raises
    ------
    NameClash
        Two files would overwrite each other, or one would be where another needs a folder.
    ConfigError
        A name contains a character that the file system rejects.
    StorageError
        OUT/.melcli cannot be written.
    """
    with _probe(out) as probe:
        if format == "npy":
            _check_characters(item_ids, probe)
            _check_collisions(item_ids, probe)


class FilenameProbe:
    """Tests names with files in a temporary folder; each test is made once.

    Parameters
    ----------
    folder : str
        Created for the first test; must not exist.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._made = 0
        self.distinguishes = lru_cache(maxsize=1 << 16)(self._distinguishes)

    @property
    def distinguishes_all(self) -> bool:
        """Whether the file system distinguishes all names that may collide."""
        return all(self.distinguishes(*pair) for pair in TYPICAL_COLLISIONS)

    def accepts(self, name: str) -> bool:
        """Return whether a file can have this name."""
        with self._created(name) as folder:
            return folder is not None

    def _distinguishes(self, name: str, other: str) -> bool:
        """Return whether two names are two files; a name that cannot be created differs from all others."""
        with self._created(name) as folder:
            return folder is None or not os.path.lexists(os.path.join(folder, other))

    @contextlib.contextmanager
    def _created(self, name: str) -> Iterator[str | None]:
        """Create a file, and yield its folder, or None if the name is rejected."""
        # A folder for each test, because FUSE, NFS and others cache the result of a lookup for seconds.
        folder = os.path.join(self._folder, str(self._made))
        path = os.path.join(folder, name)
        with storage_errors(path):
            if not self._made:
                os.mkdir(self._folder)  # fails if it exists, since that could be a link to anywhere
            self._made += 1
            os.mkdir(folder)
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666))
            except (OSError, ValueError) as error:  # ValueError: a NUL
                if isinstance(error, OSError) and error.errno not in _REJECTED:
                    raise
                yield None
                return
            try:
                yield folder
            finally:
                os.unlink(path)


@contextlib.contextmanager
def _probe(out: str) -> Iterator[FilenameProbe]:
    folder = os.path.join(own_folder(out), "trials")
    shutil.rmtree(folder, ignore_errors=True)  # left by a killed run
    try:
        yield FilenameProbe(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_characters(ids: Iterable[str], probe: FilenameProbe) -> None:
    """Test each rare character once; an error names the first id that contains it."""
    first_with: dict[str, str] = {}
    for item_id in filter(_RARELY_ACCEPTED.search, ids):
        for character in _RARELY_ACCEPTED.findall(item_id):
            first_with.setdefault(character, item_id)
    for character, item_id in sorted(first_with.items()):
        if not probe.accepts(f"a{character}a"):
            raise ConfigError(
                f"{printable(item_id)}: the file system of OUT accepts no name with '{printable(character)}'",
                hint="rename it, choose an OUT elsewhere, or use -f hdf5, which does not name files after ids",
            )


def _check_collisions(ids: Iterable[str], probe: FilenameProbe) -> None:
    with Scratch() as scratch:
        for first, second in _possible_collisions(ids, scratch):
            if probe.distinguishes_all:
                return
            parts = zip(first.split("/"), second.split("/"), strict=False)
            if not any(one != other and probe.distinguishes(one, other) for one, other in parts):
                raise _clash(first, second)


def _possible_collisions(ids: Iterable[str], scratch: Scratch) -> Iterator[tuple[str, str]]:
    """Yield pairs of files that may be the same file, or of which the second may be where the first needs a folder."""
    folds = FoldedNames(lambda: chain(map(npy_name, ids), OWN_NAMES), scratch)
    yield from folds.collisions()
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


def _clash(first: str, second: str) -> NameClash:
    one, other = (name if name in OWN_NAMES else name.removesuffix(".npy") for name in (first, second))
    form_differs = unicodedata.normalize("NFD", one) != one or unicodedata.normalize("NFD", other) != other
    if form_differs:  # escaped, because the two may look alike
        one, other = (name.encode("unicode_escape").decode("ascii") for name in (one, other))
    if first.count("/") == second.count("/"):
        clash = f"{printable(one)} and {printable(other)} would be one file under OUT"
    else:
        clash = f"{printable(one)} would need a folder under OUT where {printable(other)} has its file"
    return NameClash(
        f"{clash}, whose file system does not distinguish them",
        hint="rename one of them, choose an OUT elsewhere, or use -f hdf5, which does not name files after ids",
    )
