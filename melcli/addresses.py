"""Refuse URLs where a path is expected."""

from __future__ import annotations

import re

from melcli.errors import ConfigError
from melcli.printable import printable

__all__ = ["refuse_url"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def refuse_url(what: str, path: str) -> None:
    """Raise for a URL such as ``s3://bucket/x``, which the system would treat as a folder named ``s3:``.

    A local folder with that name can be given as ``./s3:/x``.

    Parameters
    ----------
    what : str
        The meaning of the path, such as ``OUT``.
    path : str
        As given by the user.

    Raises
    ------
    ConfigError
        ``path`` begins like a URL.
    """
    if _URL.match(path):
        raise ConfigError(
            f"{what} {printable(path)} is a URL: melcli reads and writes local files only",
            hint="copy the files from or to a local folder, or mount the storage as a folder",
        )
