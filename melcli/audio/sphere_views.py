"""Views of NIST SPHERE files whose header libsndfile does not accept."""

from __future__ import annotations

import re

from melcli.audio.end_of_audio import Ending, Read
from melcli.audio.view import Extent, View

__all__ = ["sphere_views"]

HEADER_BYTES = 1024  # in all known files
# "sample_rate -r 16000.0"; libsndfile requires -i and an integer.
_REAL_RATE = re.compile(rb"^sample_rate -r ([0-9]+)(?:\.0*)?[ \t]*$", re.MULTILINE)


def sphere_views(read: Read, file_size: int, ending: Ending) -> tuple[View, ...] | None:
    """Rewrite a sampling rate that is written as a real number as an integer; None if there is no such rate."""
    header = read(0, HEADER_BYTES)
    rate = _REAL_RATE.search(header)
    if rate is None:
        return None
    # Both lines have the same length, so that the following bytes do not move.
    line = (b"sample_rate -i " + rate[1]).ljust(len(rate[0]))
    shown = header[: rate.start()] + line + header[rate.end() :]
    return (View(pieces=(shown, Extent(len(header), file_size - len(header)))),)
