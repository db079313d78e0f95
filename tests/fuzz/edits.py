"""Changes to bytes that break readers, for the seeded mutator and for Hypothesis."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["TELLING", "Edit", "changed", "random_edits"]

# Lengths that overflow, and magic numbers of the formats.
TELLING = (
    *(b"", b"\0", b"\xff", b"\n", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\x80", b"\x01"),
    *(b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"RIFF", b"data", b"fLaC", b"OggS", b"ID3", b"SSND", b"\xff\xfb\x90\x00"),
    *(b"[", b"]", b"{", b"}", b'"', b",", b":", b"- ", b"&a", b"*a", b"!!str ", b"1e400", b".nan", b"null", b"-1"),
    *(b"features:\n  ", b"base: ", b"\x1b[2J", b"\xe2\x80\xae", b"\xed\xb2\x80", b"**", b"/", b"..", b"[!"),
)


class Edit(NamedTuple):
    """A replacement of bytes.

    Attributes
    ----------
    place : float
        Position, from 0 to 1.
    goes : int
        Number of bytes to remove; -1 for all that follow.
    comes : bytes
        Bytes to insert.
    """

    place: float
    goes: int
    comes: bytes


def changed(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Apply the changes in order."""
    result = bytearray(data)
    for edit in edits:
        start = round(edit.place * len(result))
        result[start : start + edit.goes if edit.goes >= 0 else len(result)] = edit.comes
    return bytes(result)


def random_edits(chance: random.Random, others: Sequence[bytes]) -> list[Edit]:
    """Choose one to four changes; some insert a piece of another input."""
    return [_random_edit(chance, others) for _ in range(chance.choice((1, 1, 2, 4)))]


def _random_edit(chance: random.Random, others: Sequence[bytes]) -> Edit:
    place = chance.random() ** chance.choice((1, 4))  # more often in headers
    goes = chance.choice((0, 1, 1, 2, 4, 8, 100, -1))
    kind = chance.randrange(4)
    if kind == 0:
        return Edit(place, goes, chance.randbytes(max(1, min(goes, 8))))
    if kind == 1 and others:
        other = chance.choice(others)
        start = chance.randrange(len(other) + 1)
        return Edit(place, goes, other[start : start + chance.choice((4, 64, 1024))])
    return Edit(place, goes, chance.choice(TELLING) * chance.choice((1, 1, 1, 3, 200)))
