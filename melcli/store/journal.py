"""The journal: what a run has finished so far, one line for each batch, appended and flushed.

Only the driver writes it.  After a clean end its rows stand in the manifest and it is removed; after a kill the next
run reads it.  Every line carries the CRC-32 of its rest, so a line that was cut or damaged is never believed.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from melcli.errors import StorageError
from melcli.printable import printable
from melcli.store.files import storage_errors
from melcli.store.layout import journal_path
from melcli.store.lines import Lines
from melcli.store.manifest import Row

__all__ = ["Journal", "PlannedShard", "read_journal", "read_rows", "remove_journal"]

# A line: {"crc32":"01234567","rows":[...],"shards":[...]}
SEAL_BYTES = len('{"crc32":"01234567",')
ROWS_OPEN = '"rows":['
SHARDS_OPEN = '],"shards":'

_DECODER = json.JSONDecoder()


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
    """The open journal of a run; a context manager."""

    def __init__(self, out: str) -> None:
        self._path = journal_path(out)
        with storage_errors(self._path):
            self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115
            if self._file.tell():
                self._write(b"\n")  # ends a line that a kill cut short

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, *, rows: Iterable[Row] = (), shards: Iterable[PlannedShard] = ()) -> None:
        """Append rows and shards as one line, which counts whole or not at all, and bring it to the disk.

        Half the rows of a shard would make the next run write the other half into a shard of its own.

        Raises
        ------
        StorageError
            A part of the line may be there; it will not be believed.
        """
        told = ",".join(row.to_json() for row in rows)
        planned = json.dumps([asdict(shard) for shard in shards])
        with storage_errors(self._path):
            self._write(_sealed(f"{ROWS_OPEN}{told}{SHARDS_OPEN}{planned}}}"))
            os.fsync(self._file.fileno())

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]


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
    with storage_errors(path):
        try:
            with open(path, "rb") as file:
                rows.open(file)
                shards = [shard for start, line in _believed(file) for shard in _index(line, start, rows)]
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            told = f"{printable(path)}: not the journal of this version of melcli ({error})"
            raise StorageError(told) from error
    return rows, shards


def read_rows(lines: Lines, numbers: Iterable[int] | None = None) -> Iterator[Row]:
    """Read rows of a journal, all or by number."""
    for number in range(len(lines)) if numbers is None else numbers:
        yield Row.from_plain(json.loads(lines.text(number)))


def remove_journal(out: str) -> None:
    """Remove the journal, once the manifest says all that it said."""
    path = journal_path(out)
    with storage_errors(path), contextlib.suppress(FileNotFoundError):
        os.unlink(path)


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
        plain, end = _DECODER.raw_decode(text, place)
        Row.from_plain(plain)
        rows.add(plain, start + place, end - place)
        place = end + (text[end] == ",")
    shards, _ = _DECODER.raw_decode(text, _after(text, place, SHARDS_OPEN))
    return [PlannedShard(**shard) for shard in shards]


def _after(text: str, place: int, wanted: str) -> int:
    if not text.startswith(wanted, place):
        raise ValueError(f"{wanted} is not at byte {place} of a line")
    return place + len(wanted)
