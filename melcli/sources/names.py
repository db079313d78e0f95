"""Derive the ids of items from the names of files relative to their INPUT.

=====================  ================================================================
INPUT                  name
=====================  ================================================================
a folder ``data``      ``a/b.wav`` for ``data/a/b.wav``
a file ``data/b.wav``  ``b.wav``
a listed path          as written, without leading ``/``, ``./`` and ``../``: ``data/b.wav`` for
                       ``data/b.wav``, ``./data/b.wav``, ``/data/b.wav``, ``../data/b.wav``
=====================  ================================================================

The id is the name without its extension, or the name itself with ``keep_extension``.  Parts are separated by ``/``.
A file that needs another decoder always keeps its extension: ``a.m4a`` next to ``a.wav`` is not a clash.  If it is
converted to ``a.flac``, the new file is the item ``a``, whether or not ``a.m4a`` still exists.
"""

from __future__ import annotations

import os

__all__ = ["AUDIO_EXTENSIONS", "UNDECODED_EXTENSIONS", "extension", "item_id", "listed_name", "needs_another_decoder"]

# What libsndfile 1.2.2 opens and `melcli.audio.decode` accepts.  The decoder checks the content, not the extension, so
# this list only decides which files of a folder are opened.
AUDIO_EXTENSIONS = frozenset(
    {
        *(".wav", ".wave", ".bwf", ".rf64", ".w64"),
        *(".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".mp1", ".mpga"),
        *(".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".sph", ".nist"),
    }
)

# Audio and video that needs ffmpeg.  Such files are items too, and fail as ``unsupported_format`` where it is missing,
# so that a folder of them does not exit with 0.  Neither list has extensions that often mean something else: .ts and
# .mts are TypeScript, .mod is a module, .raw a photograph, .la a library, .mpp and .sln are projects, .mat is a matrix.
# `Found.account` counts those files.
UNDECODED_EXTENSIONS = frozenset(
    {
        *(".m4a", ".m4b", ".m4p", ".m4r", ".aac", ".adts", ".mp4", ".m4v", ".f4a", ".f4v"),  # AAC, ISO base media
        *(".mov", ".qt", ".3gp", ".3gpp", ".3ga", ".3g2", ".aa", ".aax"),
        *(".mkv", ".mka", ".mk3d", ".webm", ".weba"),  # Matroska
        *(".ogv", ".ogm", ".ogx", ".spx"),  # Ogg with video or Speex
        *(".wma", ".wmv", ".asf", ".avi", ".divx", ".flv", ".mxf", ".dv"),  # other containers
        *(".ra", ".rm", ".rmvb"),
        *(".mpg", ".mpeg", ".vob", ".m2ts", ".m2t"),
        *(".ac3", ".eac3", ".ec3", ".ac4", ".dts", ".dtshd"),  # cinema
        *(".ape", ".wv", ".mpc", ".mp+", ".tta", ".tak", ".ofr", ".shn", ".qoa", ".dsf", ".dff"),  # music
        *(".amr", ".awb", ".gsm", ".vox", ".qcp", ".g722", ".g729", ".pcm", ".dss", ".ds2"),  # telephony, dictation
        *(".oma", ".aa3", ".at3", ".at9"),  # ATRAC
        *(".voc", ".8svx", ".sd2", ".ircam"),  # libsndfile reads them; `melcli.audio.decode` cannot check their end
    }
)

# Leaves space for a number, a channel and ``.npy`` in the 255 bytes of a file name.
MAX_UNDECODED_NAME_BYTES = 235
DIGEST_DIGITS = 8


def extension(name: str) -> str:
    """Return the extension in lower case with its dot; ``""`` if there is none, as in ``.wav``."""
    return _ending(name).lower()


def _ending(name: str) -> str:
    """Return the extension with its case: the result of `os.path.splitext`, in a fifth of the time."""
    stem, dot, ending = name.rpartition(".")
    if "/" in ending:
        return ""
    if stem[-1:] in ("", ".", "/"):  # rare: then the rest of the last part decides
        stem = stem[stem.rfind("/") + 1 :].strip(".")
    return dot + ending if stem else ""


def needs_another_decoder(name: str) -> bool:
    """Return whether a file is, by its extension, audio or video that libsndfile cannot read."""
    return extension(name) in UNDECODED_EXTENSIONS


def item_id(name: str, *, keep_extension: bool) -> str:
    """Convert a name below an INPUT to the id of its output: ``a/b.c.wav`` to ``a/b.c``, and ``a/b.m4a`` to itself."""
    ending = _ending(name)
    if ending.lower() in UNDECODED_EXTENSIONS:
        return _shortened(name)
    return name if keep_extension or not ending else name[: -len(ending)]


def _shortened(name: str) -> str:
    """Shorten a last part that is too long for OUT, so that such a file does not stop the run.

    A part of the name's hash keeps two such names different.
    """
    folder, slash, last = name.rpartition("/")
    encoded = os.fsencode(last)
    if len(encoded) <= MAX_UNDECODED_NAME_BYTES:
        return name
    import hashlib  # takes 4 ms and such names are rare, so it is imported only here

    stem, ending = os.path.splitext(last)
    ending = f"~{hashlib.sha256(encoded).hexdigest()[:DIGEST_DIGITS]}{ending}"
    while len(os.fsencode(stem)) > MAX_UNDECODED_NAME_BYTES - len(ending):
        stem = stem[:-1]
    return f"{folder}{slash}{stem}{ending}"


def listed_name(path: str) -> str:
    """Convert a listed path to a name that stays below OUT: normalized, without leading ``/``, ``./`` or ``../``.

    Return ``""`` if nothing remains, as for ``.`` and ``/``.
    """
    parts = os.path.normpath(path).split("/")
    leading = next((n for n, part in enumerate(parts) if part not in {"", ".", ".."}), len(parts))
    return "/".join(parts[leading:])
