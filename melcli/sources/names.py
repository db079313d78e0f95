"""The name of a file below its INPUT, which becomes the id of its output.

=====================  ================================================================
INPUT                  name
=====================  ================================================================
a folder ``data``      ``a/b.wav`` for ``data/a/b.wav``
a file ``data/b.wav``  ``b.wav``
a listed path          as written, without what leads out: ``data/b.wav`` for
                       ``data/b.wav``, ``./data/b.wav``, ``/data/b.wav``, ``../data/b.wav``
=====================  ================================================================

The id is the name without its extension, or the name itself with ``keep_extension``.  Parts are separated by ``/``.
"""

from __future__ import annotations

import os

__all__ = ["AUDIO_EXTENSIONS", "extension", "item_id", "listed_name"]

# What libsndfile 1.2.2 opens and people keep corpora in.  It looks at the content and not at the extension, so this
# list only says which files of a folder are worth opening.  Left out is what needs to be told its rate (.raw, .pcm),
# what it refuses (.m4a, .aac, .wma, .webm), what mostly is no audio (.mat), and what is rare, or often in a coding that
# it refuses (.sph, .voc, .sd2); --include brings those in.
AUDIO_EXTENSIONS = frozenset(
    {
        *(".wav", ".wave", ".bwf", ".rf64", ".w64"),
        *(".flac", ".ogg", ".oga", ".opus", ".mp3"),
        *(".aif", ".aiff", ".aifc", ".au", ".snd", ".caf"),
    }
)


def extension(name: str) -> str:
    """Return the extension in lower case with its dot; ``""`` where there is none, as in ``.wav``."""
    return os.path.splitext(name)[1].lower()


def item_id(name: str, *, keep_extension: bool) -> str:
    """Turn a name below an INPUT into the id of its output: ``a/b.c.wav`` to ``a/b.c``."""
    return name if keep_extension else os.path.splitext(name)[0]


def listed_name(path: str) -> str:
    """Turn a listed path into a name that stays below OUT: normalised, no leading ``/``, ``./`` or ``../``.

    ``""`` where nothing is left, as for ``.`` and ``/``.
    """
    parts = os.path.normpath(path).split("/")
    leading = next((n for n, part in enumerate(parts) if part not in {"", ".", ".."}), len(parts))
    return "/".join(parts[leading:])
