"""The journal: finished work so far, one line for each batch, appended and flushed.

Only the driver writes it.  After a clean end its rows are in the manifest and it is removed; after a kill the next
run reads it.  Every line carries the CRC-32 of its rest, so a line that was cut or damaged is never believed.
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
from melcli.store.files import bring_to_disk, storage_errors, write_all, write_file
from melcli.store.flushing import flush_to_disk
from melcli.store.layout import OWN_FOLDER, journal_path, shard_name, shard_number
from melcli.store.lines import Line, Lines
from melcli.store.rows import JSON_DECODER, Row, row_of
from melcli.store.validity import fault_of_row

__all__ = ["Journal", "PlannedShard", "read_journal", "remove_journal", "start_journal_anew"]

# A line: {"crc32":"01234567","rows":[...],"shards":[...]}
SEAL_BYTES = len('{"crc32":"01234567",')
ROWS_OPEN = '"rows":['
SHARDS_OPEN = '],"shards":'


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedShard:
    """A shard that a run means to write, so that the next one plans it alike if this one is killed.

    Attributes
    ----------
    number : int
        The shard's.
    first, last : str
        Ids of its first and last item; it holds all items between them that had to be processed.
    digest : str
        Fingerprint of all its items with their sizes and times.
    config_id : str or None
        The config that it is made with; None in the journal of an earlier version.
    shard_mb : int or None
        The size that the plan was made for; None for a shard that is made again as it was, whatever the size.
    """

    number: int
    first: str
    last: str
    digest: str
    config_id: str | None = None
    shard_mb: int | None = None

    def fits(self, *, config_id: str, shard_mb: int) -> bool:
        """Tell whether a run with this config and this size may write the shard as it was planned."""
        return self.config_id == config_id and self.shard_mb in (None, shard_mb)


class Journal:
    """The open journal of a run; a context manager.

    Parameters
    ----------
    out : str
        OUT.
    flush : bool
        Whether rows are brought to the disk when they are added.
    index : Lines, optional
        Is told where the rows are that are added.
    """

    def __init__(self, out: str, *, flush: bool = True, index: Lines | None = None) -> None:
        self._path = journal_path(out)
        self._flush = flush
        self._index = index
        self._failed: OSError | None = None  # after a failed flush the next one would pass, whatever was lost
        with storage_errors(self._path), contextlib.ExitStack() as opened:
            self._file = opened.enter_context(open(self._path, "a+b", buffering=0, opener=_only_here))
            if index is not None:
                index.open(self._file)
            self._end = self._file.seek(0, os.SEEK_END)
            if self._end:
                self._write(b"\n")  # ends a line that a kill cut short
            elif flush:
                bring_to_disk(os.path.dirname(self._path))  # ext4 does it with the file; POSIX does not ask for it
            opened.pop_all()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        with storage_errors(self._path):  # on some network file systems only this tells that a write was lost
            self._file.close()

    def add(self, *, rows: Iterable[Row | Line] = (), shards: Iterable[PlannedShard] = ()) -> None:
        """Append rows and shards as one line, which counts whole or not at all, and bring it to the disk.

        Shards always, once in a run: after a power cut the next run has to cut alike.  Half the rows of a shard would
        make the next run write the other half into a shard of its own.

        Raises
        ------
        StorageError
            A part of the line may be there; it will not be believed.
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
        """Look whether OUT is still the one that the run began in.

        Raises
        ------
        StorageError
            The journal is gone, or is another file.
        """
        with storage_errors(self._path):
            if not os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path)):
                raise FileNotFoundError(errno.ENOENT, "it was removed while the run went on")

    def _append(self, line: bytes, *, flush: bool) -> None:
        self._write(line)
        if flush:
            flush_to_disk(self._file.fileno())

    def _write(self, data: bytes) -> None:
        self._end += write_all(self._file.write, data)


def _only_here(path: str, flags: int) -> int:
    """Open the journal to append to it, or create it; in an untrusted OUT the name could stand for another's file."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    with contextlib.ExitStack() as opened:
        opened.callback(os.close, descriptor)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise OSError(errno.ELOOP, "it has other names, or is no regular file")
        opened.pop_all()
    return descriptor


def read_journal(out: str, rows: Lines, tell: Callable[[str], None] | None = None) -> list[PlannedShard] | None:
    """Read all whole lines of a journal that an earlier run left; None where it left none.

    A line that was cut or damaged is skipped: a kill leaves one.  A line whose checksum is right and that no melcli
    writes is a fault.

    Parameters
    ----------
    out : str
        OUT.
    rows : Lines
        Is told where the rows are.
    tell : callable, optional
        Is told of each fault, and the line is skipped; without it a fault is an error.

    Returns
    -------
    list of PlannedShard or None
        What that run meant to write.

    Raises
    ------
    StorageError
        It cannot be read, or has a fault and there is no ``tell``.
    """
    path = journal_path(out)
    shards: list[PlannedShard] = []

    def refuse(fault: str) -> None:
        told = f"{path}: {fault}; `melcli verify {out} --repair` repairs it"
        raise StorageError(printable(told))

    with storage_errors(path, "read"), contextlib.ExitStack() as opened:
        opened.callback(rows.close)
        try:
            with open(path, "rb", opener=_here) as file:
                rows.open(file)
                for number, start, line in _believed(file):
                    fault = _index(line, start, rows, shards)
                    if fault:
                        (tell or refuse)(f"line {number}: {fault}")
        except FileNotFoundError:
            return None
        except NotRegular as error:
            (tell or refuse)(f"{error.strerror}")
        opened.pop_all()
    return shards


def start_journal_anew(out: str, shards: Sequence[PlannedShard]) -> None:
    """Let the journal say no more than which shards are to be made, once the manifest says all else that it said.

    The new one takes the place of the old one, so that no moment is without a plan.
    """
    if shards:
        write_file(journal_path(out), [_sealed(_line((), shards))])
    else:
        remove_journal(out)


def remove_journal(out: str) -> None:
    """Remove the journal, once the manifest says all that it said; after a power cut it must not come back."""
    path = journal_path(out)
    with storage_errors(path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        bring_to_disk(os.path.dirname(path))


def _line(rows: Iterable[bytes], shards: Iterable[PlannedShard]) -> bytes:
    planned = json.dumps([asdict(shard) for shard in shards])
    return b"%b%b%b%b}" % (ROWS_OPEN.encode(), b",".join(rows), SHARDS_OPEN.encode(), planned.encode())


def _sealed(sealed: bytes) -> bytes:
    return b'{"crc32":"%08x",%b\n' % (zlib.crc32(sealed), sealed)


def _here(path: str, flags: int) -> int:
    """Open the journal to read it, through no link: neither its own name nor that of its folder."""
    folder = os.path.dirname(path)
    if os.path.islink(folder):
        raise NotRegular(path, stat.S_IFLNK, f"its folder {OWN_FOLDER} is a link")
    return regular_nofollow(path, flags)


def _believed(lines: Iterable[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Yield the lines that are whole, each after its number and the place of its first byte."""
    start = 0
    for number, line in enumerate(lines, 1):
        with memoryview(line) as whole, whole[SEAL_BYTES:-1] as rest:
            seal = b'{"crc32":"%08x",' % zlib.crc32(rest)
        if line.endswith(b"\n") and line.startswith(seal):
            yield number, start, line
        start += len(line)


def _index(line: bytes, start: int, rows: Lines, shards: list[PlannedShard]) -> str:
    """Take the rows and the shards of one line, all or none; return what is wrong with it."""
    try:
        found, planned = _parse(line.decode("ascii"))
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        return f"it is no line that melcli writes ({error})"
    for row, place, size in found:
        rows.add(row.id, row.channel, row.status == "failed", start + place, size)
    shards += planned
    return ""


def _parse(text: str) -> tuple[list[tuple[Row, int, int]], list[PlannedShard]]:
    """Read one line; return the rows, each with its place and size, and the shards.

    Raises
    ------
    ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError
        A run writes no such line.
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
        raise ValueError("its shards are no list at its end")
    return found, [_planned(shard) for shard in shards]


def _planned(plain: Mapping[str, Any]) -> PlannedShard:
    """Read a shard; keys of later versions are skipped."""
    shard = PlannedShard(**{key: value for key, value in plain.items() if key in PlannedShard.__slots__})
    number = shard.number
    if type(number) is not int or number < 0 or shard_number(shard_name(number)) != number:
        raise ValueError(f"the number of a shard is {str(number)[:80]}")
    if not all(isinstance(word, str) for word in (shard.first, shard.last, shard.digest, shard.config_id or "")):
        raise TypeError("a shard's ids are no text")
    if type(shard.shard_mb) not in (int, type(None)):
        raise TypeError("a shard's size is no number")
    return shard


def _after(text: str, place: int, wanted: str) -> int:
    if not text.startswith(wanted, place):
        raise ValueError(f"{wanted} is not at byte {place} of a line")
    return place + len(wanted)
