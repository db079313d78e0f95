"""Match names against globs and audio extensions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import Protocol

from melcli.sources.names import AUDIO_EXTENSIONS, UNDECODED_EXTENSIONS, extension

__all__ = ["Selection"]

Fits = Callable[[str], bool]

TAKEN_EXTENSIONS = AUDIO_EXTENSIONS | UNDECODED_EXTENSIONS


class Globs(Protocol):
    """What has globs; see `melcli.sources.options.SourceOptions`."""

    @property
    def include(self) -> tuple[str, ...]:
        """Those that replace the test by extension."""

    @property
    def exclude(self) -> tuple[str, ...]:
        """Those that pass files and folders over."""


class Selection:
    """Globs, ready to be held against names.

    Parameters
    ----------
    options : Globs
        Such as `melcli.sources.options.SourceOptions`.
    """

    __slots__ = ("_exclude", "_include")

    def __init__(self, options: Globs) -> None:
        self._include = [_glob(glob) for glob in options.include]
        self._exclude = [_glob(glob) for glob in options.exclude]

    def excludes(self, name: str) -> bool:
        """Say whether ``name``, a file or a folder, is skipped; the folders above it are not looked at."""
        return bool(self._exclude) and any(fits(name) for fits in self._exclude)

    def excludes_path(self, name: str) -> bool:
        """Say whether ``name`` or a folder above it is skipped, as a walk down to it would find out."""
        if not self._exclude or not name:
            return False
        parts = name.split("/")
        return any(self.excludes("/".join(parts[: n + 1])) for n in range(len(parts)))

    def takes(self, name: str) -> bool:
        """Say whether a file found in a folder is taken: by ``include``, or else by its extension."""
        return self._included(name) if self._include else extension(name) in TAKEN_EXTENSIONS

    def takes_named(self, name: str) -> bool:
        """Say whether a file that was asked for by its own name is taken: unless ``include`` says otherwise."""
        return not self._include or self._included(name)

    def _included(self, name: str) -> bool:
        return any(fits(name) for fits in self._include)


def _glob(glob: str) -> Fits:
    if "/" not in glob:
        part_fits = _part(glob)
        return lambda name: part_fits(name.rpartition("/")[2])
    parts = [None if part == "**" else _part(part) for part in glob.removeprefix("/").split("/")]
    return lambda name: _parts_fit(parts, name.split("/"))


def _part(glob: str) -> Fits:
    match = re.compile(translate(glob)).match
    return lambda part: match(part) is not None


def _parts_fit(globs: Sequence[Fits | None], parts: Sequence[str]) -> bool:
    """Hold globs against the parts of a name; None is ``**``.

    All numbers of parts that the globs so far can take are kept at once: one after another, twelve ``**`` took hours.
    """
    taken = {0}
    for fits in globs:
        if fits is None:
            taken = set(range(min(taken), len(parts) + 1)) if taken else taken
        else:
            taken = {number + 1 for number in taken if number < len(parts) and fits(parts[number])}
    return len(parts) in taken
