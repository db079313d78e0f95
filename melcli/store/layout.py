"""Names of what stands under OUT."""

from __future__ import annotations

import os

__all__ = [
    "CONFIG_FILE",
    "FAILURES_FILE",
    "MANIFEST_FILE",
    "journal_path",
    "lock_path",
    "npy_name",
    "own_folder",
    "shard_name",
    "shard_number",
]

MANIFEST_FILE = "manifest.jsonl"
FAILURES_FILE = "failures.jsonl"
CONFIG_FILE = "melcli.yaml"


def own_folder(out: str) -> str:
    """Return the folder that holds nothing that a user needs."""
    return os.path.join(out, ".melcli")


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
