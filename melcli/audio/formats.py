"""The formats that melcli reads: libsndfile's names and file extensions."""

from __future__ import annotations

__all__ = ["ALL_ENDINGS", "ENDINGS", "is_misnamed", "name_ending", "true_container"]

# The formats whose end can be judged.  The rest of what libsndfile reads is refused: MPC2K takes any file that begins
# with 01 04.
ENDINGS = {
    "WAV": {"wav", "wave", "bwf"},
    "WAVEX": {"wav", "wave", "bwf"},
    "RF64": {"wav", "wave", "bwf", "rf64"},
    "W64": {"w64"},
    "AIFF": {"aiff", "aif", "aifc"},
    "AU": {"au", "snd"},
    "CAF": {"caf"},
    "NIST": {"sph", "nist", "wav"},  # TIMIT and WSJ call theirs .wav
    "FLAC": {"flac"},
    "OGG": {"ogg", "oga", "opus"},
    "MP3": {"mp3", "mp2", "mp1", "mpga"},
}
ALL_ENDINGS = frozenset().union(*ENDINGS.values())


def true_container(shown: str, container: str) -> str:
    """Return what a file is that libsndfile was shown as another one of its family.

    Parameters
    ----------
    shown : str
        What libsndfile calls it.
    container : str
        See `melcli.audio.ending.Ending.format`.
    """
    if shown not in ("WAV", "WAVEX", "RF64") or (shown, container) == ("WAVEX", "WAV"):
        return shown
    return {"WAV": "WAV", "W64": "W64", "RF64": "RF64", "BW64": "RF64"}.get(container, shown)


def is_misnamed(path: str, audio_format: str) -> bool:
    """Tell whether the ending of a name is that of another format."""
    ending = name_ending(path)
    return ending not in ENDINGS[audio_format] and ending in ALL_ENDINGS


def name_ending(path: str) -> str:
    """Return what follows the last dot, in lower case."""
    return path.rpartition(".")[2].lower()
