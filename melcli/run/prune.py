"""``melcli prune``: find and delete outputs without an input.

It finds items without an input, and files that no row of the manifest lists.  Such files are, for example, the .npy
files of an OUT that was changed to HDF5.  It removes rows before files.  So an interrupted removal leaves files that
the next one finds, and never a row without its file.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby

from melcli.byte_order import byte_order, ids_in_order, text_of
from melcli.errors import ConfigError, NoInput
from melcli.printable import printable
from melcli.run.interrupts import Interrupts
from melcli.run.report import FailureLimit
from melcli.scratch import Scratch
from melcli.sources.file_calls import Files, result_of
from melcli.sources.found import Found
from melcli.sources.inputs import find_items
from melcli.sources.item_table import ItemTable
from melcli.sources.lists import PathList
from melcli.sources.options import SourceOptions
from melcli.sources.parts import in_parts
from melcli.store.files import flush_path, linked_folder
from melcli.store.history import History, read_history
from melcli.store.journal import restart_journal
from melcli.store.layout import MANIFEST_FILE, npy_name, shard_number
from melcli.store.lock import lock_output
from melcli.store.manifest import has_manifest
from melcli.store.storage_errors import storage_errors
from melcli.store.untracked import find_untracked

__all__ = ["DEFAULT_MAX_DELETIONS", "PruneRequest", "Pruned", "prune"]

DEFAULT_MAX_DELETIONS = FailureLimit(percent=50.0)  # a mistaken INPUT makes all items orphans


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRequest:
    """The settings of one call.

    Attributes
    ----------
    out : str
        OUT.
    inputs, listed : sequence of str
        INPUTs of the command line, and paths from lists or the lists themselves, as for `extract`.
    sources : SourceOptions
        Which files are inputs, and their names.
    delete : bool
        Whether to delete; otherwise they are only listed.
    max_deletions : FailureLimit
        How many of the items and files one call may delete.
    """

    out: str
    inputs: Sequence[str]
    listed: Sequence[str | PathList] = ()
    sources: SourceOptions = field(default_factory=SourceOptions)
    delete: bool = False
    max_deletions: FailureLimit = DEFAULT_MAX_DELETIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """The items and files without an input, which were deleted if requested.

    Attributes
    ----------
    orphans : sequence of str
        Ids of the items without an input.
    files : sequence of str
        Files that no row lists, relative to OUT.
    num_in_shards : int
        Orphans whose features remain in shards that also contain other items.
    num_all : int
        The number of all items and of the files in ``files``.
    has_inputs : bool
        Whether OUT also contains inputs.  Then .npy files that no row lists are neither listed nor deleted.
    num_bytes : int
        The size of the files to delete, including those of orphans.
    """

    orphans: Sequence[str]
    files: Sequence[str]
    num_in_shards: int
    num_all: int
    has_inputs: bool
    num_bytes: int


def prune(request: PruneRequest, files: Files) -> Pruned:
    """Find items and files without an input, and delete them if requested.

    Parameters
    ----------
    request : PruneRequest
    files : Files
        Makes the file-system calls for the inputs.

    Raises
    ------
    ConfigError
        OUT has no manifest, too much would be deleted, or an INPUT has folders that cannot be read.
    NoInput
        There is no input, so that all items would be orphans.
    OutputBusy
        Another melcli has locked OUT, and ``delete`` is set.
    StorageError
        OUT cannot be read or written; the next call finds the remaining items and files.
    """
    if not has_manifest(request.out):
        raise ConfigError(
            f"{printable(request.out)} has no {MANIFEST_FILE}", hint="name an OUT that melcli extract finished"
        )
    with Interrupts(), ExitStack() as held:
        if request.delete:
            held.enter_context(lock_output(request.out))
        scratch = held.enter_context(Scratch())
        found = find_items(
            request.inputs,
            scratch=scratch,
            options=request.sources,
            listed=request.listed,
            out=request.out,
            files=files,
        )
        if not len(found.items):
            raise NoInput("no audio file matched, so every item of OUT would have no input")
        search = _Search(request.out, found, files)
        if request.delete:
            _refuse(request, found, search.result)
            search.delete()
        return search.result


def _refuse(request: PruneRequest, found: Found, result: Pruned) -> None:
    """Refuse to delete if that is probably a mistake."""
    if found.unreadable:
        raise ConfigError(f"{found.warning}: nothing is deleted, because the inputs in these folders are unknown")
    number = len(result.orphans) + len(result.files)
    if request.max_deletions.exceeded(number, result.num_all):
        raise ConfigError(
            f"{number:,} of {result.num_all:,} items and files of {printable(request.out)} would be deleted, which is "
            f"over the limit",
            hint=f"check the INPUTs, or raise --max-delete to {number}",
        )


class _Search:
    """The search for items and files without an input in one OUT."""

    def __init__(self, out: str, found: Found, calls: Files) -> None:
        self._out = out
        self._scratch = found.items.scratch
        self._paths_table = self._scratch.table(
            "paths", "(path BLOB PRIMARY KEY, orphans INTEGER, others INTEGER) WITHOUT ROWID"
        )
        self._history: History = read_history(out, self._scratch)
        # If OUT contains inputs, a .npy file that no row lists may be the user's, such as labels beside the audio.
        folders = (folder for folder, _ in groupby(os.path.dirname(item.source) or "." for item in found.items))
        has_inputs = any(result_of(calls, "any_within", (out, some)) for some in in_parts(folders))
        orphans: set[str] = set()
        num_rows = self._read_rows(found.items, orphans)
        files = [
            stray.path
            for stray in find_untracked(out, self._is_listed)
            if stray.kind != "unlisted" and not (stray.path.endswith(".npy") and has_inputs)
        ]
        of_orphans = [
            (text_of(path), number, others)
            for path, number, others in self._scratch.rows(
                f"SELECT path, orphans, others FROM {self._paths_table} WHERE orphans > 0 ORDER BY path"
            )
        ]
        deletable = (path for path, _, others in of_orphans if not others)
        # The files to delete, relative to OUT.
        self._paths = [path for path in (*deletable, *files) if _is_own_file(out, path)]
        self.result = Pruned(
            orphans=ids_in_order(orphans),
            files=ids_in_order(files),
            num_in_shards=sum(number for _, number, others in of_orphans if others),
            num_all=num_rows + len(files),
            has_inputs=has_inputs,
            num_bytes=sum(os.lstat(os.path.join(out, path)).st_size for path in self._paths),
        )

    def _read_rows(self, items: ItemTable, orphans: set[str]) -> int:
        """Record orphans, and for each file the number of its orphans and other rows; return the number of rows."""
        find = items.lookup().find
        num_rows = 0

        def paths() -> Iterator[tuple[bytes, bool, bool]]:
            nonlocal num_rows
            for row in self._history.entries():
                num_rows += 1
                is_known = find(row.key) is not None
                if not is_known:
                    orphans.add(row.item_id)
                path = row.path
                if path is not None and (is_known or path == npy_name(row.id) or shard_number(path) is not None):
                    yield byte_order(path), not is_known, is_known

        self._scratch.insert(
            f"INSERT INTO {self._paths_table} VALUES (?, ?, ?) ON CONFLICT (path) DO UPDATE "
            "SET orphans = orphans + excluded.orphans, others = others + excluded.others",
            paths(),
        )
        return num_rows

    def _is_listed(self, path: str) -> bool:
        return bool(self._scratch.one(f"SELECT 1 FROM {self._paths_table} WHERE path = ?", (byte_order(path),)))

    def delete(self) -> None:
        """Remove the rows, then the files, then the folders that are empty afterwards."""
        if self.result.orphans:
            orphans = set(self.result.orphans)
            self._history.write_manifest(lambda item_id: item_id not in orphans)
            restart_journal(self._out, self._history.unmade())
        folders = set()
        for path in self._paths:
            full_path = os.path.join(self._out, path)
            with storage_errors(full_path, "delete"), contextlib.suppress(FileNotFoundError):
                os.unlink(full_path)
            folders.add(os.path.dirname(full_path))
        for folder in folders:
            with storage_errors(folder):
                flush_path(folder)
        candidates = {parent for folder in folders for parent in _below(self._out, folder)}
        for folder in sorted(candidates, reverse=True):
            with contextlib.suppress(OSError):  # it contains other files
                os.rmdir(folder)


def _is_own_file(out: str, path: str) -> bool:
    """Return whether a path, which may be manipulated, is a regular file in OUT and leads through no link."""
    if "\0" in path or os.path.normpath(path) != path or path.startswith(("/", "../")) or linked_folder(out, path):
        return False
    try:
        return stat.S_ISREG(os.lstat(os.path.join(out, path)).st_mode)
    except OSError:
        return False


def _below(out: str, folder: str) -> Iterator[str]:
    """Yield a folder and those above it, all below OUT."""
    while len(folder) > len(out):
        yield folder
        folder = os.path.dirname(folder)
