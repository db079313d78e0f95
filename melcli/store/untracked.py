"""Files in OUT that no row lists."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from melcli.store.layout import OWN_FOLDER, shard_number
from melcli.store.leftovers import TEMPORARY_NAME

__all__ = ["UntrackedFile", "find_untracked"]


class UntrackedFile(NamedTuple):
    """A file or folder that no row lists.

    Attributes
    ----------
    kind : str
        ``leftover``: a temporary file of a killed run.  ``unknown``: named like an output, perhaps of an item that
        failed later.  ``unlisted``: a folder that cannot be listed.
    path : str
        Relative to OUT.
    """

    kind: Literal["leftover", "unknown", "unlisted"]
    path: str


def find_untracked(out: str, is_listed: Callable[[str], bool]) -> Iterator[UntrackedFile]:
    """Find files in OUT that no row lists; links are not followed.

    Parameters
    ----------
    out : str
        OUT.
    is_listed : callable
        Returns whether a row has its output at a path relative to OUT.
    """
    unlisted: list[str] = []
    for folder, folders, names in os.walk(out, onerror=lambda error: unlisted.append(str(error.filename))):
        folders.sort()
        above = os.path.relpath(folder, out)
        own = above.split(os.sep)[0] == OWN_FOLDER
        for name in sorted(names):
            path = name if above == "." else f"{above}/{name}"
            if TEMPORARY_NAME.fullmatch(name):
                yield UntrackedFile("leftover", path)
            elif not own and _is_named_like_an_output(path) and not is_listed(path):
                yield UntrackedFile("unknown", path)
    for path in unlisted:
        yield UntrackedFile("unlisted", os.path.relpath(path, out))


def _is_named_like_an_output(path: str) -> bool:
    return path.endswith(".npy") or shard_number(path) is not None
