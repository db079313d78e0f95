"""Escape text, so that it cannot control a terminal or forge a log line.

File names are bytes that others choose.  A newline in a name forges a line of the log, ESC moves the cursor, and a
right-to-left override makes ``exe.wav`` look like ``vaw.exe``.  Text from a name, a tag or a foreign library goes
through `printable` before people see it; the manifest keeps the original name.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import islice

__all__ = ["abbreviate", "printable"]

MAX_NAMES = 5  # in a sentence

_UNSAFE = re.compile(
    "["
    "\\x00-\\x1f\\x7f-\\x9f"  # C0, DEL, C1
    # Direction marks, embeddings, overrides, isolates, and characters without width: two names could look the same.
    # The joiners U+200C and U+200D are not included, because many scripts need them.
    "\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb"
    "\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e007f"
    "\\u2028\\u2029"  # line and paragraph separator: str.splitlines and some viewers break there
    "\\ud800-\\udfff"  # surrogates: not encodable, so printing one raises
    "]"
)


def printable(text: str) -> str:
    r"""Escape unprintable characters; all others, in any script, stay unchanged.

    Parameters
    ----------
    text : str
        A name as `os.fsdecode` returns it, or any message.

    Returns
    -------
    str
        One line that can be encoded in UTF-8, without control characters, direction controls, characters without width,
        and surrogates.  ``\xHH`` replaces a C0 control, DEL or a byte that is not UTF-8, ``\uHHHH`` and
        ``\UHHHHHHHH`` the others.
        Backslashes are not escaped: the result is for reading, not for parsing.

    Examples
    --------
    >>> print(printable("tab\there, byte \udcff, naïve Ω"))
    tab\x09here, byte \xff, naïve Ω
    """
    return _UNSAFE.sub(_escape, text)


def abbreviate(names: Collection[str]) -> str:
    """List the first names, printable, and the number of the others: ``a, b, c, d, e, and 7 more``."""
    rest = len(names) - MAX_NAMES
    more = [f"and {rest:,} more"] if rest > 0 else []
    return printable(", ".join([*islice(names, MAX_NAMES), *more]))


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if 0xDC80 <= code <= 0xDCFF:  # os.fsdecode represents the byte 0xHH as U+DCHH
        return f"\\x{code - 0xDC00:02x}"
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"
