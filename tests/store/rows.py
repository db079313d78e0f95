"""Rows to write, and names that file systems allow but programs often mishandle."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

from melcli.scratch import Scratch
from melcli.store.history import read_history
from melcli.store.journal import PlannedShard, read_journal
from melcli.store.lines import Lines
from melcli.store.manifest import read_lines
from melcli.store.rows import FailedRow, OkRow, Row, read_row, row_of

__all__ = ["ODD_IDS", "journal_of", "make_row", "names_below", "read_manifest", "rows_of"]

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
    "n" * 251,  # and .npy: the longest possible name
    "-rf *",
    "\ufeff",
]


FAILED_FIELDS = {field.name for field in fields(FailedRow)}


def make_row(id: str = "a", *, status: str = "ok", **known: Any) -> Any:
    """Return a row with the given fields, and otherwise the minimum of a valid row.

    For a failed row, the fields of an output are dropped.
    """
    least = {"source": f"{id}.wav", "source_size": 1, "source_mtime_ns": 2, "config_id": "0" * 16}
    if status == "failed":
        plain = {**least, "reason": "empty", "message": f"{id}.wav: it is empty", **known}
        return FailedRow(id=id, **{name: value for name, value in plain.items() if name in FAILED_FIELDS})
    output = {
        "path": f"{id}.npy",
        "output_size": 132,
        "dtype": "float32",
        "crc32": "0" * 8,
        "num_frames": 1,
        "num_features": 1,
        "min": 0.0,
        "max": 0.0,
        "mean": 0.0,
    }
    return OkRow(id=id, **{**least, **output, **known})


def journal_of(out: str, tell: Callable[[str], None] | None = None) -> tuple[list[Row], list[PlannedShard]] | None:
    """Return the rows and the shards of a journal, in its order."""
    with Scratch() as scratch:
        lines = Lines(scratch)
        shards = read_journal(out, lines, tell)
        rows = [row_of(json.loads(lines.text(number))) for number in range(len(lines))]
        lines.close()
        return None if shards is None else (rows, shards)


def read_manifest(out: str | os.PathLike[str]) -> Iterator[Row]:
    """Read the rows of a manifest."""
    return read_lines(os.fspath(out), lambda text: read_row(text))


def rows_of(out: str | os.PathLike[str]) -> list[Row]:
    """Return the newest rows of OUT: those of the manifest, then those of the journal."""
    with Scratch() as scratch:
        entries = read_history(os.fspath(out), scratch).entries()
        return [row_of(json.loads(entry.text)) for entry in entries]


def names_below(folder) -> set[str]:
    """Return all files and links to files below a folder, as relative paths."""
    return {os.path.relpath(os.path.join(above, name), folder) for above, _, names in os.walk(folder) for name in names}
