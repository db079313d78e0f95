"""Make paths from columns: ``wavs/{id}.wav``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any

from melcli.errors import ConfigError
from melcli.printable import printable

__all__ = ["PathTemplate"]


class PathTemplate:
    """A template whose placeholders are names of columns; ``{{`` and ``}}`` are braces.

    Parameters
    ----------
    text : str

    Attributes
    ----------
    columns : tuple of str
        Names of the placeholders.

    Raises
    ------
    ConfigError
        The braces do not match, a placeholder is not a name, or there is none.
    """

    def __init__(self, text: str) -> None:
        self.where = f"--path-template {printable(text)}"
        self._parts: list[tuple[str, str | None]] = []  # text, then the name of a placeholder
        try:
            for literal, name, spec, conversion in Formatter().parse(text):
                if name is not None and (not name or spec or conversion):
                    raise ConfigError(f"{self.where}: a placeholder is the name of a column, such as {{id}}")
                self._parts.append((literal, name))
        except ValueError as error:
            raise ConfigError(
                f"{self.where}: {error}: braces enclose names of columns", hint="write {{ and }} for braces in names"
            ) from error
        self.columns = tuple(name for _, name in self._parts if name is not None)
        if not self.columns:
            raise ConfigError(f"{self.where}: it has no placeholder, so all rows would have one path")

    def fill(self, row: Sequence[Any] | Mapping[Any, Any], keys: Mapping[str, Any]) -> str:
        """Return the path of a row.

        Parameters
        ----------
        row : sequence or Mapping
            The values of a row.
        keys : Mapping
            The key of ``row`` for each placeholder.

        Raises
        ------
        ConfigError
            A value is empty or no text or whole number.
        """
        path = ""
        for literal, name in self._parts:
            path += literal
            if name is not None:
                value = row[keys[name]]
                if value == "" or type(value) not in (str, int):
                    raise ConfigError(f"{printable(name)}={printable(repr(value))}: {self.where} needs a text")
                path += str(value)
        return path
