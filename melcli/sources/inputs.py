"""From what the user names, folders, files and lists, to the items of a run."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain
from operator import attrgetter

from melcli.addresses import refuse_url
from melcli.errors import ConfigError
from melcli.printable import printable
from melcli.scratch import Scratch
from melcli.sources.clashes import one_for_each_id
from melcli.sources.folders import Met, status_of, walk
from melcli.sources.found import Found
from melcli.sources.item_table import ItemTable
from melcli.sources.items import Item, PassedOver
from melcli.sources.names import extension, item_id, listed_name
from melcli.sources.options import SourceOptions
from melcli.sources.outputs import Outputs
from melcli.sources.selection import Selection

__all__ = ["find_items"]


def find_items(
    inputs: Sequence[str],
    *,
    scratch: Scratch,
    options: SourceOptions,
    listed: Sequence[str] = (),
    out: str | None = None,
    own_files: Set[tuple[int, int]] = frozenset(),
) -> Found:
    """Find the input files.

    Folders are walked; files that are named themselves are taken whatever their extension and also if they are hidden.
    The globs hold for both.  The result depends on neither the order of the arguments nor that of the file system.
    What melcli writes under OUT is never an input, however it is named.

    Parameters
    ----------
    inputs : sequence of str
        Folders and files from the command line, which must exist.
    scratch : Scratch
        Where the items are kept.
    options : SourceOptions
        Globs and naming.
    listed : sequence of str
        Folders and files from a list.  A file that is not there is an item all the same, and fails as one input.
    out : str, optional
        OUT, which need not exist.  Where it is met below a folder, also by way of a link, it is not entered.  It may
        itself be an INPUT or hold one, so that features stand beside their audio; and a file or folder in it may be
        named.  Then its audio is read; ``.npy``, ``.h5``, ``.jsonl`` and ``.yaml`` files and OUT/.melcli are not.
    own_files : set of tuple of int
        Device and inode of other files that the run writes, which are never inputs.

    Returns
    -------
    Found
        The items sorted by id, and an account of what was passed over.

    Raises
    ------
    ConfigError
        One of ``inputs`` is not there or cannot be read, or a path can be none.
    NameClash
        Two files would share an output.
    """
    starts = chain(map(_given, inputs), map(_listed, listed))
    outputs = Outputs(out) if out is not None else None
    passed_over: Counter[PassedOver] = Counter()

    def items() -> Iterator[Item]:
        for met in _meet(starts, options, outputs):
            if isinstance(met, PassedOver):
                passed_over[met] += 1
            elif met.status is not None and (met.status.st_dev, met.status.st_ino) in own_files:
                passed_over[PassedOver("other", extension(met.name))] += 1
            else:
                yield Item.seen(item_id(met.name, keep_extension=options.keep_extension), met.path, met.status)

    found = _account(one_for_each_id(items(), scratch), passed_over)
    for path in inputs:
        if path in found.unreadable:
            raise ConfigError(printable(f"INPUT {path} cannot be read: {found.unreadable[path]}"))
    return found


def _given(path: str) -> Met:
    """Look at an INPUT; a folder's files are named from it downwards, a file is named by itself."""
    _refuse_no_path("INPUT", path)
    try:
        status = os.stat(path)
    except OSError as error:
        raise ConfigError(printable(f"INPUT {path} cannot be read: {error.strerror}")) from error
    return Met("" if stat.S_ISDIR(status.st_mode) else os.path.basename(path), path, status)


def _listed(path: str) -> Met:
    _refuse_no_path("listed path", path)
    name, status = listed_name(path), status_of(path)
    if not name and status is None:
        raise ConfigError(printable(f"listed path {path!r} is not there and leaves no name for an output"))
    return Met(name, path, status)


def _refuse_no_path(what: str, path: str) -> None:
    refuse_url(what, path)
    if "\0" in path:
        raise ConfigError(f"{what} {path!r} holds a NUL, which no path can")


def _meet(starts: Iterable[Met], options: SourceOptions, out: Outputs | None) -> Iterator[Met | PassedOver]:
    """Walk the folders among ``starts`` and hold the files against the globs."""
    selection = Selection(options)
    folders = []
    for start in starts:
        is_folder = start.status is not None and stat.S_ISDIR(start.status.st_mode)
        if selection.excludes_path(start.name):
            yield PassedOver("excluded")
        elif is_folder:
            folders.append(start)
        elif out is not None and out.made(start.path):
            yield PassedOver("other", extension(start.name))
        elif selection.takes_named(start.name):
            yield start
        else:
            yield PassedOver("other", extension(start.name))

    # A folder given twice is walked once, so that nothing is counted twice; of its spellings the least one stays.
    once: dict[tuple[str, str], str] = {}
    for folder in sorted(folders, key=attrgetter("path")):
        once.setdefault((folder.name, os.path.realpath(folder.path)), folder.path)
    for (name, _), path in once.items():
        if out is not None and out.keep(path):
            yield PassedOver("out")
            continue
        yield from walk(path, name, selection, out, follow_symlinks=options.follow_symlinks)


def _account(items: ItemTable, passed_over: Mapping[PassedOver, int]) -> Found:
    counts: Counter[str] = Counter()
    for what, count in passed_over.items():
        counts[what.why] += count
    others = {what.what: count for what, count in passed_over.items() if what.why == "other"}
    return Found(
        items=items,
        hidden=counts["hidden"],
        excluded=counts["excluded"],
        links=counts["link"],
        again=counts["again"],
        out_folders=counts["out"],
        other=dict(sorted(others.items(), key=lambda kind: (-kind[1], kind[0]))),
        unreadable={what.what: what.error for what in sorted(passed_over) if what.why == "unreadable"},
    )
