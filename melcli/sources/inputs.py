"""Find the items of a run from folders, files and lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from melcli.errors import ConfigError
from melcli.printable import printable
from melcli.scratch import Scratch
from melcli.sources.clashes import unique_by_id
from melcli.sources.file_calls import FileCalls, Files, result_of
from melcli.sources.found import Found
from melcli.sources.item_table import ItemTable
from melcli.sources.items import Skipped
from melcli.sources.lists import PathList, read_list
from melcli.sources.options import SourceOptions
from melcli.sources.parts import in_parts
from melcli.sources.search import Part
from melcli.sources.tables.reader import read_table

__all__ = ["find_items"]


def find_items(
    inputs: Sequence[str],
    *,
    scratch: Scratch,
    options: SourceOptions,
    listed: Sequence[str | PathList] = (),
    out: str | None = None,
    own_files: Set[tuple[int, int]] = frozenset(),
    files: Files | None = None,
) -> Found:
    """Find the input files, and the pieces of audio that tables and Kaldi folders list.

    Folders are walked; a folder with a ``wav.scp`` is a Kaldi folder.  A file given by its own name is selected
    whatever its extension, even if it is hidden.  Globs apply to both.  The result does not depend on the order of the
    arguments or of the file system.  A file that melcli wrote under OUT is never an input, whatever its name.

    Parameters
    ----------
    inputs : sequence of str
        Folders and files from the command line, which must exist.
    scratch : Scratch
        Database for the items.
    options : SourceOptions
        Globs and naming.
    listed : sequence of str or PathList
        Folders and files from a list, or whole lists.  A file that does not exist is still an item, and fails as one
        input.
    out : str, optional
        OUT, which need not exist.  It is not entered if it is found below a folder, even through a link.  It may also
        be an INPUT or contain one, so that features are next to their audio; and a file or folder in it may be given.
        Then its audio is read, but ``.npy``, ``.h5``, ``.jsonl`` and ``.yaml`` files and OUT/.melcli are not.
    own_files : set of tuple of int
        Device and inode of other files that the run writes, which are never inputs.
    files : Files, optional
        Makes the file-system calls; None: in this process.

    Returns
    -------
    Found
        The items sorted by id, and counts of what was skipped.

    Raises
    ------
    ConfigError
        One of ``inputs`` or a list does not exist or cannot be read, or a path is invalid.
    NameClash
        Two files would share an output.
    """
    files = FileCalls() if files is None else files
    globs = options.include, options.exclude, options.keep_extension, options.follow_symlinks
    for _ in files.parts("begin", (*globs, out, frozenset(own_files), options.allow_commands, options.tables.root)):
        pass

    items = unique_by_id(_parts(inputs, listed, options, files), scratch, files)
    skipped = {Skipped(*what): count for *what, count in result_of(files, "account")}
    found = _account(items, skipped)
    for path in inputs:
        if path in found.unreadable:
            raise ConfigError(printable(f"INPUT {path} cannot be read: {found.unreadable[path]}"))
    return found


def _parts(
    inputs: Sequence[str], listed: Sequence[str | PathList], options: SourceOptions, files: Files
) -> Iterator[Part]:
    """Yield everything that is found, in parts."""
    for given in in_parts(inputs):
        yield from files.parts("given", given)
    for some in in_parts(_listed_here(listed)):
        yield from files.parts("listed", some)
    for one in listed:
        if isinstance(one, PathList) and not one.is_inherited:
            yield from files.parts("list", tuple(one))
    for request in options.tables.requests(keep_extension=options.keep_extension):
        if request.is_inherited:
            for records in in_parts(map(tuple, read_table(request))):
                yield from files.parts("records", records)
        else:
            yield from files.parts("table", tuple(request))
    yield from files.parts("walk")


def _listed_here(listed: Iterable[str | PathList]) -> Iterator[str]:
    """Yield paths, including those of lists that only this process can read."""
    for one in listed:
        if isinstance(one, str):
            yield one
        elif one.is_inherited:
            yield from read_list(*one)


def _account(items: ItemTable, skipped: Mapping[Skipped, int]) -> Found:
    counts: Counter[str] = Counter()
    for what, count in skipped.items():
        counts[what.why] += count
    others = {what.what: count for what, count in skipped.items() if what.why == "other"}
    return Found(
        items=items,
        hidden=counts["hidden"],
        excluded=counts["excluded"],
        links=counts["link"],
        again=counts["again"],
        out_folders=counts["out"],
        other=dict(sorted(others.items(), key=lambda kind: (-kind[1], kind[0]))),
        unreadable={what.what: what.error for what in sorted(skipped) if what.why == "unreadable"},
    )
