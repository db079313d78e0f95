"""Options that say which tables to read, and how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from melcli.addresses import refuse_url
from melcli.errors import ConfigError
from melcli.options import check_types
from melcli.printable import printable
from melcli.sources.tables.path_template import PathTemplate
from melcli.sources.tables.request import ROLES, Format, TableRequest

__all__ = ["TableOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """Tables of recordings and pieces.

    Attributes
    ----------
    tables : tuple of str
        Files, or ``-`` for standard input.  The other options hold for all of them.
    table_format : str or None
        One of `melcli.sources.tables.request.FORMATS`; None: by extension or first line.
    columns : tuple of str
        ``NAME=COLUMN``; see `TableRequest.columns`.
    root : str or None
        Folder that relative paths start at.
    path_template : str or None
        Makes the path from columns.
    """

    tables: tuple[str, ...] = ()
    table_format: Format | None = None
    columns: tuple[str, ...] = ()
    root: str | None = None
    path_template: str | None = None

    def __post_init__(self) -> None:
        check_types(self)
        for table in self.tables:
            if not table:
                raise ConfigError("--table is empty: it is the name of a file, or - for standard input", key="tables")
            refuse_url("table", table)
        if self.tables.count("-") > 1:
            raise ConfigError("--table -: standard input can be read once only", key="tables")
        if self.root is not None:
            if not self.root:
                raise ConfigError("--root is empty: it is a folder; the current one is .", key="root")
            refuse_url("--root", self.root)
        if self.path_template is not None:
            PathTemplate(self.path_template)
        self._pairs()
        if not self.tables:
            self._refuse_without_tables()

    def requests(self, *, keep_extension: bool) -> Iterator[TableRequest]:
        """Yield a request for each table.

        Parameters
        ----------
        keep_extension : bool
            Whether ids that are derived from paths keep the extension.
        """
        for table in self.tables:
            yield TableRequest(
                table, self.table_format, self._pairs(), self.root, self.path_template, keep_extension=keep_extension
            )

    def _pairs(self) -> tuple[tuple[str, str], ...]:
        pairs: dict[str, str] = {}
        for given in self.columns:
            name, equals, column = given.partition("=")
            if not equals or not name:
                raise ConfigError(
                    f"--column {printable(given)}: it must be NAME=COLUMN, such as path=clip", key="columns"
                )
            if name in pairs:
                raise ConfigError(f"--column {printable(given)}: {printable(name)} is given twice", key="columns")
            if name not in ROLES:
                _check_name(name, column, given)
            pairs[name] = column
        return tuple(pairs.items())

    def _refuse_without_tables(self) -> None:
        """Refuse options that would have no effect; a Kaldi folder is read without a table, and has a root."""
        given = {
            "--table-format": self.table_format is not None,
            "--column": bool(self.columns),
            "--path-template": self.path_template is not None,
        }
        for option, is_given in given.items():
            if is_given:
                raise ConfigError(f"{option} needs a --table", key="tables")


def _check_name(name: str, column: str, given: str) -> None:
    """Check the name of a column that is carried along: a misspelled role would be one."""
    import difflib

    roles = ", ".join(ROLES)
    if not column:
        raise ConfigError(f"--column {printable(given)}: only {roles} can be without a column", key="columns")
    near = difflib.get_close_matches(name.lower(), ROLES, n=1, cutoff=0.75)
    if near:
        raise ConfigError(
            f"--column {printable(given)}: {printable(name)!r} is too similar to {near[0]!r} to be another column",
            key="columns",
            hint=printable(f"write {near[0]}={column}, or choose another name"),
        )
