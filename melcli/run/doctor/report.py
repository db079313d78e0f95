"""The report of ``melcli doctor``, as lines of 80 columns."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping

from melcli.printable import printable
from melcli.run.doctor.diagnosis import Diagnosis, Storage
from melcli.run.doctor.libraries import Library
from melcli.run.doctor.machine import Machine
from melcli.run.doctor.promises import Names
from melcli.store.space import format_size
from melcli.version import __version__

__all__ = ["lines"]

WIDTH = 80
LABEL = 14


def lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Write a diagnosis, the verdict last."""
    yield from _row("melcli", __version__)
    yield from _row("Python", f"{diagnosis.machine.python}, {printable(sys.executable)}")
    yield from _row("system", diagnosis.machine.system)
    for library in diagnosis.libraries:
        yield from _row(library.name, _library(library))
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
    yield from _wrapped(_verdict(diagnosis), "")


def _row(label: str, text: str) -> Iterator[str]:
    yield from _wrapped(f"{label:<{LABEL}}{text}", " " * LABEL)


def _wrapped(text: str, indent: str) -> Iterator[str]:
    # Never within a word: an address or a path that is cut in two is of no use.
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
        return "imports what it needs, resamples and computes"
    own, *below = library.versions.items()
    codecs = [name for name, there in library.codecs.items() if there]
    parts = [own[1], *(f"{name} {version}" for name, version in below)]
    return ", ".join(parts) + (f" with {', '.join(codecs)}" if codecs else "")


def _machine(machine: Machine) -> Mapping[str, str]:
    cpus = f"{machine.usable_cpus} of {machine.cpus} usable"
    if machine.affinity_cpus < machine.cpus:
        cpus += f", affinity {machine.affinity_cpus}"
    if machine.quota_cpus is not None:
        cpus += f", quota {machine.quota_cpus:g}"
    memory = format_size(machine.memory_bytes)
    return {
        "processors": f"{cpus}; the default number of workers, of one thread each",
        "memory": f"{memory}, {_limit_in_words(machine.memory_limit_bytes)}",
        "open files": "no limit" if machine.open_files is None else f"{machine.open_files:,}",
        "file size": _limit_in_words(machine.file_size_bytes),
        "core dumps": "off" if machine.core_bytes == 0 else "on for melcli itself; its workers write none",
    }


def _limit_in_words(limit_bytes: int | None) -> str:
    return "no limit" if limit_bytes is None else f"limited to {format_size(limit_bytes)}"


def _storage(storage: Storage) -> Iterator[tuple[str, str]]:
    there = storage.out == storage.tested
    yield "OUT", printable(storage.out) + ("" if there else f", not there yet; {printable(storage.tested)} was tried")
    if storage.mount is not None:
        read_only = ", read-only" if storage.mount.read_only else ""
        yield "file system", f"{storage.mount.kind} on {printable(storage.mount.point)}{read_only}"
    if storage.space is not None:
        files = "" if storage.space.free_files is None else f", {storage.space.free_files:,} files"
        yield "free", f"{format_size(storage.space.free_bytes)}{files}; a quota would not show"
    for promise in storage.promises:
        yield promise.name, f"{'ok' if promise.kept else 'BROKEN'}: {promise.detail}"
    if storage.names is not None:
        yield "names", _names(storage.names)


def _names(names: Names) -> str:
    content = "bytes of any kind" if names.any_bytes else "bytes of UTF-8"
    folded = [what for what, told in (("case", names.tells_case), ("accents", names.tells_form)) if not told]
    return f"up to {names.longest_bytes} {content}, {' and '.join(folded) + ' folded' if folded else 'as written'}"


def _verdict(diagnosis: Diagnosis) -> str:
    count = len(diagnosis.problems)
    if count:
        return f"{count} problem{'' if count == 1 else 's'}: melcli cannot keep its promises here"
    return "no problem was found"
