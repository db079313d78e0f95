"""The JSON Schema of a config, for editors and other programs, and what the keys mean."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from melcli.config.config import MADE_BY, SECTIONS, Config
from melcli.config.named_configs import configs_folder
from melcli.config.normalization import NORMALIZED_KEYS
from melcli.mel.options import ABOVE_ZERO, NOT_NEGATIVE, SIZES
from melcli.options import key_types

__all__ = ["SCHEMA_FILE", "key_descriptions", "schema", "schema_line"]

SCHEMA_FILE = "melcli.schema.json"  # in the folder of the named configs
DIALECT = "https://json-schema.org/draft/2020-12/schema"
SECTION_MEANINGS = {
    "audio": "How files are read.",
    "features": "How features are computed.",
    "output": "How features are stored.",
}
_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string", type(None): "null"}


def schema() -> dict[str, Any]:
    """Return the schema of a config file: every section and key, with its type, range, default and meaning."""
    defaults = Config().plain()
    sections = {
        name: {
            "type": "object",
            "description": SECTION_MEANINGS[name],
            "additionalProperties": False,
            "properties": {key: _key(name, key, defaults[name][key]) for key in key_types(cls)},
        }
        for name, cls in SECTIONS.items()
    }
    return {
        "$schema": DIALECT,
        "title": "Config of melcli",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "base": {
                "type": "string",
                "description": "Another config, by name or by file, whose values it starts from.",
            },
            **sections,
            MADE_BY: {"type": "object", "description": "Written by melcli into OUT; it changes nothing."},
        },
    }


def schema_line() -> str:
    """Return the comment that names the schema to an editor with the YAML language server."""
    return f"# yaml-language-server: $schema={(configs_folder() / SCHEMA_FILE).as_uri()}"


def key_descriptions(cls: type[Any]) -> dict[str, str]:
    """Read the meaning of each key from the docstring of its options.

    Parameters
    ----------
    cls : type
        Options of a section.

    Returns
    -------
    meanings : dict of str to str
        Empty if Python runs without docstrings.
    """
    meanings: dict[str, str] = {}
    keys: list[str] = []
    for line in (inspect.getdoc(cls) or "").partition("Attributes\n----------\n")[2].splitlines():
        if heading := re.fullmatch(r"([a-z_, ]+) : .*", line):
            keys = heading[1].split(", ")
        elif not line.startswith("    "):
            break
        else:
            meanings |= {key: f"{meanings.get(key, '')} {line.strip()}".strip() for key in keys}
    return {key: _in_yaml_words(text) for key, text in meanings.items()}


def _in_yaml_words(text: str) -> str:
    """Write a docstring as a user of YAML would read it."""
    for python, plain in (("``", "'"), ("None", "null"), ("True", "true"), ("False", "false"), ("  ", " ")):
        text = text.replace(python, plain)
    return re.sub(r"[;,]? ?\(?see `[\w.]+`\)?", "", text).replace("`", "'")


def _key(section: str, key: str, default: Any) -> dict[str, Any]:
    cls = SECTIONS[section]
    choices = [*_choices(key_types(cls)[key])]
    if section == "features" and key in NORMALIZED_KEYS:
        choices.append({"type": "string", "pattern": "[./]"})  # the path of a file with the numbers
    made = choices[0] if len(choices) == 1 else {"anyOf": choices}
    meaning = key_descriptions(cls).get(key)
    described = {"description": meaning} if meaning else {}
    return {**described, **made, **(_range(key) if section == "features" else {}), "default": default}


def _choices(wanted: Any) -> Iterator[dict[str, Any]]:
    """Yield a schema for each kind of value that an annotation allows."""
    origin = get_origin(wanted)
    if origin in (Union, UnionType):
        for member in get_args(wanted):
            yield from _choices(member)
    elif origin is Literal:
        yield {"enum": list(get_args(wanted))}
    elif origin is tuple:
        members = get_args(wanted)
        items: dict[str, Any] = {"type": "array", "items": {"type": _TYPES[members[0]]}}
        yield items if members[-1] is Ellipsis else {**items, "minItems": len(members), "maxItems": len(members)}
    else:
        yield {"type": _TYPES[wanted]}


def _range(key: str) -> dict[str, float]:
    """Return the limits of a number; they do not concern words, lists and null."""
    if key in SIZES:
        least, most = SIZES[key]
        return {"minimum": least, "maximum": most}
    if key in ABOVE_ZERO:
        return {"exclusiveMinimum": 0}
    return {"minimum": 0} if key in NOT_NEGATIVE else {}


def schema_path() -> Path:
    """Return the file of the schema that comes with melcli."""
    return configs_folder() / SCHEMA_FILE
