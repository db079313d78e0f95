"""Match names against globs and audio extensions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import Protocol

from melcli.sources.names import AUDIO_EXTENSIONS, UNDECODED_EXTENSIONS, extension

__all__ = ["Selection"]

Matches = Callable[[str], bool]

SELECTED_EXTENSIONS = AUDIO_EXTENSIONS | UNDECODED_EXTENSIONS


class Globs(Protocol):
    """Options with globs; see `melcli.sources.options.SourceOptions`."""

    @property
    def include(self) -> tuple[str, ...]:
        """Globs that replace the check of the extension."""

    @property
    def exclude(self) -> tuple[str, ...]:
        """Globs for files and folders to skip."""


class Selection:
    """Compiled globs.

    Parameters
    ----------
    options : Globs
        For example `melcli.sources.options.SourceOptions`.
    """

    __slots__ = ("_exclude", "_include")

    def __init__(self, options: Globs) -> None:
        self._include = [_glob(glob) for glob in options.include]
        self._exclude = [_glob(glob) for glob in options.exclude]

    def excludes(self, name: str) -> bool:
        """Return whether the file or folder ``name`` is skipped; folders above it are not checked."""
        return bool(self._exclude) and any(matches(name) for matches in self._exclude)

    def excludes_path(self, name: str) -> bool:
        """Return whether ``name`` or a folder above it is skipped, as in a walk down to it."""
        if not self._exclude or not name:
            return False
        parts = name.split("/")
        return any(self.excludes("/".join(parts[: n + 1])) for n in range(len(parts)))

    def selects(self, name: str) -> bool:
        """Return whether a file found in a folder is selected: by ``include`` if given, otherwise by its extension."""
        return self._included(name) if self._include else extension(name) in SELECTED_EXTENSIONS

    def selects_named(self, name: str) -> bool:
        """Return whether a file given by its own name is selected: always, unless ``include`` does not match."""
        return not self._include or self._included(name)

    def _included(self, name: str) -> bool:
        return any(matches(name) for matches in self._include)


def _glob(glob: str) -> Matches:
    if "/" not in glob:
        part_matches = _part(glob)
        return lambda name: part_matches(name.rpartition("/")[2])
    parts = [None if part == "**" else _part(part) for part in glob.removeprefix("/").split("/")]
    return lambda name: _match_parts(parts, name.split("/"))


def _part(glob: str) -> Matches:
    match = re.compile(translate(glob)).match
    return lambda part: match(part) is not None


def _match_parts(globs: Sequence[Matches | None], parts: Sequence[str]) -> bool:
    """Match globs against the parts of a name; None is ``**``.

    All numbers of parts that the globs so far can match are tracked together: tried one after another, twelve ``**``
    took hours.
    """
    matched = {0}
    for matches in globs:
        if matches is None:
            matched = set(range(min(matched), len(parts) + 1)) if matched else matched
        else:
            matched = {number + 1 for number in matched if number < len(parts) and matches(parts[number])}
    return len(parts) in matched
