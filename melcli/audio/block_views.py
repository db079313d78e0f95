"""Views of AIFF, AU and CAF files.

libsndfile counts an incomplete last block of AIFF and AU as a complete one, and refuses a truncated CAF file.
"""

from __future__ import annotations

from typing import Literal

from melcli.audio.block_codings import GSM_BLOCK, IMA4_BLOCK, bit_samples, whole_blocks
from melcli.audio.chunked_containers import ChunkedEnding
from melcli.audio.end_of_audio import Ending, Read
from melcli.audio.view import Extent, View

__all__ = ["aiff_views", "au_views", "caf_views"]

_AU_BITS = {23: 4, 25: 3, 26: 5}  # bits per sample by coding number: G.721, G.723 at 24 and at 40 kbit/s


def aiff_views(read: Read, file_size: int, ending: Ending) -> tuple[View, ...] | None:
    """Return the view of an AIFF file; None if libsndfile decodes the file correctly as it is."""
    if not isinstance(ending, ChunkedEnding) or ending.chunks.form.size < 22:
        return None
    form = read(ending.chunks.form.offset, 22)
    num_channels, claimed, code = int.from_bytes(form[:2], "big"), int.from_bytes(form[2:6], "big"), form[18:]
    if code in (b"GSM ", b"agsm"):
        # libsndfile stops at the sample count of the header.
        num_samples = min(claimed, whole_blocks(GSM_BLOCK, ending.chunks.num_bytes))
    elif code == b"ima4" and num_channels:
        num_samples = whole_blocks(IMA4_BLOCK, ending.chunks.num_bytes, num_channels)
    else:
        return None
    return (View(pieces=(Extent(0, file_size),), num_samples=num_samples),)


def au_views(read: Read, file_size: int, ending: Ending) -> tuple[View, ...] | None:
    """Return the view of an AU file; None if libsndfile decodes the file correctly as it is."""
    header = read(0, 16)
    order: Literal["little", "big"] = "little" if header.startswith(b"dns.") else "big"
    offset, claim, coding = (int.from_bytes(header[at : at + 4], order) for at in (4, 8, 12))
    available = max(0, file_size - offset)
    if ending.shortfall and not claim:  # the header was never completed: the audio extends to the end of the file
        return (View(pieces=(Extent(0, 8), b"\xff" * 4, Extent(12, file_size - 12))),)
    if coding not in _AU_BITS:
        return None
    num_bytes = available if ending.open_ended and claim == 2**32 - 1 else min(claim, available)
    return (View(pieces=(Extent(0, file_size),), num_samples=bit_samples(num_bytes, _AU_BITS[coding])),)


def caf_views(read: Read, file_size: int, ending: Ending) -> tuple[View, ...] | None:
    """Return the view of a truncated CAF file; None for complete files and for ALAC."""
    if not isinstance(ending, ChunkedEnding) or not ending.shortfall or ending.chunks.code == b"alac":
        return None
    (audio,) = ending.chunks.audio
    length_at = audio.offset - 4 - 8  # the length precedes the edit count
    length = (4 + audio.size).to_bytes(8, "big")
    return (View(pieces=(Extent(0, length_at), length, Extent(length_at + 8, file_size - length_at - 8))),)
