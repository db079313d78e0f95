"""Find ffmpeg and its version.

The driver and the workers call this module, so it imports neither NumPy nor, before it is needed, `subprocess`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache

from melcli.errors import ConfigError
from melcli.null_device import open_null
from melcli.printable import printable

__all__ = [
    "is_by_ffmpeg",
    "OLDEST",
    "VARIABLE",
    "Program",
    "condition",
    "environment",
    "locate",
    "program",
    "refuse_unusable",
]

VARIABLE = "MELCLI_FFMPEG"
# 4.2 is the oldest version that the tests run.  4.0 and earlier do not print the level of each message.
OLDEST = (4, 2)
VERSION_TIMEOUT_S = 30.0  # generous, for a program on a slow network disk
MAX_VERSION_CHARS = 60
# FFREPORT makes ffmpeg write a log into the working folder, and the other colors its messages.
_NOT_INHERITED = ("FFREPORT", "AV_LOG_FORCE_COLOR")
_VERSION = re.compile(r"ffmpeg version (\S+)")
_NUMBERS = re.compile(r"n?(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Program:
    """An ffmpeg.

    Attributes
    ----------
    path : str
    version : str
        As it prints it, such as ``5.1.9-0+deb12u1``; empty if it prints none.
    problem : str
        Why it cannot be used, as a clause that names it; empty if it can.
    """

    path: str
    version: str = ""
    problem: str = ""


def is_by_ffmpeg(format: str | None) -> bool:
    """Return whether the format of a row names ffmpeg as the decoder; see `melcli.audio.decode.AudioFile`."""
    return format is not None and format.startswith("ffmpeg/")


def locate() -> str | None:
    """Return the path of ffmpeg: `VARIABLE` if it is set, otherwise the first on PATH; None if there is none.

    An empty `VARIABLE` means that no ffmpeg is used.
    """
    name = os.environ.get(VARIABLE, "ffmpeg")
    folders = [""] if "/" in name else os.get_exec_path() if name else []
    paths = (os.path.join(folder, name) for folder in folders)
    return next((path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)), None)


def program() -> Program | None:
    """Return the ffmpeg that `locate` finds, with its version; None if there is none.

    The version is read once for each content of the path.
    """
    path = locate()
    if path is None:
        return None
    try:
        status = os.stat(path)
    except OSError:
        return None
    return _inspect(path, (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))


def condition(decoder: str) -> str | None:
    """Return what an unsupported format was tried with, such as ``ffmpeg=5.1.9``; None if only libsndfile decodes."""
    found = None if decoder == "libsndfile" else program()
    return None if found is None or found.problem else f"ffmpeg={found.version}"


def refuse_unusable(decoder: str) -> None:
    """Check before a run that what was asked for exists.

    Raises
    ------
    ConfigError
        `VARIABLE` names no program, or ``decoder`` is ``ffmpeg`` and there is none that can be used.
    """
    path = locate()
    if path is None and os.environ.get(VARIABLE) and decoder != "libsndfile":
        raise ConfigError(
            f"{VARIABLE}={printable(os.environ[VARIABLE])} is not a program",
            hint=f"name the ffmpeg to use, or unset {VARIABLE}",
        )
    if decoder != "ffmpeg":
        return
    found = program()
    if found is None:
        raise ConfigError(
            "audio.decoder=ffmpeg needs ffmpeg, which is not on PATH",
            key="decoder",
            hint=f"install ffmpeg, or set {VARIABLE} to its path",
        )
    if found.problem:
        raise ConfigError(f"audio.decoder=ffmpeg: {found.problem}", key="decoder")


def environment() -> dict[str, str]:
    """Return the environment variables for ffmpeg."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}


def version_in(banner: str) -> str:
    """Return the version in the first line that ffmpeg prints; ``""`` if it has none."""
    found = _VERSION.search(banner.partition("\n")[0])
    return printable(found[1])[:MAX_VERSION_CHARS] if found else ""


def problem_of(path: str, version: str) -> str:
    """Return why an ffmpeg of this version cannot be used; ``""`` if it can, or if its version has no numbers."""
    if not version:
        return f"{printable(path)} does not report a version, as ffmpeg does"
    numbers = _NUMBERS.match(version)
    if numbers and (int(numbers[1]), int(numbers[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return f"{printable(path)} is ffmpeg {version}, and melcli needs {oldest} or newer"
    return ""


@lru_cache(maxsize=8)
def _inspect(path: str, _fingerprint: tuple[int, ...]) -> Program:
    import subprocess  # takes 10 ms, and few runs need it

    null = open_null()
    try:
        done = subprocess.run(  # noqa: S603  the program that the user names, without a shell
            [path, "-version"],
            stdin=null,
            stdout=subprocess.PIPE,
            stderr=null,
            env=environment(),
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        return Program(path, problem=f"{printable(path)} cannot be started: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Program(path, problem=f"{printable(path)} does not report a version within {VERSION_TIMEOUT_S:.0f} s")
    finally:
        os.close(null)
    version = version_in(done.stdout.decode("utf-8", "replace"))
    return Program(path, version, problem_of(path, version))
