"""The request to read a table."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal, NamedTuple, get_args

from melcli.opening import inherited_descriptor

__all__ = ["FORMATS", "FORMAT_BY_EXTENSION", "ROLES", "Format", "Role", "TableRequest"]

Format = Literal["csv", "tsv", "pipe", "space", "jsonl"]
FORMATS: tuple[Format, ...] = get_args(Format)
FORMAT_BY_EXTENSION: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".psv": "pipe",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",  # usual for NeMo's manifests
}
Role = Literal["path", "id", "start", "end", "duration", "channel"]
ROLES: tuple[Role, ...] = get_args(Role)


class TableRequest(NamedTuple):
    """A table to read; ``tuple(request)`` has only types that `marshal` supports.

    Attributes
    ----------
    path : str
        A file, which may be compressed by gzip, or ``-`` for standard input.
    format : str or None
        One of `FORMATS`; None: by the extension, or by the first line if the extension is another one.
    columns : tuple of (str, str)
        Names and the columns that they stand for.  A name of `ROLES` says where that value is; an empty column says
        that the table does not have it.  Any other name replaces the column's own in `Record.columns`.  A number
        counts columns from 1, for tables without a header.
    root : str or None
        Folder that relative paths start at; None: the folder of the table, and the current folder for standard input.
    path_template : str or None
        Makes the path from columns: ``wavs/{id}.wav``.
    keep_extension : bool
        Whether ids that are derived from paths keep the extension.
    """

    path: str
    format: Format | None = None
    columns: tuple[tuple[str, str], ...] = ()
    root: str | None = None
    path_template: str | None = None
    keep_extension: bool = False

    @property
    def is_inherited(self) -> bool:
        """Whether it is standard input or another descriptor of this process only."""
        with suppress(OSError):
            return self.path == "-" or inherited_descriptor(self.path) is not None
        return True
