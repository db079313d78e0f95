"""Say where the values of a row are: roles, placeholders of the path, and the columns that are carried along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from melcli.errors import ConfigError
from melcli.printable import printable
from melcli.sources.bounds import Rounding
from melcli.sources.tables.column_names import find_column, find_roles
from melcli.sources.tables.path_template import PathTemplate
from melcli.sources.tables.request import ROLES, Role

__all__ = ["Layout", "layout_of"]

Key = TypeVar("Key", int, str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout(Generic[Key]):
    """Where the values of a row are.

    Attributes
    ----------
    roles : Mapping
        Role to key: a position in a list of cells, or a name in a JSON object.
    names : Mapping
        Role to the name of its column, for messages.
    placeholders : Mapping
        Placeholder of the template to key.
    carried : sequence of (str, key)
        The columns of `Record.columns`, and their keys: all but path, id, start, end and channel.
    """

    roles: Mapping[Role, Key]
    names: Mapping[Role, str]
    placeholders: Mapping[str, Key]
    carried: Sequence[tuple[str, Key]]

    @property
    def rounding(self) -> Rounding:
        """Truncation for the columns ``offset`` and ``duration`` of NeMo, otherwise rounding."""
        is_nemo = self.names.get("start", "").strip().lower() == "offset" and "duration" in self.roles
        return "truncate" if is_nemo else "nearest"

    def by_name(self, names: Sequence[str]) -> Layout[str]:
        """Return the layout of objects with these names instead of cells."""
        return Layout(
            roles={role: names[int(position)] for role, position in self.roles.items()},
            names=self.names,
            placeholders={name: names[int(position)] for name, position in self.placeholders.items()},
            carried=[(name, names[int(position)]) for name, position in self.carried],
        )


def layout_of(
    names: Sequence[str], wanted: Mapping[str, str], template: PathTemplate | None, *, has_header: bool = True
) -> Layout[int]:
    """Return the layout of a table.

    Parameters
    ----------
    names : sequence of str
        Names of the columns; numbers from 1 if there is no header.
    wanted : Mapping
        `TableRequest.columns`.
    template : PathTemplate or None
        Its placeholders are names of ``wanted`` or columns.
    has_header : bool
        Whether usual names count.

    Raises
    ------
    ConfigError
        A column is missing, or two have one role or one name.
    """
    roles = find_roles(names, wanted, is_path_needed=template is None, has_header=has_header)
    placeholders = {} if template is None else _placeholders(names, wanted, template)
    carried: list[str | None] = list(names)
    for name, column in wanted.items():
        if name not in ROLES:
            carried[find_column(names, column, f"--column {name}={column}")] = name
    for role, position in roles.items():
        if role != "duration":
            carried[position] = None
    named = [(name, position) for position, name in enumerate(carried) if name is not None]
    if len(dict(named)) < len(named):
        again = next(name for name, position in named if dict(named)[name] != position)
        raise ConfigError(f"two columns would have the name {printable(repr(again))}: choose another in --column")
    return Layout(
        roles=roles,
        names={role: names[position] for role, position in roles.items()},
        placeholders=placeholders,
        carried=named,
    )


def _placeholders(names: Sequence[str], wanted: Mapping[str, str], template: PathTemplate) -> dict[str, int]:
    return {name: find_column(names, wanted.get(name) or name, template.where) for name in template.columns}
