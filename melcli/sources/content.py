"""Hash the content of an input."""

from __future__ import annotations

import hashlib
import os

from melcli.opening import regular_only

__all__ = ["hash_content"]

PIECE_BYTES = 1 << 20


def hash_content(path: str) -> str:
    """Return ``sha256:`` and the hex digits of SHA-256 over a file's bytes.

    Raises
    ------
    OSError
        The file cannot be read or is not a regular file: a pipe might never end.
    """
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0, opener=regular_only) as file:
        if os.fstat(file.fileno()).st_size:  # files in /proc have size 0, and some block forever
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
    return f"sha256:{digest.hexdigest()}"
