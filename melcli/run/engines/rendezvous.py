"""Where the forkserver listens: a folder that the next run on the same OUT finds again when this one is killed.

Python would make a new one each time, in the temporary folder, and whoever is killed leaves it there.
"""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import shutil
import stat
import tempfile
from multiprocessing import util

__all__ = ["meet_for"]

ADDRESS_BYTES = 107  # that the path of a socket may have: man 7 unix, less the closing zero
LISTENER = "/listener-01234567"  # as Python calls it, in this folder
NAME_CHARS = 16  # behind the prefix, at most
SHORTEST = "/tmp"  # noqa: S108 - a folder of a name that others may know is taken only if it is new or ours alone


def meet_for(folder: str | None) -> None:
    """Listen in the folder that belongs to an OUT, unless this process listens somewhere already.

    What an earlier run left in it is removed; that nobody else uses it is the caller's to know, by OUT's lock.

    Parameters
    ----------
    folder : str or None
        OUT's own; None: in one that is nobody else's.
    """
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    if config.get("tempdir") is not None:
        return
    with contextlib.suppress(OSError):  # then Python makes its own
        path = _new_folder() if folder is None else _folder_of(folder)
        config["tempdir"] = path
        util.Finalize(None, shutil.rmtree, args=[path], kwargs={"ignore_errors": True}, exitpriority=-100)


def _folder_of(out: str) -> str:
    name = hashlib.sha256(os.fsencode(os.path.abspath(out))).hexdigest()[:NAME_CHARS]
    path = os.path.join(_parent(), f"{_prefix()}{name}")
    if _is_ours(path):
        shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path, 0o700)
    return path


def _new_folder() -> str:
    return tempfile.mkdtemp(prefix=_prefix(), dir=_parent())


def _prefix() -> str:
    return f"melcli-{os.getuid()}-"


def _parent() -> str:
    """Return the temporary folder, or /tmp if sockets in it would have too long a path, as in some batch systems."""
    parent = tempfile.gettempdir()
    longest = len(os.fsencode(parent)) + len(f"/{_prefix()}") + NAME_CHARS + len(LISTENER)
    return parent if longest <= ADDRESS_BYTES else SHORTEST


def _is_ours(path: str) -> bool:
    """Tell whether it is a folder of this user's that nobody else may enter: others may write into its parent."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
