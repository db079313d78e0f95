"""Strict options: frozen dataclasses that are always valid.

A stage keeps its options as a frozen, keyword-only dataclass next to its code, and calls `check_types` first in
``__post_init__``.  Values are not converted silently, with two exceptions: an int is accepted for a float and a list
for a tuple, since YAML and JSON do not distinguish them.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import types
from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import cache
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from melcli.errors import ConfigError
from melcli.unknown_keys import refuse_unknown
from melcli.value_hints import hint_for_value, type_in_words

__all__ = [
    "check_types",
    "fingerprint",
    "identity",
    "key_types",
    "neutral",
    "read_options",
    "to_plain",
]

Options = TypeVar("Options")

_INVALID = object()
_YAML_WORDS = {None: "null", True: "true", False: "false"}
_NEUTRAL = "neutral"  # key in a field's metadata


def read_options(cls: type[Options], raw: Mapping[str, Any], where: str) -> Options:
    """Build frozen options from plain values.

    Parameters
    ----------
    cls : type
        A dataclass that calls `check_types`.
    raw : Mapping
        Values by key, as read from YAML or JSON.
    where : str
        Beginning of error messages: a file and a section.

    Raises
    ------
    ConfigError
        An unknown key, a wrong type, or a value that violates a rule of ``cls``.
    """
    known = key_types(cls)
    for key in raw:
        refuse_unknown(key, known, where)
    try:
        return cls(**raw)
    except ConfigError as refusal:
        raise refusal.at(where) from None


def check_types(options: Any) -> None:
    """Check every field of a frozen dataclass against its annotation; convert ints to floats and lists to tuples.

    Raises
    ------
    ConfigError
        With the key, the value, its type and the expected type.
    """
    for (key, expected), exact in zip(key_types(type(options)).items(), _exact_types(type(options)), strict=True):
        value = getattr(options, key)
        if type(value) in exact.types or (type(value) is str and value in exact.words):
            # The rest would take 0.3 ms for the section of features, which a search creates 20,000 times.
            converted = value
        else:
            converted = _convert(value, expected)
        if converted is _INVALID:
            raise ConfigError(
                f"{key}={_shown(value)} must be {type_in_words(expected)}",
                key=key,
                hint=hint_for_value(key, value, expected),
            )
        for number in converted if isinstance(converted, tuple) else (converted,):
            if isinstance(number, float) and not math.isfinite(number):
                raise ConfigError(f"{key}={number!r} must be finite", key=key)
        # Adding 0.0 turns -0.0 into 0.0: equal numbers must have equal fingerprints.
        if converted is not value or converted == 0:
            object.__setattr__(options, key, converted + 0.0 if isinstance(converted, float) else converted)


def key_types(cls: type[Any]) -> Mapping[str, Any]:
    """Return the field names of a dataclass, in order, with their resolved annotations."""
    return _key_types(cls)  # type: ignore[arg-type, unused-ignore]  # mypy 1.20 takes type[Any] for unhashable


@cache  # resolving the annotations takes 0.5 ms
def _key_types(cls: type[Any]) -> Mapping[str, Any]:
    hints = get_type_hints(cls)
    return types.MappingProxyType({field.name: hints[field.name] for field in fields(cls)})


class _Exact(NamedTuple):
    """The types and words that match an annotation without conversion."""

    types: frozenset[type[Any]]
    words: frozenset[str]


def _exact_types(cls: type[Any]) -> tuple[_Exact, ...]:
    """Return, for each field, what matches its annotation without conversion."""
    return _cached_exact_types(cls)  # type: ignore[arg-type, unused-ignore]  # as above


@cache
def _cached_exact_types(cls: type[Any]) -> tuple[_Exact, ...]:
    return tuple(_exact(expected) for expected in key_types(cls).values())


def _exact(expected: Any) -> _Exact:
    if get_origin(expected) is Literal:
        return _Exact(frozenset(), frozenset(word for word in get_args(expected) if type(word) is str))
    if get_origin(expected) in (Union, types.UnionType):
        members = [_exact(member) for member in get_args(expected)]
        return _Exact(
            frozenset(one for member in members for one in member.types),
            frozenset(word for member in members for word in member.words),
        )
    return _Exact(frozenset({expected} & {bool, int, float, str, type(None)}), frozenset())


def to_plain(options: Any) -> dict[str, Any]:
    """Convert options to values that YAML and JSON support: tuples become lists."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(options).items()}


def identity(options: Any) -> dict[str, Any]:
    """Return the options that determine the numbers: plain values, without later keys that change nothing.

    A key that is added later has a neutral value, ``field(default=..., metadata=neutral(...))``, with which the
    numbers are those of earlier releases.  The key is omitted while it has that value, so that features of an
    earlier release stay valid.  It can have several neutral values, which give the same numbers.
    """
    neutrals = {field.name: field.metadata[_NEUTRAL] for field in fields(options) if _NEUTRAL in field.metadata}
    return {key: value for key, value in to_plain(options).items() if value not in neutrals.get(key, ())}


def neutral(*values: Any) -> Mapping[str, Any]:
    """Return the metadata of a field that was added later, with its neutral values as in YAML and JSON."""
    return types.MappingProxyType({_NEUTRAL: values})


def fingerprint(plain: Mapping[str, Any]) -> str:
    """Return the first 16 hex digits of SHA-256 over the canonical JSON of plain values."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _convert(value: Any, expected: Any) -> Any:
    """Convert ``value`` to the annotation ``expected``; return `_INVALID` if that is impossible."""
    origin = get_origin(expected)
    if origin in (Union, types.UnionType):
        # A member of the same type comes first, so that 1 stays an int in `float | int`.
        converted = [_convert(value, member) for member in get_args(expected)]
        same = [one for one in converted if one is not _INVALID and type(one) is type(value)]
        return (same or [one for one in converted if one is not _INVALID] or [_INVALID])[0]
    if origin is Literal:
        return value if any(value == word and type(value) is type(word) for word in get_args(expected)) else _INVALID
    if origin is tuple:
        return _convert_tuple(value, get_args(expected))
    if expected is float and type(value) is int:
        return float(value) if abs(value) < sys.float_info.max else math.inf
    return value if type(value) is expected or (expected is type(None) and value is None) else _INVALID


def _convert_tuple(value: Any, members: tuple[Any, ...]) -> Any:
    if not isinstance(value, (list, tuple)):
        return _INVALID
    expected = [members[0]] * len(value) if members[-1] is Ellipsis else list(members)
    if len(expected) != len(value):
        return _INVALID
    converted = tuple(_convert(item, member) for item, member in zip(value, expected, strict=True))
    return _INVALID if any(one is _INVALID for one in converted) else converted


def _shown(value: Any) -> str:
    """Write a value as Python does, but null, true and false as YAML does."""
    if value is None or isinstance(value, bool):
        return _YAML_WORDS[value]
    return repr(value)
