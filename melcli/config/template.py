"""A commented template of a config: every key with its meaning, ready to be changed."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from melcli.config.config import SECTIONS, yaml_value
from melcli.config.named_configs import config_name, config_path
from melcli.config.resolve import resolve_config
from melcli.config.schema import SECTION_MEANINGS, key_descriptions, schema_line
from melcli.errors import ConfigError
from melcli.printable import printable

__all__ = ["template"]

WIDTH = 80


def template(base: str) -> Iterator[str]:
    """Yield the lines of a config that equals another one until somebody removes a ``#``.

    Parameters
    ----------
    base : str
        A named config.

    Raises
    ------
    ConfigError
        There is no such config.
    """
    base = _named(base)
    values = resolve_config(base).plain()
    yield schema_line()
    yield "# A config of melcli. Use it with: melcli extract INPUT... -o OUT -c FILE"
    yield f"# The values below are those of {base}."
    yield "# To change one, remove '# ' before the key and before its section."
    yield f"base: {yaml_value(base)}"
    for section, cls in SECTIONS.items():
        meanings = key_descriptions(cls)
        yield ""
        yield f"# {section}: # {SECTION_MEANINGS[section]}"
        for key, value in values[section].items():
            yield from textwrap.wrap(
                meanings.get(key, ""),
                WIDTH,
                initial_indent="#   # ",
                subsequent_indent="#   # ",
                break_long_words=False,
            )
            yield f"#   {key}: {yaml_value(value)}"


def _named(base: str) -> str:
    """Return the name of a named config, also for an alias."""
    name = config_name(base)
    if name is None:
        config_path(base)  # which refuses what is no name
        raise ConfigError(
            f"{printable(base)} is a file, and a template starts from a named config",
            hint=f"write 'base: {printable(base)}' in a new file",
        )
    return name
