"""Strict reading of options: frozen dataclasses that are always valid.

A stage keeps its options as a frozen, keyword-only dataclass beside its code and calls `check_types` first in
``__post_init__``.  Nothing is coerced in silence: an int may stand for a float and a list for a tuple, since
YAML and JSON do not tell them apart, and that is all.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import sys
import types
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from functools import cache
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from melcli.errors import ConfigError
from melcli.other_names import key_of_other_name
from melcli.value_hints import hint_for_value, type_in_words

__all__ = [
    "check_types",
    "fingerprint",
    "identity",
    "key_types",
    "nearest",
    "neutral",
    "read_options",
    "refuse_unknown",
    "to_plain",
]

Options = TypeVar("Options")

MAX_LISTED = 12  # known words in one sentence
_MISFIT = object()
_YAML_WORDS = {None: "null", True: "true", False: "false"}
_NEUTRAL = "neutral"  # key of a field's metadata


def read_options(cls: type[Options], raw: Mapping[str, Any], where: str) -> Options:
    """Build frozen options from plain values.

    Parameters
    ----------
    cls : type
        A dataclass that calls `check_types`.
    raw : Mapping
        Values by key, as YAML or JSON gave them.
    where : str
        What a refusal opens with: a file and a section.

    Raises
    ------
    ConfigError
        An unknown key, a wrong type, or a value against a rule of ``cls``.
    """
    known = key_types(cls)
    for key in raw:
        refuse_unknown(key, known, where)
    try:
        return cls(**raw)
    except ConfigError as refusal:
        raise refusal.at(where) from None


def refuse_unknown(key: object, known: Iterable[str], where: str) -> None:
    """Raise `ConfigError` unless ``key`` is ``known``, naming the nearest key that is."""
    known = list(known)
    if key in known:
        return
    raise ConfigError(f"{where}: unknown key {key!r}", key=str(key), hint=nearest(str(key), known))


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the known word for an unknown one, or list what is known."""
    known = list(known)
    meant = key_of_other_name(word)
    if meant is not None and meant[0] in known:
        return f"did you mean {meant[0]!r}{meant[1]}?"
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known are {', '.join(known)}" if len(known) <= MAX_LISTED else "'melcli config show' lists all keys"


def check_types(options: Any) -> None:
    """Hold every field of a frozen dataclass against its annotation; ints for floats and lists for tuples fit.

    Raises
    ------
    ConfigError
        With the key, the value, its type and what was wanted.
    """
    for (key, wanted), exact in zip(key_types(type(options)).items(), _exact_types(type(options)), strict=True):
        value = getattr(options, key)
        if type(value) in exact.types or (type(value) is str and value in exact.words):
            # As it is: the rest would take 0.3 ms for the section of features, which a search makes 20,000 times.
            fitted = value
        else:
            fitted = _fit(value, wanted)
        if fitted is _MISFIT:
            raise ConfigError(
                f"{key}={_shown(value)} must be {type_in_words(wanted)}",
                key=key,
                hint=hint_for_value(key, value, wanted),
            )
        for number in fitted if isinstance(fitted, tuple) else (fitted,):
            if isinstance(number, float) and not math.isfinite(number):
                raise ConfigError(f"{key}={number!r} must be finite", key=key)
        # Adding 0.0 turns -0.0 into 0.0: the same numbers must have the same fingerprint.
        if fitted is not value or fitted == 0:
            object.__setattr__(options, key, fitted + 0.0 if isinstance(fitted, float) else fitted)


def key_types(cls: type[Any]) -> Mapping[str, Any]:
    """Field names of a dataclass, in order, with their resolved annotations."""
    return _key_types(cls)  # type: ignore[arg-type, unused-ignore]  # mypy 1.20 takes type[Any] for unhashable


@cache  # resolving the annotations takes 0.5 ms
def _key_types(cls: type[Any]) -> Mapping[str, Any]:
    hints = get_type_hints(cls)
    return types.MappingProxyType({field.name: hints[field.name] for field in fields(cls)})


class _Exact(NamedTuple):
    """What fits an annotation as it is: plain types, and words."""

    types: frozenset[type[Any]]
    words: frozenset[str]


def _exact_types(cls: type[Any]) -> tuple[_Exact, ...]:
    """Return for each field what fits its annotation as it is."""
    return _cached_exact_types(cls)  # type: ignore[arg-type, unused-ignore]  # as above


@cache
def _cached_exact_types(cls: type[Any]) -> tuple[_Exact, ...]:
    return tuple(_exact(wanted) for wanted in key_types(cls).values())


def _exact(wanted: Any) -> _Exact:
    if get_origin(wanted) is Literal:
        return _Exact(frozenset(), frozenset(word for word in get_args(wanted) if type(word) is str))
    if get_origin(wanted) in (Union, types.UnionType):
        members = [_exact(member) for member in get_args(wanted)]
        return _Exact(
            frozenset(one for member in members for one in member.types),
            frozenset(word for member in members for word in member.words),
        )
    return _Exact(frozenset({wanted} & {bool, int, float, str, type(None)}), frozenset())


def to_plain(options: Any) -> dict[str, Any]:
    """Turn options into what YAML and JSON can hold: tuples become lists."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(options).items()}


def identity(options: Any) -> dict[str, Any]:
    """Return what of options decides the numbers: their plain values, without later keys that change nothing.

    A key that is added to existing options carries a neutral value, ``field(default=..., metadata=neutral(...))``:
    with it the numbers are those of the time before the key.  It is left out while it has that value, so that the
    features which an earlier release made are still valid.
    """
    neutrals = {field.name: field.metadata[_NEUTRAL] for field in fields(options) if _NEUTRAL in field.metadata}
    return {key: value for key, value in to_plain(options).items() if key not in neutrals or value != neutrals[key]}


def neutral(value: Any) -> Mapping[str, Any]:
    """Return the metadata of a field that was added later, with its neutral value as YAML and JSON have it."""
    return types.MappingProxyType({_NEUTRAL: value})


def fingerprint(plain: Mapping[str, Any]) -> str:
    """Return the first 16 hex digits of SHA-256 over the canonical JSON of plain values."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _fit(value: Any, wanted: Any) -> Any:
    """Return ``value`` as the annotation ``wanted`` has it, or `_MISFIT`."""
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        # The exact member first, so that 1 stays an int in `float | int`.
        fitted = [_fit(value, member) for member in get_args(wanted)]
        same = [fit for fit in fitted if fit is not _MISFIT and type(fit) is type(value)]
        return (same or [fit for fit in fitted if fit is not _MISFIT] or [_MISFIT])[0]
    if origin is Literal:
        return value if any(value == word and type(value) is type(word) for word in get_args(wanted)) else _MISFIT
    if origin is tuple:
        return _fit_tuple(value, get_args(wanted))
    if wanted is float and type(value) is int:
        return float(value) if abs(value) < sys.float_info.max else math.inf
    return value if type(value) is wanted or (wanted is type(None) and value is None) else _MISFIT


def _fit_tuple(value: Any, members: tuple[Any, ...]) -> Any:
    if not isinstance(value, (list, tuple)):
        return _MISFIT
    wanted = [members[0]] * len(value) if members[-1] is Ellipsis else list(members)
    if len(wanted) != len(value):
        return _MISFIT
    fitted = tuple(_fit(item, member) for item, member in zip(value, wanted, strict=True))
    return _MISFIT if any(fit is _MISFIT for fit in fitted) else fitted


def _shown(value: Any) -> str:
    """Write a value as Python does, but null, true and false as YAML does."""
    if value is None or isinstance(value, bool):
        return _YAML_WORDS[value]
    return repr(value)
