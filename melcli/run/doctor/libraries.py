"""Check the libraries, each imported in a process of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from melcli.run.doctor.children import PATIENCE_S, last_words, start_python

__all__ = ["Library", "examine_libraries", "tell_library"]

AT_A_TIME = 2  # more would be quicker, and be refused where few files may be open


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """What is known of one dependency.

    Attributes
    ----------
    name : str
        As it is installed.
    versions : Mapping of str to str
        Its own and those of what is below it.
    codecs : Mapping of str to bool
        What libsndfile can be built without, and whether it is there.
    error : str
        Why it cannot be used, in one line; empty where it can.
    """

    name: str
    versions: Mapping[str, str] = field(default_factory=dict)
    codecs: Mapping[str, bool] = field(default_factory=dict)
    error: str = ""


def examine_libraries(names: Sequence[str] | None = None) -> list[Library]:
    """Import libraries and ask them what they are.

    Parameters
    ----------
    names : sequence of str, optional
        All that melcli computes, reads and stores with, and ``worker``: what a worker process imports and does before
        its first batch.
    """
    names = list(_ASKED) if names is None else names
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        return list(threads.map(_examine, names))


def tell_library(name: str) -> None:
    """Print what one library is, on the last line; runs in the child."""
    print(f"\n{json.dumps(_ASKED[name]())}")


def _examine(name: str) -> Library:
    try:
        process = start_python("from melcli.run.doctor.libraries import tell_library; tell_library(sys.argv[1])", name)
    except OSError as error:
        return Library(name=name, error=f"no process can be started for it: {error.strerror}")
    with process:
        try:
            stdout, stderr = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return Library(name=name, error=f"it does not come back within {PATIENCE_S:.0f} s")
    if process.returncode:
        return Library(name=name, error=last_words(process, stderr))
    return Library(name=name, **json.loads(stdout.splitlines()[-1]))


def _numpy() -> dict[str, Any]:
    from melcli.mel.kernels import kernels
    from melcli.mel.spectrum import numpy_version

    return {"versions": {"numpy": numpy_version(), **kernels()}}


def _scipy() -> dict[str, Any]:
    from melcli.mel.fft import scipy_version

    return {"versions": {"scipy": scipy_version()}}


def _soundfile() -> dict[str, Any]:
    from melcli.audio.decoder import codecs, libsndfile_version, soundfile_version

    versions = {"soundfile": soundfile_version(), "libsndfile": libsndfile_version()}
    return {"versions": versions, "codecs": codecs()}


def _soxr() -> dict[str, Any]:
    from melcli.audio.resample import soxr_version

    return {"versions": {"soxr": soxr_version()}}


def _h5py() -> dict[str, Any]:
    from melcli.store.hdf5 import h5py_versions

    return {"versions": h5py_versions()}


def _filelock() -> dict[str, Any]:
    from melcli.store.lock import filelock_version

    return {"versions": {"filelock": filelock_version()}}


def _pyyaml() -> dict[str, Any]:
    from melcli.config.document import pyyaml_version

    return {"versions": {"PyYAML": pyyaml_version()}}


def _worker() -> dict[str, Any]:
    from melcli.run import warm as warm  # importing it is doing it

    return {}


_ASKED: Mapping[str, Callable[[], dict[str, Any]]] = {
    "numpy": _numpy,
    "scipy": _scipy,
    "soundfile": _soundfile,
    "soxr": _soxr,
    "h5py": _h5py,
    "filelock": _filelock,
    "PyYAML": _pyyaml,
    "worker": _worker,
}
