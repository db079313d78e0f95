"""Names of files in OUT."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from melcli.errors import ConfigError, NameClash
from melcli.printable import printable

__all__ = [
    "CONFIG_FILE",
    "FAILURES_FILE",
    "JOURNAL_NAME",
    "MANIFEST_FILE",
    "OWN_FOLDER",
    "OWN_NAMES",
    "journal_path",
    "lock_path",
    "npy_name",
    "own_folder",
    "refuse_names",
    "shard_name",
    "shard_number",
]

MANIFEST_FILE = "manifest.jsonl"
FAILURES_FILE = "failures.jsonl"
CONFIG_FILE = "melcli.yaml"
OWN_FOLDER = ".melcli"
OWN_NAMES = (MANIFEST_FILE, FAILURES_FILE, CONFIG_FILE, OWN_FOLDER)
JOURNAL_NAME = f"{OWN_FOLDER}/journal.jsonl"
OWN_FOLDERS = tuple(f"{name}/" for name in OWN_NAMES)

MAX_SHARD_DIGITS = 12
MAX_NAME_BYTES = 255  # of one part of a path, on every common file system; eCryptfs allows 143
MAX_PATH_BYTES = 4095  # without the final NUL, on Linux
TEMPORARY_NAME_BYTES = 28  # of a file in the same folder; longer than a short final name


class _Parts(NamedTuple):
    """What is added to an id for the outputs of one input.

    Attributes
    ----------
    suffix : re.Pattern
        What is added.
    texts : tuple of str
        One of them is in each suffix.
    longest : str
        The longest usual suffix.
    keys : str
        The keys that ask for several outputs.
    """

    suffix: re.Pattern[str]
    texts: tuple[str, ...]
    longest: str
    keys: str


_DIGITS = tuple(f".{digit}" for digit in range(10))
_PARTS = {  # by whether there are channels, and chunks
    (True, False): _Parts(re.compile(r"\.ch\d+$"), (".ch",), ".ch00", "channels=each"),
    (False, True): _Parts(re.compile(r"\.\d{5,}$"), _DIGITS, ".00000", "chunk_s"),
    (True, True): _Parts(re.compile(r"\.\d{5,}\.ch\d+$"), (".ch",), ".00000.ch00", "chunk_s and channels=each"),
}


def refuse_names(
    item_ids: Collection[str],
    format: str,
    *,
    out: str | None = None,
    each_channel: bool = False,
    has_chunks: bool = False,
    suspects: Callable[[Sequence[str], int], Iterable[str]] | None = None,
) -> None:
    """Refuse ids that cannot be names in OUT, before any work.

    Parameters
    ----------
    item_ids : collection of str
        Ids of all items.
    format : str
        Only ``npy`` names files after ids.
    out : str, optional
        OUT, which need not exist.  Its file system limits the length of names, and its path shortens the others.
    each_channel : bool
        Whether outputs are named ``ID.ch0``, ``ID.ch1``.  The limit allows for a hundred of them.
    has_chunks : bool
        Whether outputs are named ``ID.00000``, ``ID.00001``, with the channel after it.  The limit allows for 100,000.
    suspects : callable, optional
        Returns the ids that contain one of the given texts or have more than a number of bytes; None: all ids.

    Raises
    ------
    ConfigError
        A part of a file's name, or its whole path, would be too long.
    NameClash
        An id leads into a file of OUT itself, or into a folder that is another item's file; or the row of a failed
        item would have the same id as a channel or a chunk of another one.
    """
    find = (lambda texts, num_bytes: item_ids) if suspects is None else suspects
    parts = _PARTS.get((each_channel, has_chunks))
    if parts is not None:
        _refuse_ids_of_parts(find(parts.texts, MAX_PATH_BYTES), item_ids, parts)
    if format != "npy":
        return
    limits = _NameLimits.under(out, f"{parts.longest if parts else ''}.npy")
    for item_id in find([".npy/", *OWN_FOLDERS], limits.safe_id_bytes):
        limits.check(item_id)
        _refuse_folder(item_id, item_ids, parts)


def _refuse_ids_of_parts(suspects: Iterable[str], known: Collection[str], parts: _Parts) -> None:
    for item_id in suspects:
        owner = parts.suffix.sub("", item_id)
        if owner != item_id and owner in known:
            raise NameClash(
                f"with {parts.keys} an output of {printable(owner)} may be named {printable(item_id)}, "
                "like another input",
                hint="rename one of them, or use --keep-extension",
            )


def _refuse_folder(item_id: str, known: Collection[str], of_items: _Parts | None) -> None:
    """Refuse an id that needs a folder with the name of a file."""
    parts = item_id.split("/")
    if len(parts) > 1 and parts[0] in OWN_NAMES:
        raise NameClash(f"{printable(item_id)}: OUT reserves {parts[0]}", hint="rename that folder")
    for depth in range(1, len(parts)):
        folder = "/".join(parts[:depth])
        if not folder.endswith(".npy"):
            continue
        other = folder.removesuffix(".npy")
        owner = other if of_items is None else of_items.suffix.sub("", other)
        if owner in known and (owner != other or of_items is None):
            raise NameClash(
                f"{printable(item_id)} needs a folder where {printable(owner)} has its file",
                hint="rename one of them",
            )


@dataclass(frozen=True, slots=True)
class _NameLimits:
    """Limits for the lengths of names and paths, and the ending that is added to an id."""

    name_bytes: int
    path_bytes: int  # below OUT
    limit_bytes: int
    ending: str

    @classmethod
    def under(cls, out: str | None, ending: str) -> _NameLimits:
        if out is None:
            return cls(MAX_NAME_BYTES, MAX_PATH_BYTES, MAX_PATH_BYTES, ending)
        path = os.path.abspath(out)
        existing = path
        while not os.path.lexists(existing) and existing != os.path.dirname(existing):
            existing = os.path.dirname(existing)
        limit = _limit(existing, "PC_PATH_MAX", MAX_PATH_BYTES + 1) - 1
        used = len(os.fsencode(os.path.join(path, "")))
        return cls(_limit(existing, "PC_NAME_MAX", MAX_NAME_BYTES), limit - used, limit, ending)

    @property
    def safe_id_bytes(self) -> int:
        """Maximum bytes of an id that is never too long, whatever its parts."""
        return min(self.name_bytes, self.path_bytes - TEMPORARY_NAME_BYTES) - len(self.ending)

    def check(self, item_id: str) -> None:
        """Raise ConfigError if an id is too long."""
        folder, _, name = f"{item_id}{self.ending}".rpartition("/")
        longest = max(len(os.fsencode(part)) for part in (*folder.split("/"), name))
        if longest > self.name_bytes:
            raise ConfigError(
                f"{printable(item_id)}: a name has {longest} bytes, but file systems allow {self.name_bytes}"
            )
        folder_bytes = len(os.fsencode(folder)) + 1 if folder else 0
        path_bytes = folder_bytes + max(len(os.fsencode(name)), TEMPORARY_NAME_BYTES)
        if path_bytes > self.path_bytes:
            whole = path_bytes - self.path_bytes + self.limit_bytes
            raise ConfigError(
                f"{printable(item_id)}: a path under OUT has {whole} bytes, but the system allows {self.limit_bytes}",
                hint="choose an OUT with a shorter path",
            )


def _limit(path: str, name: str, usual_bytes: int) -> int:
    """Ask the file system for a limit, but accept at most the usual one: for FAT, Linux reports 1530."""
    try:
        limit = os.pathconf(path, name)
    except (OSError, ValueError):
        return usual_bytes
    return min(limit, usual_bytes) if limit > 0 else usual_bytes


def own_folder(out: str) -> str:
    """Return the folder for melcli's own files, which users do not need."""
    return os.path.join(out, OWN_FOLDER)


def lock_path(out: str) -> str:
    """Return the file that a run locks."""
    return os.path.join(own_folder(out), "lock")


def journal_path(out: str) -> str:
    """Return the journal of a run that is in progress or was killed."""
    return os.path.join(out, JOURNAL_NAME)


def npy_name(item_id: str) -> str:
    """Return the file of one item, relative to OUT."""
    return f"{item_id}.npy"


def shard_name(number: int) -> str:
    """Return the file of one shard, relative to OUT."""
    return f"features-{number:05d}.h5"


def shard_number(name: str) -> int | None:
    """Return the number in a shard's name, or None for any other name."""
    digits = name.removeprefix("features-").removesuffix(".h5")
    if len(digits) > MAX_SHARD_DIGITS or not digits.isdecimal():
        return None
    return int(digits) if name == shard_name(int(digits)) else None
