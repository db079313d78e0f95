"""The journal: finished work so far, one line per batch, appended and flushed.

Only the driver writes it.  At a normal end its rows are merged into the manifest and it is removed; after a kill, the
next run reads it.  Every line contains the CRC-32 of its rest, so that a truncated or damaged line is ignored.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from melcli.errors import StorageError
from melcli.opening import NotRegular, regular_nofollow
from melcli.printable import printable
from melcli.store.files import flush_path, write_all, write_file
from melcli.store.flushing import flush_to_disk
from melcli.store.layout import OWN_FOLDER, journal_path, shard_name, shard_number
from melcli.store.lines import Line, Lines
from melcli.store.row_validity import fault_of_row
from melcli.store.rows import JSON_DECODER, Row, row_of
from melcli.store.storage_errors import storage_errors

__all__ = ["Journal", "PlannedShard", "read_journal", "remove_journal", "restart_journal"]

# A line: {"crc32":"01234567","rows":[...],"shards":[...]}
SEAL_BYTES = len('{"crc32":"01234567",')
ROWS_OPEN = '"rows":['
SHARDS_OPEN = '],"shards":'


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedShard:
    """A shard that a run plans to write; if the run is killed, the next one plans the same shard.

    Attributes
    ----------
    number : int
        Number of the shard.
    first, last : str
        Ids of its first and last item; it contains all items between them that had to be processed.
    digest : str
        Fingerprint of all its items with their sizes and times.
    config_id : str or None
        The config of the features; None in the journal of an earlier version.
    shard_mb : int or None
        The shard size of the plan; None for a shard that is rebuilt unchanged, whatever the size.
    """

    number: int
    first: str
    last: str
    digest: str
    config_id: str | None = None
    shard_mb: int | None = None

    def fits(self, *, config_id: str, shard_mb: int) -> bool:
        """Return whether a run with this config and shard size may write the shard as planned."""
        return self.config_id == config_id and self.shard_mb in (None, shard_mb)


class Journal:
    """The open journal of a run; a context manager.

    Parameters
    ----------
    out : str
        OUT.
    flush : bool
        Whether to flush rows when they are added.
    index : Lines, optional
        Receives the positions of the added rows.
    """

    def __init__(self, out: str, *, flush: bool = True, index: Lines | None = None) -> None:
        self._path = journal_path(out)
        self._flush = flush
        self._index = index
        self._failed: OSError | None = None  # after a failed flush, the next one succeeds despite the loss
        with storage_errors(self._path), contextlib.ExitStack() as opened:
            self._file = opened.enter_context(open(self._path, "a+b", buffering=0, opener=_open_to_append))
            if index is not None:
                index.open(self._file)
            self._end = self._file.seek(0, os.SEEK_END)
            if self._end:
                self._write(b"\n")  # ends a line that a kill truncated
            elif flush:
                flush_path(os.path.dirname(self._path))  # POSIX requires it, ext4 does not
            opened.pop_all()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        with storage_errors(self._path):  # some network file systems report a lost write only here
            self._file.close()

    def add(self, *, rows: Iterable[Row | Line] = (), shards: Iterable[PlannedShard] = ()) -> None:
        """Append rows and shards as one line, which counts as a whole or not at all, and flush it.

        Shards are always flushed, once per run, because after a power failure the next run must plan the same shards.
        Half the rows of a shard would make the next run write the other half into another shard.

        Raises
        ------
        StorageError
            A part of the line may have been written; it will be ignored.
        """
        shards = list(shards)
        lines = [row if isinstance(row, Line) else row.to_line() for row in rows]
        line = _sealed(_line([each.text for each in lines], shards))
        flush = self._flush or bool(shards)
        self.check_there()
        with storage_errors(self._path):
            if self._failed is not None:
                raise self._failed
            try:
                start = self._end + SEAL_BYTES + len(ROWS_OPEN)
                self._append(line, flush=flush)
            except OSError as error:
                self._failed = error
                raise
        if self._index is not None:
            for each in lines:
                self._index.add_line(each, start, len(each.text))
                start += len(each.text) + 1

    def check_there(self) -> None:
        """Check that OUT is still the one in which the run began.

        Raises
        ------
        StorageError
            The journal was removed or replaced.
        """
        with storage_errors(self._path):
            if not os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path)):
                raise FileNotFoundError(errno.ENOENT, "it was removed during the run")

    def _append(self, line: bytes, *, flush: bool) -> None:
        self._write(line)
        if flush:
            flush_to_disk(self._file.fileno())

    def _write(self, data: bytes) -> None:
        self._end += write_all(self._file.write, data)


def _open_to_append(path: str, flags: int) -> int:
    """Open the journal to append, or create it; in an untrusted OUT, its name could be a link to another file."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    with contextlib.ExitStack() as opened:
        opened.callback(os.close, descriptor)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise OSError(errno.ELOOP, "it has other names, or is not a regular file")
        opened.pop_all()
    return descriptor


def read_journal(out: str, rows: Lines, tell: Callable[[str], None] | None = None) -> list[PlannedShard] | None:
    """Read all complete lines of a journal that an earlier run left; None if there is none.

    A truncated or damaged line is skipped: a kill leaves one.  A line with a correct checksum that melcli would not
    write is a fault.

    Parameters
    ----------
    out : str
        OUT.
    rows : Lines
        Receives the positions of the rows.
    tell : callable, optional
        Called with each fault, whose line is skipped; without it a fault is an error.

    Returns
    -------
    list of PlannedShard or None
        The shards that that run planned.

    Raises
    ------
    StorageError
        The journal cannot be read, or it has a fault and there is no ``tell``.
    """
    path = journal_path(out)
    shards: list[PlannedShard] = []

    def refuse(fault: str) -> None:
        message = f"{path}: {fault}; `melcli verify {out} --repair` repairs it"
        raise StorageError(printable(message))

    with storage_errors(path, "read"), contextlib.ExitStack() as opened:
        opened.callback(rows.close)
        try:
            with open(path, "rb", opener=_open_to_read) as file:
                rows.open(file)
                for number, start, line in _intact_lines(file):
                    fault = _index(line, start, rows, shards)
                    if fault:
                        (tell or refuse)(f"line {number}: {fault}")
        except FileNotFoundError:
            return None
        except NotRegular as error:
            (tell or refuse)(f"{error.strerror}")
        opened.pop_all()
    return shards


def restart_journal(out: str, shards: Sequence[PlannedShard]) -> None:
    """Replace the journal by one that contains only planned shards, after its rows were merged into the manifest.

    The replacement is atomic, so that the plan is never missing.
    """
    if shards:
        write_file(journal_path(out), [_sealed(_line((), shards))])
    else:
        remove_journal(out)


def remove_journal(out: str) -> None:
    """Remove the journal, after its rows were merged into the manifest, so that no power failure can restore it."""
    path = journal_path(out)
    with storage_errors(path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        flush_path(os.path.dirname(path))


def _line(rows: Iterable[bytes], shards: Iterable[PlannedShard]) -> bytes:
    planned = json.dumps([asdict(shard) for shard in shards])
    return b"%b%b%b%b}" % (ROWS_OPEN.encode(), b",".join(rows), SHARDS_OPEN.encode(), planned.encode())


def _sealed(sealed: bytes) -> bytes:
    return b'{"crc32":"%08x",%b\n' % (zlib.crc32(sealed), sealed)


def _open_to_read(path: str, flags: int) -> int:
    """Open the journal to read, but not through a link: neither its own name nor that of its folder."""
    folder = os.path.dirname(path)
    if os.path.islink(folder):
        raise NotRegular(path, stat.S_IFLNK, f"its folder {OWN_FOLDER} is a link")
    return regular_nofollow(path, flags)


def _intact_lines(lines: Iterable[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Yield the complete lines, each with its number and the offset of its first byte."""
    start = 0
    for number, line in enumerate(lines, 1):
        with memoryview(line) as whole, whole[SEAL_BYTES:-1] as rest:
            seal = b'{"crc32":"%08x",' % zlib.crc32(rest)
        if line.endswith(b"\n") and line.startswith(seal):
            yield number, start, line
        start += len(line)


def _index(line: bytes, start: int, rows: Lines, shards: list[PlannedShard]) -> str:
    """Add the rows and shards of one line, all or none; return its fault, or ``""``."""
    try:
        found, planned = _parse(line.decode("ascii"))
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        return f"it is not a line that melcli writes ({error})"
    for row, place, size in found:
        rows.add(row, start + place, size)
    shards += planned
    return ""


def _parse(text: str) -> tuple[list[tuple[Row, int, int]], list[PlannedShard]]:
    """Parse one line; return the rows, each with its position and size, and the shards.

    Raises
    ------
    ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError
        No run writes such a line.
    """
    found = []
    place = _after(text, SEAL_BYTES, ROWS_OPEN)
    while text[place] == "{":
        plain, end = JSON_DECODER.raw_decode(text, place)
        row = row_of(plain)
        fault = fault_of_row(row)
        if fault:
            raise ValueError(fault)
        found.append((row, place, end - place))
        place = end + (text[end] == ",")
    shards, end = JSON_DECODER.raw_decode(text, _after(text, place, SHARDS_OPEN))
    if not isinstance(shards, list) or text[end:] != "}\n":
        raise ValueError("its shards are not a list at its end")
    return found, [_planned(shard) for shard in shards]


def _planned(plain: Mapping[str, Any]) -> PlannedShard:
    """Parse a shard; keys of later versions are ignored."""
    shard = PlannedShard(**{key: value for key, value in plain.items() if key in PlannedShard.__slots__})
    number = shard.number
    if type(number) is not int or number < 0 or shard_number(shard_name(number)) != number:
        raise ValueError(f"the number of a shard is {str(number)[:80]}")
    if not all(isinstance(word, str) for word in (shard.first, shard.last, shard.digest, shard.config_id or "")):
        raise TypeError("a shard's ids are not text")
    if type(shard.shard_mb) not in (int, type(None)):
        raise TypeError("a shard's size is not a number")
    return shard


def _after(text: str, place: int, wanted: str) -> int:
    if not text.startswith(wanted, place):
        raise ValueError(f"{wanted} is not at byte {place} of a line")
    return place + len(wanted)
