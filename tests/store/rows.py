"""Rows to write, and names that file systems allow and programs fear."""

from __future__ import annotations

import os

from melcli.store.manifest import Row

__all__ = ["ODD_IDS", "make_row", "names_below"]

ODD_IDS = [
    "a",
    "a.b.c",
    "x/y/z",
    "new\nline",
    "tab\tand\x1b[31mred",
    "quote\"and'more",
    "back\\slash",
    " ",
    "naïve Ωμέγα/音声",
    "👩‍👩‍👧",
    "\u202evaw",
    os.fsdecode(b"latin-1 \xe9\xff"),
    os.fsdecode(b"\x80/half of \xe9\x9f"),
    "n" * 251,  # and .npy: the longest name that there is
    "-rf *",
    "\ufeff",
]


def make_row(id: str = "a", **known) -> Row:
    """Return a row that says ``ok`` of an item, and otherwise as little as a row can."""
    least = {"source": f"{id}.wav", "status": "ok", "source_size": 1, "source_mtime_ns": 2, "config_id": "0" * 16}
    return Row(id=id, **{**least, **known})


def names_below(folder) -> set[str]:
    """Return every file below a folder, and every link to one, as paths relative to it."""
    return {os.path.relpath(os.path.join(above, name), folder) for above, _, names in os.walk(folder) for name in names}
