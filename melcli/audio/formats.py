"""The formats that melcli reads: libsndfile's names and file extensions."""

from __future__ import annotations

__all__ = ["ALL_EXTENSIONS", "EXTENSIONS", "is_misnamed", "name_extension", "true_container"]

# The formats whose end melcli can check.  It refuses the other formats of libsndfile: MPC2K, for example, accepts any
# file that begins with 01 04.
EXTENSIONS = {
    "WAV": {"wav", "wave", "bwf"},
    "WAVEX": {"wav", "wave", "bwf"},
    "RF64": {"wav", "wave", "bwf", "rf64"},
    "W64": {"w64"},
    "AIFF": {"aiff", "aif", "aifc"},
    "AU": {"au", "snd"},
    "CAF": {"caf"},
    "NIST": {"sph", "nist", "wav"},  # TIMIT and WSJ use .wav
    "FLAC": {"flac"},
    "OGG": {"ogg", "oga", "opus"},
    "MP3": {"mp3", "mp2", "mp1", "mpga"},
}
ALL_EXTENSIONS = frozenset().union(*EXTENSIONS.values())


def true_container(shown: str, container: str) -> str:
    """Return the real container of a file that libsndfile read as another one of the same family.

    Parameters
    ----------
    shown : str
        libsndfile's name for what it read.
    container : str
        See `melcli.audio.end_of_audio.Ending.format`.
    """
    if shown not in ("WAV", "WAVEX", "RF64") or (shown, container) == ("WAVEX", "WAV"):
        return shown
    return {"WAV": "WAV", "W64": "W64", "RF64": "RF64", "BW64": "RF64"}.get(container, shown)


def is_misnamed(path: str, audio_format: str) -> bool:
    """Return whether the extension of a path belongs to another format."""
    ending = name_extension(path)
    return ending not in EXTENSIONS[audio_format] and ending in ALL_EXTENSIONS


def name_extension(path: str) -> str:
    """Return the text after the last dot, in lower case."""
    return path.rpartition(".")[2].lower()
