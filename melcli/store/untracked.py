"""Files in OUT that no row lists."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from melcli.store.files import TEMPORARY_NAME
from melcli.store.layout import OWN_FOLDER, shard_number

__all__ = ["Stray", "find_strays"]


class Stray(NamedTuple):
    """One file.

    Attributes
    ----------
    kind : str
        ``leftover``: a temporary file of a run that was killed.  ``unknown``: it is named like an output, and may be
        one of an item that failed later.  ``unlisted``: a folder that cannot be listed.
    path : str
        Relative to OUT.
    """

    kind: Literal["leftover", "unknown", "unlisted"]
    path: str


def find_strays(out: str, is_spoken_of: Callable[[str], bool]) -> Iterator[Stray]:
    """Walk OUT, links not followed.

    Parameters
    ----------
    out : str
        OUT.
    is_spoken_of : callable
        Tells of a path relative to OUT whether a row has its output there.
    """
    unlisted: list[str] = []
    for folder, folders, names in os.walk(out, onerror=lambda error: unlisted.append(str(error.filename))):
        folders.sort()
        above = os.path.relpath(folder, out)
        own = above.split(os.sep)[0] == OWN_FOLDER
        for name in sorted(names):
            path = name if above == "." else f"{above}/{name}"
            if TEMPORARY_NAME.fullmatch(name):
                yield Stray("leftover", path)
            elif not own and _is_named_like_an_output(path) and not is_spoken_of(path):
                yield Stray("unknown", path)
    for path in unlisted:
        yield Stray("unlisted", os.path.relpath(path, out))


def _is_named_like_an_output(path: str) -> bool:
    return path.endswith(".npy") or shard_number(path) is not None
