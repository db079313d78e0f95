"""The journal: what a run has finished so far, one line for each batch, appended and flushed.

Only the driver writes it.  After a clean end its rows stand in the manifest and it is removed; after a kill the next
run reads it.  Every line carries the CRC-32 of its rest, so a line that was cut or damaged is never believed.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from melcli.errors import StorageError
from melcli.opening import regular_only
from melcli.printable import printable
from melcli.store.files import bring_to_disk, storage_errors, write_file
from melcli.store.layout import journal_path
from melcli.store.lines import Lines
from melcli.store.manifest import JSON_DECODER, Row

__all__ = ["Journal", "PlannedShard", "read_journal", "read_rows", "remove_journal", "start_journal_anew"]

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
        Ids of its first and last item; it holds all items between them that were to be done.
    digest : str
        Fingerprint of all its items with their sizes and times.
    """

    number: int
    first: str
    last: str
    digest: str


class Journal:
    """The open journal of a run; a context manager.

    Parameters
    ----------
    out : str
        OUT.
    flush : bool
        Whether rows are brought to the disk when they are added.
    """

    def __init__(self, out: str, *, flush: bool = True) -> None:
        self._path = journal_path(out)
        self._flush = flush
        self._failed: OSError | None = None  # after a failed flush the next one would pass, whatever was lost
        with storage_errors(self._path):
            self._file = open(self._path, "ab", buffering=0, opener=_only_here)  # noqa: SIM115
            if self._file.tell():
                self._write(b"\n")  # ends a line that a kill cut short
            elif flush:
                bring_to_disk(os.path.dirname(self._path))  # ext4 does it with the file; POSIX does not ask for that

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        with storage_errors(self._path):  # on some network file systems only this tells that a write was lost
            self._file.close()

    def add(self, *, rows: Iterable[Row] = (), shards: Iterable[PlannedShard] = ()) -> None:
        """Append rows and shards as one line, which counts whole or not at all, and bring it to the disk.

        Shards always, once in a run: after a power cut the next run has to cut alike.  Half the rows of a shard would
        make the next run write the other half into a shard of its own.

        Raises
        ------
        StorageError
            A part of the line may be there; it will not be believed.
        """
        shards = list(shards)
        line = _line(rows, shards)
        flush = self._flush or bool(shards)
        self.check_there()
        with storage_errors(self._path):
            if self._failed is not None:
                raise self._failed
            try:
                self._append(_sealed(line), flush=flush)
            except OSError as error:
                self._failed = error
                raise

    def check_there(self) -> None:
        """Look whether OUT is still the one that the run began in.

        Raises
        ------
        StorageError
            The journal is gone, or another one stands there.
        """
        with storage_errors(self._path):
            if not os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path)):
                raise FileNotFoundError(errno.ENOENT, "it was removed while the run went on")

    def _append(self, line: bytes, *, flush: bool) -> None:
        self._write(line)
        if flush:
            os.fsync(self._file.fileno())

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]


def _only_here(path: str, flags: int) -> int:
    """Open the journal to append to it, or create it; in an untrusted OUT the name could stand for another's file."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
        return descriptor
    os.close(descriptor)
    raise OSError(errno.ELOOP, "it has other names, or is no regular file")


def read_journal(out: str) -> tuple[Lines, list[PlannedShard]] | None:
    """Read all whole lines of a journal that an earlier run left; None where it left none.

    Returns
    -------
    rows : Lines
        Where the rows lie; `read_rows` reads them.
    shards : list of PlannedShard
        What that run meant to write.
    """
    path = journal_path(out)
    rows = Lines()
    with storage_errors(path, "read"):
        try:
            with open(path, "rb", opener=regular_only) as file:
                rows.open(file)
                shards = [shard for start, line in _believed(file) for shard in _index(line, start, rows)]
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            told = f"{path}: not the journal of this version of melcli ({error})"
            raise StorageError(printable(told)) from error
    return rows, shards


def read_rows(lines: Lines, numbers: Iterable[int] | None = None) -> Iterator[Row]:
    """Read rows of a journal, all or by number."""
    for number in range(len(lines)) if numbers is None else numbers:
        yield Row.from_plain(json.loads(lines.text(number)))


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


def _line(rows: Iterable[Row], shards: Iterable[PlannedShard]) -> str:
    told = ",".join(row.to_json() for row in rows)
    planned = json.dumps([asdict(shard) for shard in shards])
    return f"{ROWS_OPEN}{told}{SHARDS_OPEN}{planned}}}"


def _sealed(rest: str) -> bytes:
    sealed = rest.encode("ascii")
    return b'{"crc32":"%08x",%b\n' % (zlib.crc32(sealed), sealed)


def _believed(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are whole, each after the place of its first byte."""
    start = 0
    for line in lines:
        rest = memoryview(line)[SEAL_BYTES:-1]
        if line.endswith(b"\n") and line.startswith(b'{"crc32":"%08x",' % zlib.crc32(rest)):
            yield start, line
        start += len(line)


def _index(line: bytes, start: int, rows: Lines) -> list[PlannedShard]:
    """Note where the rows of one line lie, and return its shards."""
    text = line.decode("ascii")
    place = _after(text, SEAL_BYTES, ROWS_OPEN)
    while text[place] == "{":
        plain, end = JSON_DECODER.raw_decode(text, place)
        Row.from_plain(plain)
        rows.add(plain, start + place, end - place)
        place = end + (text[end] == ",")
    shards, _ = JSON_DECODER.raw_decode(text, _after(text, place, SHARDS_OPEN))
    return [_planned(shard) for shard in shards]


def _planned(plain: Mapping[str, Any]) -> PlannedShard:
    shard = PlannedShard(**plain)
    if not isinstance(shard.number, int) or shard.number < 0:
        raise ValueError(f"the number of a shard is {shard.number!r}")
    if not all(isinstance(word, str) for word in (shard.first, shard.last, shard.digest)):
        raise TypeError("a shard's ids are no text")
    return shard


def _after(text: str, place: int, wanted: str) -> int:
    if not text.startswith(wanted, place):
        raise ValueError(f"{wanted} is not at byte {place} of a line")
    return place + len(wanted)
