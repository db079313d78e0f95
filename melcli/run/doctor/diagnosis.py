"""All checks of ``melcli doctor``."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from melcli.audio.ffmpeg.program import VARIABLE, Program, program
from melcli.errors import CHECK_FAILED, ConfigError, StorageError
from melcli.printable import printable
from melcli.run.doctor.file_system_notes import file_system_note
from melcli.run.doctor.file_system_tests import (
    MAX_NAME_BYTES,
    FileSystemTest,
    NameRules,
    error_message,
    inspect_names,
    run_file_system_tests,
)
from melcli.run.doctor.libraries import Library, check_libraries
from melcli.run.doctor.machine import Machine, inspect_machine
from melcli.run.interrupts import Interrupts
from melcli.store.leftovers import temporary_folder
from melcli.store.mounts import Mount, mount_of
from melcli.store.space import Space, format_size, nearest_folder, space_at
from melcli.version import NUMERICS_VERSION, __version__

__all__ = ["Diagnosis", "Storage", "diagnose"]

WORKER_MEMORY_BYTES = 150_000_000  # an estimate; docs/benchmarks.md has measurements
MIN_FREE_BYTES = 1_000_000_000
MIN_FREE_FILES = 10_000
MAX_SHARD_BYTES = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """The folder and the file system of OUT.  The names of the attributes are keys of ``--json``.

    Attributes
    ----------
    out : str
        The absolute path of OUT.
    tested : str
        The nearest existing folder; the tests ran in a temporary folder in it.
    mount : Mount or None
        The mount; None if the system does not report it.
    space : Space or None
        The free space; None if the file system does not report it.
    promises : sequence of FileSystemTest
        The tests.
    names : NameRules or None
        The rules for names; None if nothing can be written.
    """

    out: str
    tested: str
    mount: Mount | None
    space: Space | None
    promises: Sequence[FileSystemTest]
    names: NameRules | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The result of all checks.

    Attributes
    ----------
    libraries : sequence of Library
    ffmpeg : Program or None
        The ffmpeg that decodes what libsndfile does not support; None if there is none.
    machine : Machine
    storage : Storage
    problems : sequence of str
        Faults with which melcli fails or may lose work, as sentences.
    warnings : sequence of str
        Limits and risks, as sentences.
    """

    libraries: Sequence[Library]
    ffmpeg: Program | None
    machine: Machine
    storage: Storage
    problems: Sequence[str]
    warnings: Sequence[str]

    @property
    def exit_code(self) -> int:
        """4 if there is a problem, otherwise 0."""
        return CHECK_FAILED if self.problems else 0

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        return {
            "melcli": __version__,
            "numerics": NUMERICS_VERSION,
            "python_path": sys.executable,
            "libraries": [asdict(library) for library in self.libraries],
            "ffmpeg": None if self.ffmpeg is None else asdict(self.ffmpeg),
            "machine": asdict(self.machine),
            "storage": asdict(self.storage),
            "problems": self.problems,
            "warnings": self.warnings,
            "exit_code": self.exit_code,
        }


def diagnose(out: str, versions: Mapping[str, str]) -> Diagnosis:
    """Run all checks.

    Parameters
    ----------
    out : str
        OUT.  If it does not exist, the checks use the nearest existing folder above it.
    versions : Mapping of str to str
        Versions of libraries that the caller has already imported, by name.

    Raises
    ------
    ConfigError
        OUT is relative, and the working folder does not exist.
    Interrupted
        The process received a signal.
    """
    try:
        out = os.path.abspath(out)
    except OSError as error:
        raise ConfigError(f"the working folder does not exist any more: {error.strerror}") from error
    imported = [Library(name=name, versions={name: version}) for name, version in versions.items()]
    with Interrupts():  # a signal must not leave the temporary folder
        libraries = [*check_libraries(), *imported]
        ffmpeg, machine, storage = program(), inspect_machine(), _check_storage(out)
    return Diagnosis(
        libraries=libraries,
        ffmpeg=ffmpeg,
        machine=machine,
        storage=storage,
        problems=[*_library_problems(libraries), *_storage_problems(storage)],
        warnings=[
            *_library_warnings(libraries),
            *_ffmpeg_warnings(ffmpeg),
            *_machine_warnings(machine),
            *_storage_warnings(storage),
        ],
    )


def _check_storage(out: str) -> Storage:
    tested = nearest_folder(out)
    space, names, promises = None, None, []
    try:
        space = space_at(tested)
        _refuse_file(out)
        with temporary_folder(tested) as folder:
            promises = run_file_system_tests(folder)
            names = inspect_names(folder)
    except (OSError, StorageError) as error:
        if not promises:  # otherwise the tests contain the error
            promises = [FileSystemTest(name="writing", kept=False, detail=error_message(error))]
    return Storage(out=out, tested=tested, mount=mount_of(tested), space=space, promises=promises, names=names)


def _refuse_file(path: str) -> None:
    """Raise `NotADirectoryError` if OUT or a folder above it is a file."""
    while path and not os.path.isdir(path):
        if os.path.lexists(path):
            raise NotADirectoryError(errno.ENOTDIR, f"{printable(path)} is not a folder")
        path = os.path.dirname(path.rstrip("/"))


def _library_problems(libraries: Sequence[Library]) -> Iterator[str]:
    for library in libraries:
        if library.error:
            effect = "a worker cannot work" if library.name == "worker" else f"{library.name} cannot be imported"
            yield f"{effect}: {library.error}"


def _storage_problems(storage: Storage) -> Iterator[str]:
    for promise in storage.promises:
        if not promise.kept:
            yield f"{printable(storage.tested)}, {promise.name}: {promise.detail}"


def _library_warnings(libraries: Sequence[Library]) -> Iterator[str]:
    missing = [name for library in libraries for name, is_available in library.codecs.items() if not is_available]
    if missing:
        yield f"libsndfile was built without {', '.join(missing)}: these files fail as unsupported_format"


def _ffmpeg_warnings(ffmpeg: Program | None) -> Iterator[str]:
    if ffmpeg is None and os.environ.get(VARIABLE):
        yield f"{VARIABLE}={printable(os.environ[VARIABLE])} is not a program"
    if ffmpeg is not None and ffmpeg.problem:
        yield ffmpeg.problem


def _machine_warnings(machine: Machine) -> Iterator[str]:
    memory_bytes = min(machine.memory_bytes, machine.memory_limit_bytes or machine.memory_bytes)
    max_workers = max(1, memory_bytes // WORKER_MEMORY_BYTES)
    if max_workers < machine.usable_cpus:
        yield (
            f"{format_size(memory_bytes)} of memory are enough for about {max_workers} workers, but extract starts "
            f"{machine.usable_cpus} by default: use -j {max_workers}"
        )
    if machine.open_files is not None and machine.open_files < 64 + 8 * machine.usable_cpus:
        yield f"a limit of {machine.open_files} open files is low for {machine.usable_cpus} workers: raise ulimit -n"
    if machine.file_size_bytes is not None and machine.file_size_bytes < MAX_SHARD_BYTES:
        yield f"files are limited to {format_size(machine.file_size_bytes)}: raise ulimit -f"


def _storage_warnings(storage: Storage) -> Iterator[str]:
    where = printable(storage.tested)
    note = file_system_note(storage.mount.kind) if storage.mount else ""
    if note:
        yield f"{where} is {note}"
    if storage.space is not None:
        if storage.space.free_bytes < MIN_FREE_BYTES:
            yield f"{where} has only {format_size(storage.space.free_bytes)} free"
        if storage.space.free_files is not None and storage.space.free_files < MIN_FREE_FILES:
            yield f"{where} has only {storage.space.free_files:,} free inodes; -f hdf5 writes fewer files"
    if storage.names is None:
        return
    if storage.names.longest_bytes < MAX_NAME_BYTES:
        yield f"{where} limits names to {storage.names.longest_bytes} bytes; other file systems allow 255"
    if not storage.names.any_bytes:
        yield f"{where} refuses names that are not UTF-8; with -f hdf5, names of items are not names of files"
    if not storage.names.tells_case or not storage.names.tells_form:
        forms = "upper and lower case" if not storage.names.tells_case else "composed and decomposed accents"
        yield f"{where} does not distinguish {forms}; melcli refuses inputs whose names differ only in that"
