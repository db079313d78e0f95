"""Names of what stands under OUT."""

from __future__ import annotations

import os
from collections.abc import Iterable

from melcli.errors import ConfigError, NameClash
from melcli.printable import printable

__all__ = [
    "CONFIG_FILE",
    "FAILURES_FILE",
    "MANIFEST_FILE",
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
OWN_FOLDERS = tuple(f"{name}/" for name in OWN_NAMES)

LONGEST_NAME_BYTES = 255  # of one part of a path, on every file system in wide use
SURELY_SHORT = (LONGEST_NAME_BYTES - len(".npy")) // 4  # characters: none takes more than 4 bytes


def refuse_names(item_ids: Iterable[str], format: str) -> None:
    """Refuse ids that cannot stand under OUT, before any work.

    Raises
    ------
    ConfigError
        A part of a file's name would be too long.
    NameClash
        An id leads into one of OUT's own files, or into a folder that is another item's file.
    """
    if format != "npy":
        return
    ids = list(item_ids)
    odd = sorted(filter(_needs_a_look, ids))
    known = set(ids) if odd else set()
    for item_id in odd:
        parts = npy_name(item_id).split("/")
        longest = max(len(os.fsencode(part)) for part in parts)
        if longest > LONGEST_NAME_BYTES:
            shown = printable(item_id)
            raise ConfigError(
                f"{shown}: a name of {longest} bytes is over the {LONGEST_NAME_BYTES} that file systems allow"
            )
        if parts[0] in OWN_NAMES:
            raise NameClash(f"{printable(item_id)}: OUT keeps {parts[0]} for itself; rename that folder")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder.endswith(".npy") and folder.removesuffix(".npy") in known:
                other = printable(folder.removesuffix(".npy"))
                raise NameClash(f"{printable(item_id)} needs a folder where {other} has its file; rename one of them")


def _needs_a_look(item_id: str) -> bool:
    """Tell whether an id could be refused at all: 0.3 us, a tenth of what looking at its parts takes."""
    long = len(item_id) > SURELY_SHORT and len(os.fsencode(npy_name(item_id))) > LONGEST_NAME_BYTES
    return long or ".npy/" in item_id or item_id.startswith(OWN_FOLDERS)


def own_folder(out: str) -> str:
    """Return the folder that holds nothing that a user needs."""
    return os.path.join(out, OWN_FOLDER)


def lock_path(out: str) -> str:
    """Return the file that a run locks."""
    return os.path.join(own_folder(out), "lock")


def journal_path(out: str) -> str:
    """Return the journal of the run that goes on, or that was killed."""
    return os.path.join(own_folder(out), "journal.jsonl")


def npy_name(item_id: str) -> str:
    """Return the file of one item, relative to OUT."""
    return f"{item_id}.npy"


def shard_name(number: int) -> str:
    """Return the file of one shard, relative to OUT."""
    return f"features-{number:05d}.h5"


def shard_number(name: str) -> int | None:
    """Return the number in a shard's name, or None for any other name."""
    digits = name.removeprefix("features-").removesuffix(".h5")
    return int(digits) if digits.isdecimal() and name == shard_name(int(digits)) else None
