"""The report of ``melcli doctor``, as lines of 80 columns."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping

from melcli.audio.ffmpeg.program import Program
from melcli.printable import printable
from melcli.run.doctor.diagnosis import Diagnosis, Storage
from melcli.run.doctor.file_system_tests import NameRules
from melcli.run.doctor.libraries import Library
from melcli.run.doctor.machine import Machine
from melcli.store.space import format_size
from melcli.version import __version__

__all__ = ["lines"]

WIDTH = 80
LABEL_WIDTH = 14


def lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Yield the lines of a diagnosis; the last one is the conclusion."""
    yield from _row("melcli", __version__)
    yield from _row("Python", f"{diagnosis.machine.python}, {printable(sys.executable)}")
    yield from _row("system", diagnosis.machine.system)
    for library in diagnosis.libraries:
        yield from _row(library.name, _library(library))
    yield from _row("ffmpeg", _ffmpeg(diagnosis.ffmpeg))
    yield ""
    for label, text in _machine(diagnosis.machine).items():
        yield from _row(label, text)
    yield ""
    for label, text in _storage(diagnosis.storage):
        yield from _row(label, text)
    for kind, sentences in (("warning", diagnosis.warnings), ("problem", diagnosis.problems)):
        for sentence in sentences:
            yield ""
            yield from _wrapped(f"{kind}: {sentence}", "  ")
    yield ""
    yield from _wrapped(_conclusion(diagnosis), "")


def _row(label: str, text: str) -> Iterator[str]:
    yield from _wrapped(f"{label:<{LABEL_WIDTH}}{text}", " " * LABEL_WIDTH)


def _wrapped(text: str, indent: str) -> Iterator[str]:
    # Paths and addresses stay on one line, so that they can be copied.
    yield from textwrap.wrap(
        text,
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def _library(library: Library) -> str:
    if library.error:
        return f"BROKEN: {library.error}"
    if library.name == "worker":
        return "imports its modules, resamples and computes"
    own, *wrapped = library.versions.items()
    codecs = [name for name, is_available in library.codecs.items() if is_available]
    parts = [own[1], *(f"{name} {version}" for name, version in wrapped)]
    return ", ".join(parts) + (f" with {', '.join(codecs)}" if codecs else "")


def _ffmpeg(ffmpeg: Program | None) -> str:
    if ffmpeg is None:
        return "not found: M4A, video and other formats that libsndfile does not read fail"
    return f"{ffmpeg.version or 'of unknown version'}, {printable(ffmpeg.path)}"


def _machine(machine: Machine) -> Mapping[str, str]:
    cpus = f"{machine.usable_cpus} of {machine.cpus} usable"
    if machine.affinity_cpus < machine.cpus:
        cpus += f", affinity {machine.affinity_cpus}"
    if machine.quota_cpus is not None:
        cpus += f", quota {machine.quota_cpus:g}"
    memory = format_size(machine.memory_bytes)
    return {
        "processors": f"{cpus}; the default number of workers, each with one thread",
        "memory": f"{memory}, {_limit_in_words(machine.memory_limit_bytes)}",
        "open files": "no limit" if machine.open_files is None else f"{machine.open_files:,}",
        "file size": _limit_in_words(machine.file_size_bytes),
        "core dumps": "off" if machine.core_bytes == 0 else "on for melcli, off for its workers",
    }


def _limit_in_words(limit_bytes: int | None) -> str:
    return "no limit" if limit_bytes is None else f"limited to {format_size(limit_bytes)}"


def _storage(storage: Storage) -> Iterator[tuple[str, str]]:
    missing = f", does not exist; {printable(storage.tested)} was tested"
    yield "OUT", printable(storage.out) + ("" if storage.out == storage.tested else missing)
    if storage.mount is not None:
        read_only = ", read-only" if storage.mount.read_only else ""
        yield "file system", f"{storage.mount.kind} on {printable(storage.mount.point)}{read_only}"
    if storage.space is not None:
        files = "" if storage.space.free_files is None else f", {storage.space.free_files:,} files"
        yield "free", f"{format_size(storage.space.free_bytes)}{files}; without quotas"
    for promise in storage.promises:
        yield promise.name, f"{'ok' if promise.kept else 'BROKEN'}: {promise.detail}"
    if storage.names is not None:
        yield "names", _names(storage.names)


def _names(names: NameRules) -> str:
    content = "bytes of any kind" if names.any_bytes else "bytes of UTF-8"
    forms = (("case", names.tells_case), ("accents", names.tells_form))
    folded = [form for form, is_distinguished in forms if not is_distinguished]
    return f"up to {names.longest_bytes} {content}, {' and '.join(folded) + ' folded' if folded else 'as written'}"


def _conclusion(diagnosis: Diagnosis) -> str:
    count = len(diagnosis.problems)
    if count:
        return f"{count} problem{'' if count == 1 else 's'}: melcli may fail or lose work here"
    return "no problems found"
