"""Strict reading of one YAML document into settings that know their position.

YAML is read as its version 1.2 has it, not as PyYAML's 1.1: ``1e-10`` is a number, ``no`` is text, ``017`` is 17.
Aliases, anchors and tags are refused (a config of 400 bytes can otherwise stand for gigabytes), and so is a key that
stands twice, which PyYAML lets pass in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from melcli.errors import ConfigError
from melcli.printable import printable

__all__ = ["MAX_BYTES", "Setting", "pyyaml_version", "read_document", "read_value"]

# The largest sensible config, a window of 16,384 numbers written in full, is smaller.  PyYAML takes up to 20 us a value
# and 1.5 us a byte, so that the largest one is read or refused in less than a second.
MAX_BYTES = 400_000
MAX_VALUES = 20_000  # keys included
MAX_DEPTH = 4
MAX_LETTERS = 4096  # of a key or a word; the longest path that Linux takes.  Refusals show the word
# What a key of the top level can be.  Of a file that holds others a refusal shows nothing: it is no config, and
# MELCLI_CONFIG may name any file, whose lines do not belong in a log.
KEY = re.compile(r"[\w.-]{1,64}")
MAX_DIGITS = 100  # of a number; Python itself refuses to read or write integers of more than 4,300

QUOTED_HANDLE = re.compile(r"tag handle '.*'")  # all of a file's content that PyYAML quotes, but for single characters

# The scalars of YAML 1.2's core schema, section 10.3.2.
CORE_SCHEMA: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (re.compile(r"null|Null|NULL|~|"), lambda text: None),
    (re.compile(r"true|True|TRUE"), lambda text: True),
    (re.compile(r"false|False|FALSE"), lambda text: False),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text, 16)),
    (re.compile(r"0o[0-7]+"), lambda text: int(text, 8)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), lambda text: float(text.replace(".", ""))),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it was set, as a user would look for it: ``my.yaml:3``, ``--set``, ``default``."""

    value: Any
    origin: str


def read_document(text: str, where: str) -> dict[str, Setting]:
    """Read a config's text into settings by dotted key: ``base``, ``features.num_mel_bins``.

    An empty section is a setting too, with an empty mapping as its value.

    Parameters
    ----------
    text : str
        A mapping of at most two levels, or nothing.
    where : str
        The file's name, which every refusal and every origin opens with.

    Raises
    ------
    ConfigError
        With file, line and what is wrong.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{where}: {len(text)} characters; a config holds at most {MAX_BYTES}")
    root = _compose(text, where)
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{_at(where, root)}: a config is a mapping, such as 'features: {{num_mel_bins: 80}}'")
    _refuse_other_content(root, where)
    settings: dict[str, Setting] = {}
    for key, node in _items(root, where):
        if "." in key:  # otherwise a key could stand twice, once so and once below its section
            raise ConfigError(
                f"{_at(where, node)}: unknown key {printable(repr(key))}", hint="write it below its section"
            )
        if isinstance(node, yaml.MappingNode):
            if not node.value:  # an empty section has to be a known one all the same
                settings[key] = Setting({}, _at(where, node))
            for inner, leaf in _items(node, where):
                settings[f"{key}.{inner}"] = Setting(_plain(leaf, where), _at(where, leaf))
        else:
            settings[key] = Setting(_plain(node, where), _at(where, node))
    return settings


def read_value(text: str, where: str) -> Any:
    """Read one value as a config would: a scalar, or a list in brackets."""
    node = _compose(text, where)
    return None if node is None else _plain(node, where)


def _refuse_other_content(root: yaml.MappingNode, where: str) -> None:
    for key_node, _ in root.value:
        if isinstance(key_node, yaml.ScalarNode) and not KEY.fullmatch(key_node.value):
            raise ConfigError(f"{_at(where, key_node)}: not a config: a key is a word, such as 'features'")


class _StrictLoader(yaml.SafeLoader):
    """Composes nodes without resolving their types, and refuses what a config has no use for."""

    depth = 0
    num_values = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        for what in ("anchor", "tag"):
            if getattr(event, what, None) is not None:
                name = "aliases and anchors" if what == "anchor" else "tags"
                raise yaml.MarkedYAMLError(problem=f"{name} are not allowed", problem_mark=event.start_mark)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=event.start_mark)
        self.num_values += 1
        if self.num_values > MAX_VALUES:
            too_many = f"more than {MAX_VALUES} keys and values"
            raise yaml.MarkedYAMLError(problem=too_many, problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _compose(text: str, where: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = QUOTED_HANDLE.sub("tag handle", str(error.problem))
        if "'\\t'" in problem:
            raise ConfigError(f"{where}{line}: a tab where YAML takes only spaces", hint="indent with spaces") from None
        raise ConfigError(f"{where}{line}: {printable(problem)}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the latter two for escapes beyond Unicode
        first_line = str(error).partition("\n")[0]  # the second one says where in "<unicode string>"
        raise ConfigError(f"{where}: not YAML: {printable(first_line)}") from None


def _items(mapping: yaml.MappingNode, where: str) -> Iterator[tuple[str, yaml.Node]]:
    seen: dict[str, int] = {}
    for key_node, node in mapping.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise ConfigError(f"{_at(where, key_node)}: a key must be a word")
        key = _word(key_node, where)
        if key in seen:
            twice = f"key {printable(repr(key))} stands twice, first in line {seen[key]}"
            raise ConfigError(f"{_at(where, key_node)}: {twice}")
        seen[key] = key_node.start_mark.line + 1
        yield key, node


def _plain(node: yaml.Node, where: str) -> Any:
    """Turn a leaf into a Python value: a scalar of the core schema, or a list of them."""
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, where) for item in node.value]
    if not isinstance(node, yaml.ScalarNode):
        raise ConfigError(f"{_at(where, node)}: a value is a number, a word, null or a list, not a mapping")
    if node.style is not None:  # quoted: always text
        return _word(node, where)
    for pattern, convert in CORE_SCHEMA:
        if pattern.fullmatch(node.value):
            if len(node.value) > MAX_DIGITS:
                raise ConfigError(
                    f"{_at(where, node)}: a number of {len(node.value)} digits; at most {MAX_DIGITS} are read"
                )
            return convert(node.value)
    return _word(node, where)


def _word(node: yaml.ScalarNode, where: str) -> str:
    word: str = node.value
    if len(word) > MAX_LETTERS:
        raise ConfigError(f"{_at(where, node)}: a word of {len(word)} letters; at most {MAX_LETTERS} are read")
    return word


def _at(where: str, node: yaml.Node) -> str:
    return f"{where}:{node.start_mark.line + 1}"


def pyyaml_version() -> str:
    """Return the version of the library that parses."""
    return str(yaml.__version__)
