"""What a search of the INPUTs brings back: the files to work on, and an account of all that was passed over."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from os import stat_result
from typing import Literal, NamedTuple

from melcli.printable import printable

__all__ = ["UNSEEN_SIZE", "Found", "Item", "PassedOver"]

UNSEEN_SIZE = -1
_WORDS_SHOWN = 5  # extensions or folders in a sentence; the rest is a number


@dataclass(frozen=True, slots=True)
class Item:
    """One input file: what a plan needs, and nothing else.

    Attributes
    ----------
    id : str
        Name of its output below OUT, parts separated by ``/``.
    source : str
        Path as it was given or reached, links not resolved; `os.fsencode` gives its bytes.
    size : int
        Bytes; `UNSEEN_SIZE` where there is no regular file to be seen: nothing there, no permission, a pipe, a device.
        The item stays, so that it is reported as failed and not forgotten.
    mtime_ns : int
        Time of last change, in nanoseconds since 1970; 0 where ``size`` is `UNSEEN_SIZE`.
    """

    id: str
    source: str
    size: int
    mtime_ns: int

    @classmethod
    def seen(cls, item_id: str, source: str, status: stat_result | None) -> Item:
        """Make the item from what `os.stat` said, or None where it refused."""
        if status is None or not stat.S_ISREG(status.st_mode):
            return cls(item_id, source, UNSEEN_SIZE, 0)
        return cls(item_id, source, status.st_size, status.st_mtime_ns)


class PassedOver(NamedTuple):
    """One thing that was met and not taken.

    Attributes
    ----------
    why : str
        ``hidden``, ``excluded``, ``link`` to a folder, ``again`` for a folder that was entered before, ``out`` for OUT
        itself, ``other`` kind of file, ``unreadable``.
    what : str
        The extension of an ``other``, the path of an ``unreadable``.
    error : str
        What the system said of an ``unreadable``.
    """

    why: Literal["hidden", "excluded", "link", "again", "out", "other", "unreadable"]
    what: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The items and the account.

    Attributes
    ----------
    items : tuple of Item
        Sorted by id; no two share one.
    hidden, excluded : int
        Files and folders; a folder counts as one, whatever is in it.
    links : int
        Links to folders, where they are not followed.
    again : int
        Folders that were met once more, by way of a link or because a folder holds itself, and not read again.
    out_folders : int
        Times that OUT, or by way of a link a folder in it, was met inside an INPUT and not read.
    other : Mapping
        Files that are no audio by extension, that ``include`` did not take, or that melcli wrote under OUT: extension
        in lower case to number, the most frequent first.
    unreadable : Mapping
        Folders that could not be listed to the end: path to what the system said.  What they hold is unknown.
    """

    items: tuple[Item, ...]
    hidden: int
    excluded: int
    links: int
    out_folders: int
    other: Mapping[str, int]
    unreadable: Mapping[str, str]
    again: int = 0

    @property
    def account(self) -> str:
        """What was passed over, in one line; ``""`` if nothing was."""
        others = _few([f"{kind or 'without extension'} {count:,}" for kind, count in self.other.items()])
        counts = {
            "hidden": self.hidden,
            "excluded": self.excluded,
            _plural(self.links, "link to a folder", "links to folders"): self.links,
            _plural(self.again, "folder met again", "folders met again"): self.again,
            _plural(self.out_folders, "output folder", "output folders"): self.out_folders,
            f"other ({others})": sum(self.other.values()),
        }
        total = sum(counts.values())
        parts = ", ".join(f"{count:,} {words}" for words, count in counts.items() if count)
        return f"passed over {total:,}: {parts}" if total else ""

    @property
    def warning(self) -> str:
        """Which folders could not be read, in one line; ``""`` if all could."""
        if not self.unreadable:
            return ""
        folders = _plural(len(self.unreadable), "folder", "folders")
        named = _few([f"{path} ({error})" for path, error in self.unreadable.items()])
        return f"could not read {len(self.unreadable):,} {folders}: {named}"


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def _few(words: list[str]) -> str:
    rest = len(words) - _WORDS_SHOWN
    more = [f"and {rest:,} more"] if rest > 0 else []
    return printable(", ".join(words[:_WORDS_SHOWN] + more))
