"""All checks of ``melcli doctor``."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from melcli.errors import CHECK_FAILED, ConfigError, StorageError
from melcli.printable import printable
from melcli.run.doctor.file_systems import file_system_note
from melcli.run.doctor.libraries import Library, examine_libraries
from melcli.run.doctor.machine import Machine, examine_machine
from melcli.run.doctor.promises import (
    LONGEST_NAME_BYTES,
    Names,
    Promise,
    examine_names,
    examine_promises,
    reason_in_words,
)
from melcli.run.interrupts import Interrupts
from melcli.store.files import temporary_folder
from melcli.store.mounts import Mount, mount_of
from melcli.store.space import Space, nearest_folder, size_in_words, space_at
from melcli.version import NUMERICS_VERSION, __version__

__all__ = ["Diagnosis", "Storage", "diagnose"]

WORKER_BYTES = 150_000_000  # of memory; what it really holds is in docs/benchmarks.md
FEW_BYTES = 1_000_000_000
FEW_FILES = 10_000
LARGEST_SHARD_BYTES = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """What is known of where OUT is or will be.

    Attributes
    ----------
    out : str
        OUT, absolute.
    tested : str
        The nearest folder that is there; trials were made in one below it.
    mount : Mount or None
        None where the system does not tell.
    space : Space or None
        None where the file system does not tell.
    promises : sequence of Promise
        What was tried.
    names : Names or None
        None where nothing can be written.
    """

    out: str
    tested: str
    mount: Mount | None
    space: Space | None
    promises: Sequence[Promise]
    names: Names | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What was found.

    Attributes
    ----------
    libraries : sequence of Library
    machine : Machine
    storage : Storage
    problems : sequence of str
        What breaks promises of melcli's, a sentence each.
    warnings : sequence of str
        What is worth knowing.
    """

    libraries: Sequence[Library]
    machine: Machine
    storage: Storage
    problems: Sequence[str]
    warnings: Sequence[str]

    @property
    def exit_code(self) -> int:
        """0, or 4 where there is a problem."""
        return CHECK_FAILED if self.problems else 0

    def plain(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "melcli": __version__,
            "numerics": NUMERICS_VERSION,
            "python_path": sys.executable,
            "libraries": [asdict(library) for library in self.libraries],
            "machine": asdict(self.machine),
            "storage": asdict(self.storage),
            "problems": self.problems,
            "warnings": self.warnings,
            "exit_code": self.exit_code,
        }


def diagnose(out: str, versions: Mapping[str, str]) -> Diagnosis:
    """Examine everything.

    Parameters
    ----------
    out : str
        OUT; where it is not there yet, the nearest folder above it is examined.
    versions : Mapping of str to str
        Of libraries that the caller has imported already.

    Raises
    ------
    ConfigError
        OUT is relative, and the working folder is gone.
    Interrupted
        A signal came.
    """
    try:
        out = os.path.abspath(out)
    except OSError as error:
        raise ConfigError(f"the working folder is gone: {error.strerror}") from error
    given = [Library(name=name, versions={name: version}) for name, version in versions.items()]
    with Interrupts():  # so that a signal leaves no folder of trials
        libraries = [*examine_libraries(), *given]
        machine, storage = examine_machine(), _examine_storage(out)
    return Diagnosis(
        libraries=libraries,
        machine=machine,
        storage=storage,
        problems=[*_library_problems(libraries), *_storage_problems(storage)],
        warnings=[*_library_warnings(libraries), *_machine_warnings(machine), *_storage_warnings(storage)],
    )


def _examine_storage(out: str) -> Storage:
    tested = nearest_folder(out)
    space, names, promises = None, None, []
    try:
        space = space_at(tested)
        _refuse_file(out)
        with temporary_folder(tested) as folder:
            promises = examine_promises(folder)
            names = examine_names(folder)
    except (OSError, StorageError) as error:
        if not promises:  # or they say more
            promises = [Promise(name="writing", kept=False, detail=reason_in_words(error))]
    return Storage(out=out, tested=tested, mount=mount_of(tested), space=space, promises=promises, names=names)


def _refuse_file(path: str) -> None:
    """Raise where OUT, or a folder that it would be in, is a file."""
    while path and not os.path.isdir(path):
        if os.path.lexists(path):
            raise NotADirectoryError(errno.ENOTDIR, f"{printable(path)} is no folder")
        path = os.path.dirname(path.rstrip("/"))


def _library_problems(libraries: Sequence[Library]) -> Iterator[str]:
    for library in libraries:
        if library.error:
            what = "a worker cannot work" if library.name == "worker" else f"{library.name} cannot be imported"
            yield f"{what}: {library.error}"


def _storage_problems(storage: Storage) -> Iterator[str]:
    for promise in storage.promises:
        if not promise.kept:
            yield f"{printable(storage.tested)}, {promise.name}: {promise.detail}"


def _library_warnings(libraries: Sequence[Library]) -> Iterator[str]:
    missing = [name for library in libraries for name, there in library.codecs.items() if not there]
    if missing:
        yield f"libsndfile was built without {', '.join(missing)}: such files fail as unsupported_format"


def _machine_warnings(machine: Machine) -> Iterator[str]:
    memory_bytes = min(machine.memory_bytes, machine.memory_limit_bytes or machine.memory_bytes)
    fitting = max(1, memory_bytes // WORKER_BYTES)
    if fitting < machine.usable_cpus:
        yield (
            f"{size_in_words(memory_bytes)} of memory are enough for about {fitting} workers, and "
            f"{machine.usable_cpus} would be started: give -j {fitting}"
        )
    if machine.open_files is not None and machine.open_files < 64 + 8 * machine.usable_cpus:
        yield f"{machine.open_files} open files are few for {machine.usable_cpus} workers: raise ulimit -n"
    if machine.file_size_bytes is not None and machine.file_size_bytes < LARGEST_SHARD_BYTES:
        yield f"no file may grow beyond {size_in_words(machine.file_size_bytes)}: raise ulimit -f"


def _storage_warnings(storage: Storage) -> Iterator[str]:
    where = printable(storage.tested)
    note = file_system_note(storage.mount.kind) if storage.mount else ""
    if note:
        yield f"{where} is {note}"
    if storage.space is not None:
        if storage.space.free_bytes < FEW_BYTES:
            yield f"{where} has only {size_in_words(storage.space.free_bytes)} free"
        if storage.space.free_files is not None and storage.space.free_files < FEW_FILES:
            yield f"{where} has room for only {storage.space.free_files:,} files; -f hdf5 needs fewer"
    if storage.names is None:
        return
    if storage.names.longest_bytes < LONGEST_NAME_BYTES:
        yield f"{where} takes names of {storage.names.longest_bytes} bytes at most, other file systems 255"
    if not storage.names.any_bytes:
        yield f"{where} takes no names that are not UTF-8; with -f hdf5 names are no files"
    if not storage.names.tells_case or not storage.names.tells_form:
        what = "upper and lower case" if not storage.names.tells_case else "the forms of a letter with its accent"
        yield f"{where} does not tell {what} apart; inputs whose names differ in nothing else are refused"
