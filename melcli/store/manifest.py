"""The manifest: one JSON object per row, sorted by the bytes of the ids.

It contains no time, host or worker, so the same input gives the same bytes.  The number of workers and the order in
which they finish do not matter.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from itertools import islice
from operator import itemgetter
from typing import BinaryIO, TypeVar

from melcli.errors import StorageError
from melcli.opening import NotRegular, regular_nofollow
from melcli.printable import printable
from melcli.store.files import StagedFiles, write_file
from melcli.store.layout import FAILURES_FILE, MANIFEST_FILE
from melcli.store.lines import Line
from melcli.store.rows import ROW_ERRORS, Row
from melcli.store.storage_errors import storage_errors

__all__ = [
    "has_manifest",
    "not_a_row",
    "read_lines",
    "read_pieces",
    "read_texts",
    "write_manifest",
]

Parsed = TypeVar("Parsed")

PIECE_LINES = 256
PIECE_BYTES = 1 << 18


def has_manifest(out: str) -> bool:
    """Return whether a run in OUT was completed."""
    return os.path.isfile(os.path.join(out, MANIFEST_FILE))


def write_manifest(out: str, rows: Iterable[Row | Line], *, in_order: bool = False) -> None:
    """Write the manifest and the list of failures; each replaces the old file atomically.

    Parameters
    ----------
    out : str
        OUT.
    rows : iterable of Row or Line
        In any order.
    in_order : bool
        They are sorted by id and by item id, so that they need not be kept in memory.
    """
    lines: Iterable[Line] = (row if isinstance(row, Line) else row.to_line() for row in rows)
    if not in_order:
        lines = sorted(lines, key=itemgetter(0, 1))
    failed = array("q")  # positions and sizes of failed rows
    staged = StagedFiles(out)
    try:
        staged.add(MANIFEST_FILE, _in_pieces(_record_failures(lines, failed)))
        with open(staged.temporary(MANIFEST_FILE), "rb") as manifest:
            write_file(os.path.join(out, FAILURES_FILE), _in_pieces(_read_failures(manifest, failed)))
        staged.commit()
    finally:
        staged.discard()


def read_lines(
    out: str,
    parse: Callable[[bytes], Parsed],
    opener: Callable[[str, int], int] = regular_nofollow,
    opened: Callable[[BinaryIO], None] = lambda file: None,
) -> Iterator[Parsed]:
    """Yield the result of ``parse`` for each line of the manifest.

    Parameters
    ----------
    out : str
        OUT.
    parse : callable
        Takes a line without its newline; raises one of `ROW_ERRORS` if it is not a row.
    opener, opened : callable
        See `read_pieces`.

    Raises
    ------
    StorageError
        A line is not a row (the message has its number), or the manifest cannot be read.
    """
    for first, lines in read_pieces(out, opener, opened):
        for number, line in enumerate(lines, first):
            try:
                parsed = parse(line.removesuffix(b"\n"))
            except ROW_ERRORS as error:
                raise not_a_row(out, number, error) from error
            yield parsed


def read_pieces(
    out: str, opener: Callable[[str, int], int], opened: Callable[[BinaryIO], None] = lambda file: None
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield groups of lines of the manifest, each with the number of its first line; see `read_texts`."""
    first = 1
    for text in read_texts(out, opener, opened):
        lines = BytesIO(text).readlines()
        yield first, lines
        first += len(lines)


def read_texts(
    out: str, opener: Callable[[str, int], int], opened: Callable[[BinaryIO], None] = lambda file: None
) -> Iterator[bytes]:
    """Yield complete lines of the manifest in large pieces; none if there is no manifest.

    Parameters
    ----------
    out : str
        OUT.
    opener : callable
        See `open`.
    opened : callable
        Called with the open file.

    Raises
    ------
    StorageError
        The manifest cannot be read.
    """
    path = os.path.join(out, MANIFEST_FILE)
    try:
        with open(path, "rb", opener=opener) as file:
            opened(file)
            while text := file.read(PIECE_BYTES):
                yield text + file.readline()
    except FileNotFoundError:
        return
    except NotRegular as error:
        raise StorageError(
            f"cannot read {printable(path)}: {error.strerror}",
            hint=f"`melcli verify {printable(out)} --repair` replaces it",
        ) from error
    except OSError as error:
        raise StorageError(f"cannot read {printable(path)}: {error.strerror}") from error


def not_a_row(out: str, number: int, error: Exception) -> StorageError:
    """Return the error for a line that is not a row."""
    return StorageError(
        f"{printable(os.path.join(out, MANIFEST_FILE))}:{number}: not a row of a manifest ({printable(str(error))})",
        hint=f"`melcli verify {printable(out)} --repair` removes it",
    )


def _record_failures(lines: Iterable[Line], failed: array[int]) -> Iterator[bytes]:
    """Yield the texts of rows, and record the positions of failed ones."""
    start = 0
    for line in lines:
        text = line.text
        if line.failed:
            failed.extend((start, len(text)))
        start += len(text) + 1
        yield text


def _read_failures(manifest: BinaryIO, places: array[int]) -> Iterator[bytes]:
    for at in range(0, len(places), 2):
        with storage_errors(manifest.name, "read"):
            manifest.seek(places[at])
            yield manifest.read(places[at + 1])


def _in_pieces(texts: Iterable[bytes]) -> Iterator[bytes]:
    """Join lines into pieces; writing each line separately took as long as creating it."""
    rest = iter(texts)
    while piece := list(islice(rest, PIECE_LINES)):
        yield b"\n".join(piece) + b"\n"
