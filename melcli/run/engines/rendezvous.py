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


def meet_for(folder: str) -> None:
    """Listen in the folder that belongs to an OUT, unless this process listens somewhere already.

    What an earlier run left in it is removed; that nobody else uses it is the caller's to know, by OUT's lock.

    Parameters
    ----------
    folder : str
        OUT's own.
    """
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    if config.get("tempdir") is not None:
        return
    name = hashlib.sha256(os.fsencode(os.path.abspath(folder))).hexdigest()[:16]
    path = os.path.join(tempfile.gettempdir(), f"melcli-{os.getuid()}-{name}")
    with contextlib.suppress(OSError):  # then Python makes its own
        if _is_ours(path):
            shutil.rmtree(path, ignore_errors=True)
        os.mkdir(path, 0o700)
        config["tempdir"] = path
        util.Finalize(None, shutil.rmtree, args=[path], kwargs={"ignore_errors": True}, exitpriority=-100)


def _is_ours(path: str) -> bool:
    """Tell whether it is a folder of this user's that nobody else may enter: others may write into its parent."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
