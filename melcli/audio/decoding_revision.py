"""Revisions of decoding: which features a fix of the decoder makes stale.

`DECODING_REVISION` counts the fixes that change decoded samples, or that make unreadable files readable.  Each row of a
manifest records the revision that produced it.  A fix lists the affected formats in `REVISED`, so that exactly the rows
of these formats are recomputed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

__all__ = ["DECODING_REVISION", "is_outdated"]

DECODING_REVISION = 1

# The revision that last changed a container, such as "mp3", or a container with a coding, such as "wav/gsm610".
REVISED: Mapping[str, int] = {
    # GSM 6.10 with an odd number of blocks, and incomplete last blocks of the others.
    **dict.fromkeys(("wav/gsm610", "wav/ima_adpcm", "wav/ms_adpcm", "wav/g721_32", "wavex/ms_adpcm"), 1),
    **dict.fromkeys(("wav/nms_adpcm_16", "wav/nms_adpcm_24", "wav/nms_adpcm_32"), 1),
    **dict.fromkeys(("w64/gsm610", "w64/ima_adpcm", "w64/ms_adpcm", "aiff/gsm610", "aiff/ima_adpcm"), 1),
    **dict.fromkeys(("au/g721_32", "au/g723_24", "au/g723_40"), 1),
    # Junk around the frames, the frame of a VBRI tag, and audio after a damaged header.
    "mp3": 1,
    # 24 bits in 32-bit containers.
    **dict.fromkeys(("wav/pcm_24", "wavex/pcm_24", "w64/pcm_24", "rf64/pcm_24"), 1),
    # Float, A-law and u-law in WAVE_FORMAT_EXTENSIBLE, which were read as these codings.
    **dict.fromkeys(("w64/pcm_32", "w64/pcm_u8"), 1),
    # Chains, damage of the first or last page, Opus that does not start at 0 or has no input rate.
    "ogg": 1,
}

# The usual containers by file extension, for rows of earlier releases, which do not record the format.
_CONTAINERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys((".wav", ".wave", ".bwf", ".rf64"), ("wav", "wavex", "rf64", "nist", "mp3")),
    ".w64": ("w64",),
    ".flac": ("flac",),
    **dict.fromkeys((".ogg", ".oga", ".opus"), ("ogg",)),
    ".mp3": ("mp3",),
    **dict.fromkeys((".aif", ".aiff", ".aifc"), ("aiff",)),
    **dict.fromkeys((".au", ".snd"), ("au",)),
    ".caf": ("caf",),
    **dict.fromkeys((".mp2", ".mp1", ".mpga"), ("mp3",)),
    **dict.fromkeys((".sph", ".nist"), ("nist",)),
}


def is_outdated(format: str | None, revision: int | None, source: str) -> bool:
    """Return whether decoding changed since a row was made.

    Parameters
    ----------
    format : str or None
        Container and coding, such as ``ogg/vorbis``.  None if unknown: then the row is outdated by a fix of any
        container that the file extension allows.
    revision : int or None
        `DECODING_REVISION` when the row was made; None for rows of earlier releases, which have none.
    source : str
        Path of the input; ``""`` allows any container.
    """
    made_with = revision or 0
    if made_with >= DECODING_REVISION:
        return False
    return any(changed > made_with and _concerns(name, format, source) for name, changed in REVISED.items())


def _concerns(name: str, format: str | None, source: str) -> bool:
    """Return whether a fix of ``name`` affects an input."""
    if format is not None:
        return name in (format, format.partition("/")[0])
    extension = os.path.splitext(source)[1].lower()
    return extension not in _CONTAINERS or name.partition("/")[0] in _CONTAINERS[extension]
