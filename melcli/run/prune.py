"""``melcli prune``: find and delete outputs without an input.

Two kinds of things are found: items whose input is gone, and files that no row of the manifest lists, such as the .npy
files of an OUT that was changed to HDF5.  Rows are removed first and files afterwards, so that an interrupted removal
leaves files that the next one finds, and never a row without its file.
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
from melcli.sources.file_calls import Files, in_parts, result_of
from melcli.sources.found import Found
from melcli.sources.inputs import find_items
from melcli.sources.item_table import ItemTable
from melcli.sources.lists import PathList
from melcli.sources.options import SourceOptions
from melcli.store.files import flush_path, linked_folder, storage_errors
from melcli.store.history import History, read_history
from melcli.store.journal import restart_journal
from melcli.store.layout import MANIFEST_FILE, npy_name, shard_number
from melcli.store.lock import lock_output
from melcli.store.manifest import has_manifest
from melcli.store.untracked import find_untracked

__all__ = ["DEFAULT_MOST", "PruneRequest", "Pruned", "prune"]

DEFAULT_MOST = FailureLimit(percent=50.0)  # a mistaken INPUT makes all items orphans


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRequest:
    """What a user asks.

    Attributes
    ----------
    out : str
        OUT.
    inputs, listed : sequence of str
        INPUTs of the command line, and paths of lists or whole lists, as `extract` gets them.
    sources : SourceOptions
        Which files are taken and how they are named.
    delete : bool
        Whether anything is deleted.
    most : FailureLimit
        How many of the items and files may be deleted at once.
    """

    out: str
    inputs: Sequence[str]
    listed: Sequence[str | PathList] = ()
    sources: SourceOptions = field(default_factory=SourceOptions)
    delete: bool = False
    most: FailureLimit = DEFAULT_MOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was found, and deleted if that was asked for.

    Attributes
    ----------
    orphans : sequence of str
        Ids of the items without an input.
    files : sequence of str
        Files that no row lists, relative to OUT.
    num_in_shards : int
        Orphans whose numbers stay inside shards that also hold other items.
    num_all : int
        Items and files in all.
    has_inputs : bool
        Whether OUT also contains inputs: then .npy files that no row lists are neither listed nor deleted.
    num_bytes : int
        Of the files to delete, those of the orphans included.
    """

    orphans: Sequence[str]
    files: Sequence[str]
    num_in_shards: int
    num_all: int
    has_inputs: bool
    num_bytes: int


def prune(request: PruneRequest, files: Files) -> Pruned:
    """Find what no input stands for, and delete it if the request says so.

    Parameters
    ----------
    request : PruneRequest
    files : Files
        Looks at the inputs.

    Raises
    ------
    ConfigError
        There is no OUT; or more would be deleted than is allowed, or an INPUT has folders that cannot be read.
    NoInput
        No input was found, so that everything would be an orphan.
    OutputBusy
        Another melcli holds OUT, and something is to be deleted.
    StorageError
        OUT cannot be read or written; what is left is found again.
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
            raise NoInput("no audio file matched, so every item of OUT would be one without an input")
        search = _Search(request.out, found, files)
        if request.delete:
            _refuse(request, found, search.result)
            search.delete()
        return search.result


def _refuse(request: PruneRequest, found: Found, result: Pruned) -> None:
    """Refuse to delete where that is probably a mistake."""
    if found.unreadable:
        raise ConfigError(f"{found.warning}: nothing is deleted, since the inputs in there are unknown")
    number = len(result.orphans) + len(result.files)
    if request.most.exceeded(number, result.num_all):
        raise ConfigError(
            f"{number:,} of {result.num_all:,} items and files of {printable(request.out)} would be deleted, which is "
            f"over the limit",
            hint=f"check the INPUTs, or raise --max-delete to {number}",
        )


class _Search:
    """What is found in one OUT."""

    def __init__(self, out: str, found: Found, calls: Files) -> None:
        self._out = out
        self._scratch = found.items.scratch
        self._paths_table = self._scratch.table(
            "paths", "(path BLOB PRIMARY KEY, orphans INTEGER, others INTEGER) WITHOUT ROWID"
        )
        self._history: History = read_history(out, self._scratch)
        # Then a .npy file that no row lists may well be somebody's own, such as labels beside the audio.
        folders = (folder for folder, _ in groupby(os.path.dirname(item.source) or "." for item in found.items))
        has_inputs = any(result_of(calls, "any_within", (out, some)) for some in in_parts(folders))
        orphans: set[str] = set()
        num_rows = self._read_rows(found.items, orphans)
        files = [
            stray.path
            for stray in find_untracked(out, self._is_spoken_of)
            if stray.kind != "unlisted" and not (stray.path.endswith(".npy") and has_inputs)
        ]
        of_orphans = [
            (text_of(path), number, others)
            for path, number, others in self._scratch.rows(
                f"SELECT path, orphans, others FROM {self._paths_table} WHERE orphans > 0 ORDER BY path"
            )
        ]
        deletable = (path for path, _, others in of_orphans if not others)
        # To delete, relative to OUT.
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
        """Note the orphans, and of each file how many of them and of other rows have their output there; count rows."""
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

    def _is_spoken_of(self, path: str) -> bool:
        return bool(self._scratch.one(f"SELECT 1 FROM {self._paths_table} WHERE path = ?", (byte_order(path),)))

    def delete(self) -> None:
        """Remove the rows, then the files, then the folders that this leaves empty."""
        if self.result.orphans:
            orphans = set(self.result.orphans)
            self._history.write_manifest(lambda item_id: item_id not in orphans)
            restart_journal(self._out, self._history.unmade())
        folders = set()
        for path in self._paths:
            whole = os.path.join(self._out, path)
            with storage_errors(whole, "delete"), contextlib.suppress(FileNotFoundError):
                os.unlink(whole)
            folders.add(os.path.dirname(whole))
        for folder in folders:
            with storage_errors(folder):
                flush_path(folder)
        emptied = {above for folder in folders for above in _below(self._out, folder)}
        for above in sorted(emptied, reverse=True):
            with contextlib.suppress(OSError):  # something else is in it
                os.rmdir(above)


def _is_own_file(out: str, path: str) -> bool:
    """Tell whether a path of a row, which anybody may have written, is a regular file inside OUT, without any link."""
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
