"""Check the libraries; each is imported in its own process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from melcli.run.doctor.child_process import CHILD_TIMEOUT_S, describe_failure, start_python

__all__ = ["Library", "check_libraries", "print_library"]

MAX_PROCESSES = 2  # more would be faster, but may exceed a low limit of open files


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """One dependency.

    Attributes
    ----------
    name : str
        The name of the distribution.
    versions : Mapping of str to str
        Its version, and those of the libraries that it wraps, by name.
    codecs : Mapping of str to bool
        The optional codecs of libsndfile, and whether they are available.
    error : str
        Why the library cannot be used, in one line; empty if it can.
    """

    name: str
    versions: Mapping[str, str] = field(default_factory=dict)
    codecs: Mapping[str, bool] = field(default_factory=dict)
    error: str = ""


def check_libraries(names: Sequence[str] | None = None) -> list[Library]:
    """Import libraries and read their versions.

    Parameters
    ----------
    names : sequence of str, optional
        Names of the libraries, by default all.  ``worker`` stands for the imports and the warm-up of a worker process.
    """
    names = list(_LIBRARIES) if names is None else names
    with ThreadPoolExecutor(MAX_PROCESSES) as threads:
        return list(threads.map(_check, names))


def print_library(name: str) -> None:
    """Print the versions of one library as JSON on the last line; runs in the child process."""
    print(f"\n{json.dumps(_LIBRARIES[name]())}")


def _check(name: str) -> Library:
    try:
        process = start_python(
            "from melcli.run.doctor.libraries import print_library; print_library(sys.argv[1])", name
        )
    except OSError as error:
        return Library(name=name, error=f"its process cannot be started: {error.strerror}")
    with process:
        try:
            stdout, stderr = process.communicate(timeout=CHILD_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return Library(name=name, error=f"its import takes more than {CHILD_TIMEOUT_S:.0f} s")
    if process.returncode:
        return Library(name=name, error=describe_failure(process, stderr))
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
    from melcli.config.yaml_document import pyyaml_version

    return {"versions": {"PyYAML": pyyaml_version()}}


def _worker() -> dict[str, Any]:
    from melcli.run import warm as warm  # the import itself warms up

    return {}


_LIBRARIES: Mapping[str, Callable[[], dict[str, Any]]] = {
    "numpy": _numpy,
    "scipy": _scipy,
    "soundfile": _soundfile,
    "soxr": _soxr,
    "h5py": _h5py,
    "filelock": _filelock,
    "PyYAML": _pyyaml,
    "worker": _worker,
}
