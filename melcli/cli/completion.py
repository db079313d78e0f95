"""Completion of config names and keys in bash, zsh and fish."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import click
from click.shell_completion import CompletionItem

__all__ = ["complete_config", "complete_setting"]


def complete_config(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Suggest named configs and their aliases; a path is left to the shell."""
    from melcli.config.named_configs import config_labels, named_configs

    if "/" in incomplete or incomplete.startswith("."):
        return [CompletionItem(incomplete, type="file")]
    found = []
    for name, path in named_configs().items():
        labels = config_labels(path)
        names = [name, *(alias for alias in labels.aliases if incomplete)]  # all aliases at once would hide the names
        found += [CompletionItem(one, help=labels.description) for one in names if one.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


def complete_setting(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Suggest keys of the config, and behind the ``=`` the words that a key takes."""
    key, equals, value = incomplete.partition("=")
    if equals:
        return [CompletionItem(f"{key}={word}") for word in _words_of(key) if word.startswith(value)]
    return [CompletionItem(f"{name}=") for name in _keys(with_section="." in key) if name.startswith(key)]


def _keys(*, with_section: bool) -> Iterator[str]:
    from melcli.config.config import SECTIONS
    from melcli.options import key_types

    for section, cls in SECTIONS.items():
        for key in key_types(cls):
            yield f"{section}.{key}" if with_section else key


def _words_of(key: str) -> list[str]:
    from melcli.config.config import SECTIONS
    from melcli.options import key_types

    section, dot, name = key.rpartition(".")
    for home, cls in SECTIONS.items():
        wanted = key_types(cls).get(name)
        if wanted is not None and (not dot or section == home):
            return list(_words(wanted))
    return []


def _words(wanted: Any) -> Iterator[str]:
    origin = get_origin(wanted)
    if origin in (Union, UnionType):
        for member in get_args(wanted):
            yield from _words(member)
    elif origin is Literal:
        yield from map(str, get_args(wanted))
    elif wanted is bool:
        yield from ("true", "false")
    elif wanted is type(None):
        yield "null"
