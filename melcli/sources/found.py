"""The result of a search for inputs: items, and counts of skipped files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from melcli.printable import abbreviate
from melcli.sources.item_table import ItemTable

__all__ = ["Found"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Items, and counts of what was skipped.

    Attributes
    ----------
    items : ItemTable
        Sorted by id; ids are unique.
    hidden, excluded : int
        Number of files and folders; a folder counts as one, whatever it contains.
    links : int
        Links to folders that were not followed.
    again : int
        Folders that were found again, through a link or because a folder contains itself, and were not read again.
    out_folders : int
        Number of times that OUT, or a folder in it through a link, was found inside an INPUT and not read.
    other : Mapping
        Files that are not audio by extension, that ``include`` does not match, or that melcli wrote under OUT:
        lower-case extension to count, the most frequent first.
    unreadable : Mapping
        Folders that could not be listed completely: path to the system's error message.  Their content is unknown.
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
        """A summary of what was skipped, in one line; ``""`` if nothing was."""
        others = abbreviate([f"{kind or 'without extension'} {count:,}" for kind, count in self.other.items()])
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
        """A warning about folders that could not be read, in one line; ``""`` if there are none."""
        if not self.unreadable:
            return ""
        folders = _plural(len(self.unreadable), "folder", "folders")
        named = abbreviate([f"{path} ({error})" for path, error in self.unreadable.items()])
        return f"could not read {len(self.unreadable):,} {folders}: {named}"


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many
