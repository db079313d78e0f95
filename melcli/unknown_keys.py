"""Refuse unknown keys of a config, and suggest the key that is meant."""

from __future__ import annotations

from collections.abc import Iterable

from melcli.errors import ConfigError
from melcli.other_key_names import key_of_other_name

__all__ = ["nearest", "refuse_unknown"]

MAX_LISTED = 12  # known words in one message


def refuse_unknown(key: object, known: Iterable[str], where: str) -> None:
    """Raise `ConfigError` unless ``key`` is in ``known``; the message suggests the nearest known key."""
    known = list(known)
    if key in known:
        return
    raise ConfigError(f"{where}: unknown key {key!r}", key=str(key), hint=nearest(str(key), known))


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the known word that is nearest to an unknown one, or list the known words."""
    known = list(known)
    meant = key_of_other_name(word)
    if meant is not None and meant[0] in known:
        return f"did you mean {meant[0]!r}{meant[1]}?"
    import difflib  # late: workers never need it

    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known are {', '.join(known)}" if len(known) <= MAX_LISTED else "'melcli config show' lists all keys"
