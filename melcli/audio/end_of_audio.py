"""The end of an audio file, as its container describes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Ending", "Read"]

Read = Callable[[int, int], bytes]
"""``read(offset, size)``: bytes of the file; fewer than ``size``, or none, at its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Whether a file contains all the audio that its container promises.

    Attributes
    ----------
    format : str
        The container's name, for messages.
    shortfall : str
        Why audio is missing, as a sentence without a full stop; empty if nothing is known to be missing.
    incomplete_header : bool
        The file ends before its audio begins.  This explains a refusal by the decoder.  It proves nothing if the
        decoder finds audio: libsndfile accepts headers that melcli reads more strictly.
    open_ended : bool
        Truncation cannot be detected from the length.  The header was not updated and claims less than follows it, or
        it leaves the length open, as writers do that cannot seek back (``ffmpeg -f wav -``).
    undecoded : str
        The name of a coding that libsndfile does not decode, such as ``G.726``; empty if it may decode the file.
    """

    format: str
    shortfall: str = ""
    incomplete_header: bool = False
    open_ended: bool = False
    undecoded: str = ""
