"""The manifest: one JSON object for each item, sorted by the bytes of the ids.

No clock, no host and no worker is written, so the same input gives the same bytes whatever the number of workers and
the order in which they finish.
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Any, BinaryIO, Literal, TypeVar

from melcli.byte_order import byte_order
from melcli.errors import Reason, StorageError
from melcli.opening import NotRegular, regular_here
from melcli.printable import printable
from melcli.store.files import StagedFiles, storage_errors, write_file
from melcli.store.layout import FAILURES_FILE, MANIFEST_FILE
from melcli.store.lines import Line, item_of

__all__ = [
    "JSON_DECODER",
    "NO_ROW",
    "Row",
    "has_manifest",
    "not_a_row",
    "read_lines",
    "read_pieces",
    "write_manifest",
]

Taken = TypeVar("Taken")

PIECE_LINES = 256
PIECE_BYTES = 1 << 18
NO_ROW = (ValueError, TypeError, KeyError, OverflowError, RecursionError)  # what reading a line raises that is no row


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is known of one item: where it came from, what was made of it, or why nothing was.

    Attributes
    ----------
    id : str
        Name under OUT; with ``channels: each`` it ends in ``.ch0``, ``.ch1``, and ``channel`` holds the number.
    source : str
        The input's path as it was given.
    status, reason, message : str
        ``ok``, or ``failed`` with a reason of the closed list and one sentence.
    source_size, source_mtime_ns : int
        Bytes and time of the input before it was read; -1 where it could not be looked at.
    source_hash : str or None
        ``sha256:`` and hex digits, with ``--checksum``.
    format : str or None
        Container and coding of the input, such as ``wav/pcm_16``; None where it was not opened as audio.
    decoding : int or None
        `melcli.audio.revisions.DECODING_REVISION` of the release that read it; None in rows of earlier releases.
    source_sampling_rate, source_channels : int or None
        Hertz and channels of the input.
    num_samples, sampling_rate : int or None
        Of the signal that the mel core was given, after resampling.
    num_frames, num_features : int or None
        Frames and mels.
    valid_frames : int or None
        Frames, from the first, that contain signal; the others are padding.  None in rows of earlier versions.
    frame_shift, duration : float or None
        Seconds from frame to frame, and of the signal.
    dtype, path, start, output_size : str or int or None
        Type of the stored numbers; file relative to OUT; first frame in a shard (None in a file of its own);
        bytes of the whole file.
    crc32, min, max, mean : str or float or None
        Of the stored numbers: CRC-32 of their bytes in hex, and their range.
    flags : tuple of str
        What is odd about the input though it is no failure: ``silent``, ``clipped``, ...
    stderr : str or None
        The end of what native libraries printed while it was read, in one printable line.
    config_id : str
        The config that it was made with.
    tried_with : str or None
        The limits and versions that a failure with this reason depends on, see `melcli.run.tried_with`.  Not written
        when it is None, so that all other rows keep their bytes.
    """

    id: str
    source: str
    status: Literal["ok", "failed"]
    reason: Reason | None = None
    message: str | None = None
    source_size: int
    source_mtime_ns: int
    source_hash: str | None = None
    format: str | None = None
    decoding: int | None = None
    source_sampling_rate: int | None = None
    source_channels: int | None = None
    channel: int | None = None
    num_samples: int | None = None
    sampling_rate: int | None = None
    num_frames: int | None = None
    valid_frames: int | None = None
    num_features: int | None = None
    frame_shift: float | None = None
    duration: float | None = None
    dtype: str | None = None
    path: str | None = None
    start: int | None = None
    output_size: int | None = None
    crc32: str | None = None
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    flags: tuple[str, ...] = ()
    stderr: str | None = None
    config_id: str
    tried_with: str | None = None

    @property
    def item_id(self) -> str:
        """Id of the input that this row came from: the id without its channel."""
        return item_of(self.id, self.channel)

    def to_line(self) -> Line:
        """Return the row as it is sorted and written."""
        return Line(byte_order(self.id), byte_order(self.item_id), self.status == "failed", self.to_json().encode())

    def to_json(self) -> str:
        """Write the row as one line of JSON; bytes of a name that are not UTF-8 become lone surrogates."""
        if self.tried_with is None:
            return _ENCODER.encode(dict(zip(FIELDS_OF_ALL, _values_of_all(self), strict=True)))
        return _ENCODER.encode(dict(zip(ROW_FIELDS, _values_of_row(self), strict=True)))

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Row:
        """Read a row from a JSON object; keys of later versions are skipped.

        Raises
        ------
        TypeError, KeyError
            A key is missing: no row of ours.
        """
        flags = tuple(plain["flags"])
        try:
            values = _values_of_plain(plain)
        except KeyError:  # of an earlier version, or no row at all
            row = cls(**{**{name: plain[name] for name in ROW_FIELDS if name in plain}, "flags": flags})
            _refuse_kinds(_values_of_row(row))
            return row
        _refuse_kinds(values)
        row = _make_row(values)
        object.__setattr__(row, "flags", flags)
        return row

    def __reduce__(self) -> tuple[Any, ...]:
        return _make_row, (_values_of_row(self),)


ROW_FIELDS = tuple(field.name for field in fields(Row))
FIELDS_OF_ALL = ROW_FIELDS[:-1]  # that every row has; the last field, `tried_with`, is optional

_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


JSON_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_values_of_row = attrgetter(*ROW_FIELDS)
_values_of_all = attrgetter(*FIELDS_OF_ALL)
_required_of_plain = itemgetter(*FIELDS_OF_ALL)
_SETTERS = tuple(getattr(Row, name).__set__ for name in ROW_FIELDS)


def _values_of_plain(plain: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the values of a row in the order of `ROW_FIELDS`; KeyError where a field that every row has is missing."""
    required: tuple[Any, ...] = _required_of_plain(plain)
    return (*required, plain.get("tried_with"))


def _make_row(values: tuple[Any, ...]) -> Row:
    """Make a row of all its values, in order; Row(...) of a frozen dataclass takes 2.5 times as long.

    A manifest of 100,000 lines is read in 0.75 s rather than 1.4.
    """
    row = object.__new__(Row)
    for set_value, value in zip(_SETTERS, values):  # noqa: B905  as many by how both are made; strict took 0.2 us
        set_value(row, value)
    return row


# Kinds of values that were found to be those of a row; a corpus has a few, so that each row costs one look.
_known_kinds: set[tuple[type, ...]] = set()


def _refuse_kinds(values: tuple[Any, ...]) -> None:
    """Refuse what melcli never writes: OUT may come from anybody, and a path that is a number would raise anywhere."""
    kinds = tuple(map(type, values))
    if kinds in _known_kinds:
        return
    for name, kind in zip(ROW_FIELDS, kinds, strict=True):
        if kind not in _kinds_of(name):
            raise TypeError(f"{name} is of type {kind.__name__}")
    _known_kinds.add(kinds)


@cache
def _kinds_of(name: str) -> frozenset[type]:
    """Return the types of one field, as JSON has them."""
    if name == "flags":
        return frozenset({list, tuple})
    words = next(str(field.type) for field in fields(Row) if field.name == name)
    kinds: dict[str, tuple[type, ...]] = {"int": (int,), "float": (float, int), "None": (type(None),)}
    return frozenset(kind for word in words.split(" | ") for kind in kinds.get(word, (str,)))


def has_manifest(out: str) -> bool:
    """Tell whether a run under OUT came to an end."""
    return os.path.isfile(os.path.join(out, MANIFEST_FILE))


def write_manifest(out: str, rows: Iterable[Row | Line], *, in_order: bool = False) -> None:
    """Write the manifest and the list of failures again; each appears complete under its name.

    Parameters
    ----------
    out : str
        OUT.
    rows : iterable of Row or Line
        In any order.
    in_order : bool
        They come sorted by id and by item id: then none is kept.
    """
    lines: Iterable[Line] = (row if isinstance(row, Line) else row.to_line() for row in rows)
    if not in_order:
        lines = sorted(lines, key=itemgetter(0, 1))
    failed = array("q")  # where the rows of failures begin and how long they are
    staged = StagedFiles(out)
    try:
        staged.add(MANIFEST_FILE, _in_pieces(_noted(lines, failed)))
        with open(staged.temporary(MANIFEST_FILE), "rb") as manifest:
            write_file(os.path.join(out, FAILURES_FILE), _in_pieces(_read_again(manifest, failed)))
        staged.commit()
    finally:
        staged.discard()


def read_lines(
    out: str,
    take: Callable[[bytes], Taken],
    opener: Callable[[str, int], int] = regular_here,
    opened: Callable[[BinaryIO], None] = lambda file: None,
) -> Iterator[Taken]:
    """Yield what ``take`` makes of each line of the manifest.

    Parameters
    ----------
    out : str
        OUT.
    take : callable
        From a line without its end; raises one of `NO_ROW` where it is no row.
    opener, opened : callable
        See `read_pieces`.

    Raises
    ------
    StorageError
        A line is not a row, with its number; or the manifest cannot be read.
    """
    for first, lines in read_pieces(out, opener, opened):
        for number, line in enumerate(lines, first):
            try:
                taken = take(line.removesuffix(b"\n"))
            except NO_ROW as error:
                raise not_a_row(out, number, error) from error
            yield taken


def read_pieces(
    out: str, opener: Callable[[str, int], int], opened: Callable[[BinaryIO], None] = lambda file: None
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield lines of the manifest, some at a time, after the number of the first; none where there is no manifest.

    Parameters
    ----------
    out : str
        OUT.
    opener : callable
        See `open`.
    opened : callable
        Is given the open file.

    Raises
    ------
    StorageError
        The manifest cannot be read.
    """
    path = os.path.join(out, MANIFEST_FILE)
    try:
        with open(path, "rb", opener=opener) as file:
            opened(file)
            first = 1
            while lines := file.readlines(PIECE_BYTES):
                yield first, lines
                first += len(lines)
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
    """Return the error for a line that is no row."""
    return StorageError(
        f"{printable(os.path.join(out, MANIFEST_FILE))}:{number}: not a row of a manifest ({printable(str(error))})",
        hint=f"`melcli verify {printable(out)} --repair` takes it out",
    )


def _noted(lines: Iterable[Line], failed: array[int]) -> Iterator[bytes]:
    """Yield the texts of rows, and note where those of failures are."""
    start = 0
    for line in lines:
        text = line.text
        if line.failed:
            failed.extend((start, len(text)))
        start += len(text) + 1
        yield text


def _read_again(manifest: BinaryIO, places: array[int]) -> Iterator[bytes]:
    for at in range(0, len(places), 2):
        with storage_errors(manifest.name, "read"):
            manifest.seek(places[at])
            yield manifest.read(places[at + 1])


def _in_pieces(texts: Iterable[bytes]) -> Iterator[bytes]:
    """Join lines to pieces; to write each by itself took as long as to make it."""
    rest = iter(texts)
    while piece := list(islice(rest, PIECE_LINES)):
        yield b"\n".join(piece) + b"\n"
