"""The end of an audio file as its container describes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Ending", "Read"]

Read = Callable[[int, int], bytes]
"""``read(offset, size)``: bytes of the file; fewer than ``size``, or none, past its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Whether all the audio that a container promises can come out of it.

    Attributes
    ----------
    format : str
        The container's name, for sentences.
    shortfall : str
        Why audio is missing, as a sentence without its full stop; empty when nothing is known to be missing.
    cut_header : bool
        No audio was reached before the file ended.  It explains a refusal by the decoder and proves nothing when
        the decoder finds audio after all: libsndfile forgives headers that are read strictly here.
    open_ended : bool
        The header leaves the length open, as writers do that cannot seek back (``ffmpeg -f wav -``), or claims less
        than what follows it, as one does that was not brought up to date again; so a missing end cannot be told from
        the length.
    undecoded : str
        What it holds instead of a coding that libsndfile decodes, such as ``G.726``; empty when it may decode it.
    """

    format: str
    shortfall: str = ""
    cut_header: bool = False
    open_ended: bool = False
    undecoded: str = ""
