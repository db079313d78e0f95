"""URLs where a path is expected."""

from __future__ import annotations

import re

from melcli.errors import ConfigError
from melcli.printable import printable

__all__ = ["refuse_url"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def refuse_url(what: str, path: str) -> None:
    """Refuse ``s3://bucket/x`` and the like, which the system would take for a folder called ``s3:``.

    A local folder of that name is ``./s3:/x``.

    Parameters
    ----------
    what : str
        What the path is for, such as ``OUT``.
    path : str
        As the user wrote it.

    Raises
    ------
    ConfigError
        It begins like a URL.
    """
    if _URL.match(path):
        raise ConfigError(
            f"{what} {printable(path)} is a URL: melcli reads and writes local files only",
            hint="copy the files from or to a local folder, or mount the storage as a folder",
        )
