"""Order ids by their bytes.

Python sorts strings by code points.  That is also the order of their UTF-8 bytes, except for names that are not UTF-8:
their bytes become lone surrogates in a string, which sort after most other characters.  Other programs, such as
``LC_ALL=C sort``, and databases compare bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["byte_order", "ids_in_order", "sorted_by_bytes", "text_of"]

Value = TypeVar("Value")


def byte_order(text: str) -> bytes:
    """Return a sort key: the bytes that `os.fsencode` returns."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate that represents no byte; only a tampered manifest contains one
        return text.encode("utf-8", "surrogatepass")


def text_of(name: bytes) -> str:
    """Return the string for these bytes; the inverse of `byte_order`."""
    return name.decode("utf-8", "surrogateescape")


def sorted_by_bytes(values: Iterable[Value], strings: Callable[[Value], tuple[str, ...]]) -> list[Value]:
    """Sort values by the bytes of some of their strings; for strings themselves, use `ids_in_order`.

    Parameters
    ----------
    values : iterable
        Values of any type.
    strings : callable
        Returns the sort keys of a value, the most significant first.

    Returns
    -------
    list
        A new list.
    """
    listed = list(values)
    if all(map(_is_utf8, map("".join, map(strings, listed)))):
        listed.sort(key=strings)  # the same order, without 100 bytes of keys per value
    else:
        listed.sort(key=lambda value: tuple(map(byte_order, strings(value))))
    return listed


def ids_in_order(ids: Iterable[str]) -> list[str]:
    """Sort ids by their bytes."""
    return sorted_by_bytes(ids, lambda item_id: (item_id,))


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
