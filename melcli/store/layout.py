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


LONGEST_NAME_BYTES = 255  # of one part of a path, on every file system in wide use


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
    ids = set(item_ids)
    for item_id in sorted(ids):
        parts = npy_name(item_id).split("/")
        longest = max(len(os.fsencode(part)) for part in parts)
        if longest > LONGEST_NAME_BYTES:
            shown = printable(item_id)
            raise ConfigError(
                f"{shown}: a name of {longest} bytes is over the {LONGEST_NAME_BYTES} that file systems allow"
            )
        if parts[0] in {MANIFEST_FILE, FAILURES_FILE, CONFIG_FILE, OWN_FOLDER}:
            raise NameClash(f"{printable(item_id)}: OUT keeps {parts[0]} for itself; rename that folder")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder.endswith(".npy") and folder.removesuffix(".npy") in ids:
                other = printable(folder.removesuffix(".npy"))
                raise NameClash(f"{printable(item_id)} needs a folder where {other} has its file; rename one of them")


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
