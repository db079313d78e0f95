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
from melcli.store.manifest import Row

__all__ = ["Journal", "PlannedShard", "read_journal", "remove_journal"]


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
            self._write(_sealed(f'"rows":[{told}],"shards":{planned}}}').encode("ascii"))
            os.fsync(self._file.fileno())

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]


def read_journal(out: str) -> tuple[list[Row], list[PlannedShard]] | None:
    """Read all whole lines of a journal that an earlier run left; None where it left none."""
    path = journal_path(out)
    with storage_errors(path):
        try:
            with open(path, "rb") as file:
                entries = [json.loads(line) for line in _believed(file)]
        except FileNotFoundError:
            return None
    try:
        rows = [Row.from_plain(row) for entry in entries for row in entry["rows"]]
        shards = [PlannedShard(**shard) for entry in entries for shard in entry["shards"]]
    except (KeyError, TypeError) as error:
        raise StorageError(f"{printable(path)}: not the journal of this version of melcli ({error})") from error
    return rows, shards


def remove_journal(out: str) -> None:
    """Remove the journal, once the manifest says all that it said."""
    path = journal_path(out)
    with storage_errors(path), contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _sealed(rest: str) -> str:
    return f'{{"crc32":"{zlib.crc32(rest.encode("ascii")):08x}",{rest}\n'


def _believed(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        rest = line.partition(b",")[2].rstrip(b"\n")
        if rest and line.endswith(b"\n") and line.startswith(b'{"crc32":"%08x",' % zlib.crc32(rest)):
            yield line
