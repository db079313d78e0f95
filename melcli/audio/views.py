"""Choose the views of a file that libsndfile reads, or the file itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from melcli.audio.block_views import aiff_views, au_views, caf_views
from melcli.audio.chunked_containers import ChunkedEnding
from melcli.audio.containers import ORDINARY_WAV, after_id3
from melcli.audio.end_of_audio import Ending, Read
from melcli.audio.mpeg import MpegEnding
from melcli.audio.mpeg_views import mpeg_views
from melcli.audio.ogg import OggEnding
from melcli.audio.ogg_views import ogg_views
from melcli.audio.sphere_views import sphere_views
from melcli.audio.view import Extent, View
from melcli.audio.wave_views import plain_wave_views, wave_views

__all__ = ["fallback_views", "views"]

_Family = Callable[[Read, int, Ending], tuple[View, ...] | None]


def views(
    read: Read, file_size: int, ending: Ending | None, *, opus_rate: Literal["header"] | int
) -> tuple[View, ...] | None:
    """Choose what libsndfile reads.

    Parameters
    ----------
    read : callable
        See `melcli.audio.end_of_audio.Read`.
    file_size : int
        In bytes.
    ending : Ending or None
        From `melcli.audio.containers.examine`.
    opus_rate : "header" or int
        See `melcli.audio.options.AudioOptions`.

    Returns
    -------
    tuple of View, or None
        None: the file as it is.  Several views are decoded in order.
    """
    if ending is ORDINARY_WAV:
        return None
    if isinstance(ending, ChunkedEnding) and ending.chunks.is_ordinary and _is_intact(ending):
        return None
    if isinstance(ending, MpegEnding):
        return mpeg_views(ending)
    if ending is None:
        return None
    if isinstance(ending, OggEnding):
        ogg = ending
        return _after_id3(lambda read, *_: ogg_views(read, ogg, opus_rate=opus_rate), read, file_size, ogg)
    found = _FAMILIES.get(ending.format)
    return found and _after_id3(found, read, file_size, ending)


def _is_intact(ending: Ending) -> bool:
    return not ending.shortfall and ending.format in ("WAV", "RF64")  # W64 and BW64 need a view


def fallback_views(read: Read, file_size: int, ending: Ending | None) -> tuple[View, ...] | None:
    """Return views to try if libsndfile refuses the file as it is; None if there are none.

    Parameters are those of `views`.
    """
    if ending is None or ending.format not in ("WAV", "RF64", "BW64"):
        return None
    return _after_id3(lambda read, _, ending: plain_wave_views(read, ending), read, file_size, ending)


def _after_id3(family: _Family, read: Read, file_size: int, ending: Ending) -> tuple[View, ...] | None:
    """Call ``family`` with offsets after any ID3 tags, as in all endings but an MpegEnding."""
    start = after_id3(read)
    if not start:
        return family(read, file_size, ending)
    found = family(lambda offset, size: read(start + offset, size), file_size - start, ending)
    if found is None and isinstance(ending, OggEnding):  # libsndfile refuses Ogg after an ID3 tag
        found = (View(pieces=(Extent(0, file_size - start),)),)
    return found and tuple(_moved(view, start) for view in found)


def _moved(view: View, distance: int) -> View:
    pieces = (
        piece if isinstance(piece, bytes) else Extent(piece.offset + distance, piece.size) for piece in view.pieces
    )
    return replace(view, pieces=tuple(pieces))


_FAMILIES: dict[str, _Family] = {
    **dict.fromkeys(("WAV", "RF64", "BW64", "W64"), wave_views),
    "AIFF": aiff_views,
    "AU": au_views,
    "CAF": caf_views,
    "NIST SPHERE": sphere_views,
}
