"""The versions of ffmpeg that decoded the outputs of an OUT, in melcli.yaml.

The entry ``ffmpeg`` is there if ffmpeg decoded an input.  It lists all versions, since a rerun keeps the outputs of
another one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from melcli.audio.ffmpeg.program import program
from melcli.config.stored import read_stored_config
from melcli.errors import ConfigError
from melcli.opening import regular_nofollow
from melcli.printable import printable
from melcli.run.report import Report
from melcli.run.request import Request
from melcli.store.layout import CONFIG_FILE

__all__ = ["FFMPEG", "joined", "other_ffmpeg", "stored_ffmpeg"]

FFMPEG = "ffmpeg"  # the name of the entry
SEPARATOR = ", "


def stored_ffmpeg(out: str) -> set[str]:
    """Return the versions in melcli.yaml; none if it cannot be read."""
    try:
        with open(os.path.join(out, CONFIG_FILE), "rb", opener=regular_nofollow) as file:
            if FFMPEG.encode() not in file.read():  # parsing it takes 15 ms of each rerun
                return set()
    except OSError:
        return set()
    try:
        versions = read_stored_config(out).versions.get(FFMPEG, "")
    except ConfigError:  # this run replaces it
        return set()
    return set(filter(None, versions.split(SEPARATOR)))


def joined(versions: Iterable[str]) -> dict[str, str]:
    """Return the entry for versions; empty if there are none."""
    listed = SEPARATOR.join(sorted(versions))
    return {FFMPEG: listed} if listed else {}


def other_ffmpeg(request: Request, report: Report) -> str:
    """Return a warning if OUT keeps outputs that another ffmpeg decoded; ``""`` if it does not."""
    if not report.unchanged or request.config.audio.decoder == "libsndfile":
        return ""
    made_by = stored_ffmpeg(request.out)
    found = program() if made_by else None
    if found is None or found.version in made_by:
        return ""
    made_with = SEPARATOR.join(sorted(made_by))
    return printable(
        f"outputs in OUT were decoded by ffmpeg {made_with} and now {found.version}: new outputs may differ; "
        "--overwrite recomputes all"
    )
