"""The result of a search for inputs: items, and counts of skipped files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from melcli.printable import few
from melcli.sources.item_table import ItemTable

__all__ = ["Found"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The items and the account.

    Attributes
    ----------
    items : ItemTable
        Sorted by id; no two share one.
    hidden, excluded : int
        Files and folders; a folder counts as one, whatever is in it.
    links : int
        Links to folders, where they are not followed.
    again : int
        Folders that were found once more, through a link or because a folder contains itself, and not read again.
    out_folders : int
        Times that OUT, or through a link a folder in it, was found inside an INPUT and not read.
    other : Mapping
        Files that are no audio by extension, that ``include`` did not take, or that melcli wrote under OUT: extension
        in lower case to number, the most frequent first.
    unreadable : Mapping
        Folders that could not be listed to the end: path to what the system said.  What they hold is unknown.
    """

    items: ItemTable
    hidden: int
    excluded: int
    links: int
    out_folders: int
    other: Mapping[str, int]
    unreadable: Mapping[str, str]
    again: int = 0

    @property
    def account(self) -> str:
        """What was skipped, in one line; ``""`` if nothing was."""
        others = few([f"{kind or 'without extension'} {count:,}" for kind, count in self.other.items()])
        counts = {
            "hidden": self.hidden,
            "excluded": self.excluded,
            _plural(self.links, "link to a folder", "links to folders"): self.links,
            _plural(self.again, "folder already found", "folders already found"): self.again,
            _plural(self.out_folders, "output folder", "output folders"): self.out_folders,
            f"other ({others})": sum(self.other.values()),
        }
        total = sum(counts.values())
        parts = ", ".join(f"{count:,} {words}" for words, count in counts.items() if count)
        return f"skipped {total:,}: {parts}" if total else ""

    @property
    def warning(self) -> str:
        """Which folders could not be read, in one line; ``""`` if all could."""
        if not self.unreadable:
            return ""
        folders = _plural(len(self.unreadable), "folder", "folders")
        named = few([f"{path} ({error})" for path, error in self.unreadable.items()])
        return f"could not read {len(self.unreadable):,} {folders}: {named}"


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many
