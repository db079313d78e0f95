"""Rows of the manifest and the journal: their fields and their JSON.

A row contains no time, host or worker, so the same input gives the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from operator import attrgetter, itemgetter
from types import NoneType, UnionType
from typing import Any, ClassVar, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from melcli.byte_order import byte_order
from melcli.errors import Reason
from melcli.store.lines import UTF8, Line, item_of

__all__ = [
    "BOUNDS_FIELDS",
    "FIELD_KINDS",
    "JSON_DECODER",
    "OPTIONAL_FIELDS",
    "LEVELS",
    "ROW_ERRORS",
    "ROW_FIELDS",
    "FailedRow",
    "OkRow",
    "Row",
    "RowFault",
    "bounds_text",
    "columns_text",
    "fields_of",
    "read_row",
    "row_of",
    "shown",
    "with_columns",
]

# What reading a line that is not a row raises.
ROW_ERRORS = (ValueError, TypeError, KeyError, OverflowError, RecursionError)
MAX_SHOWN_CHARACTERS = 80  # of a value in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Fields of all rows.

    Attributes
    ----------
    id : str
        Name under OUT; with ``channels: each`` it ends in ``.ch0``, ``.ch1``, and ``channel`` is the number.
    source : str
        Path of the input as given by the user.
    source_size, source_mtime_ns : int
        Size in bytes and modification time of the input before it was read; size -1 if the system did not report them.
    source_hash : str or None
        ``sha256:`` and hex digits, with ``--checksum``.
    format : str or None
        Container and coding of the input, such as ``wav/pcm_16``; None if it was not opened as audio.
    decoding : int or None
        `melcli.audio.decoding_revision.DECODING_REVISION` of the release that read the input; None in rows of earlier
        releases.
    channel : int or None
        With ``channels: each``.
    flags : tuple of str
        Properties of the input that are not failures: ``silent``, ``clipped``, ...
    stderr : str or None
        The end of the output of native libraries while the input was read, as one printable line.
    config_id : str
        The config of the features.
    start_s, end_s, length_s : float or None
        The part of the source, in seconds; see `melcli.sources.bounds.Bounds`.  These fields and the following ones
        are only written if they are set.
    rounding : "nearest" or "truncate" or None
        How seconds become samples; None is ``nearest``.
    source_channel : int or None
        The only channel that was read, counted from 0; None for those that the config selects.
    is_command : bool or None
        Whether ``source`` is a command.
    columns : Mapping or None
        The carried columns of a table.
    chunk, num_chunks : int or None
        With ``chunk_s``: the number of the chunk, counted from 0, and the number of chunks of the item.
    chunk_start_s : float or None
        With ``chunk_s``: the start of the chunk from the start of the source, in seconds.
    """

    status: ClassVar[str]

    id: str
    source: str
    source_size: int
    source_mtime_ns: int
    source_hash: str | None = None
    format: str | None = None
    decoding: int | None = None
    channel: int | None = None
    flags: tuple[str, ...] = ()
    stderr: str | None = None
    config_id: str
    start_s: float | None = None
    end_s: float | None = None
    length_s: float | None = None
    rounding: Literal["nearest", "truncate"] | None = None
    source_channel: int | None = None
    is_command: bool | None = None
    columns: Mapping[str, str | int | float | bool | None] | None = None
    chunk: int | None = None
    num_chunks: int | None = None
    chunk_start_s: float | None = None

    @property
    def item_id(self) -> str:
        """Id of the row's input: the row's id without its channel."""
        return item_of(self.id, self.channel, self.chunk)

    def group(self, column: str) -> str | None:
        """Return the value of a carried column as the name of a group; None if the row has no value there."""
        value = (self.columns or {}).get(column)
        if value is None:
            return None
        return str(value).lower() if isinstance(value, bool) else str(value)

    def to_json(self) -> str:
        """Return the row as one line of JSON; bytes of names that are not UTF-8 become lone surrogates."""
        plain = _SCHEMAS[self.status].to_plain(self)
        for name in OPTIONAL_FIELDS:
            if plain[name] is None:
                del plain[name]
        return _ENCODER.encode(plain)

    def to_line(self) -> Line:
        """Return the row as a line of a manifest."""
        return Line(byte_order(self.id), byte_order(self.item_id), self.status == "failed", self.to_json().encode())

    def __reduce__(self) -> tuple[Any, ...]:
        return _make, (self.status, _SCHEMAS[self.status].values_of(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class OkRow(_Source):
    """An output and its input.

    Attributes
    ----------
    source_sampling_rate, source_channels : int or None
        Rate in hertz and number of channels of the input.
    num_samples, sampling_rate : int or None
        Length and rate of the signal after resampling.
    num_frames, num_features : int
        Number of frames, and of values per frame.
    valid_frames : int or None
        Number of frames, from the first, that contain signal; the rest is padding.  None in rows of earlier versions.
    frame_shift, duration : float or None
        Seconds between frames, and duration of the signal in seconds.
    dtype : str
        Type of the stored numbers.
    path : str
        File relative to OUT; empty until the output is stored.
    start : int or None
        First frame in a shard; None if the file contains one item.
    output_size : int
        Size of the whole file, in bytes.
    crc32 : str
        CRC-32 of the bytes of the stored numbers, in hex.
    min, max, mean : float
        Minimum, maximum and mean of the stored numbers.
    peak, rms_db, clipped_fraction, dc_offset : float or None
        Levels of the decoded source, over all its channels; see `melcli.audio.levels.Levels`.  None in rows of earlier
        versions.
    """

    status: ClassVar[Literal["ok"]] = "ok"
    reason: ClassVar[None] = None
    message: ClassVar[None] = None

    source_sampling_rate: int | None = None
    source_channels: int | None = None
    num_samples: int | None = None
    sampling_rate: int | None = None
    num_frames: int
    valid_frames: int | None = None
    num_features: int
    frame_shift: float | None = None
    duration: float | None = None
    dtype: str
    path: str
    start: int | None = None
    output_size: int
    crc32: str
    min: float
    max: float
    mean: float
    peak: float | None = None
    rms_db: float | None = None
    clipped_fraction: float | None = None
    dc_offset: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRow(_Source):
    """An input without an output.

    Attributes
    ----------
    reason : Reason
        One of `melcli.errors.REASONS`.
    message : str
        One sentence.
    tried_with : str or None
        The limits and versions that a failure with this reason depends on; see `melcli.run.retry_conditions`.  If it is
        None, it is not written, so that all other rows keep their bytes.
    """

    status: ClassVar[Literal["failed"]] = "failed"
    path: ClassVar[None] = None

    reason: Reason
    message: str
    tried_with: str | None = None


Row = OkRow | FailedRow

BOUNDS_FIELDS = ("start_s", "end_s", "length_s", "rounding", "source_channel", "is_command")
CHUNK_FIELDS = ("chunk", "num_chunks", "chunk_start_s")
OPTIONAL_FIELDS = (*BOUNDS_FIELDS, "columns", *CHUNK_FIELDS, "tried_with")  # not written if they are None
LEVELS = ("peak", "rms_db", "clipped_fraction", "dc_offset")  # fields that rows of earlier versions lack

# All fields in the order in which they are written.  Fields that a kind of row lacks are null.
ROW_FIELDS = (
    *("id", "source", "status", "reason", "message", "source_size", "source_mtime_ns", "source_hash", "format"),
    *("decoding", "source_sampling_rate", "source_channels", "channel", "num_samples", "sampling_rate", "num_frames"),
    *("valid_frames", "num_features", "frame_shift", "duration", "dtype", "path", "start", "output_size", "crc32"),
    *("min", "max", "mean", *LEVELS, "flags", "stderr", "config_id"),
    *OPTIONAL_FIELDS,
)
FIELDS_OF_ALL_VERSIONS = ("channel", "flags")  # required, though they have a default
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


class RowFault(ValueError):
    """A JSON object is not a row; the message is a clause, such as ``its num_frames is "x"``."""


RowT = TypeVar("RowT", OkRow, FailedRow)


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not a number of JSON")


JSON_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _json_types(hint: Any) -> frozenset[type]:
    """Return the types that `JSON_DECODER` produces for a field; bool does not count as int."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return frozenset().union(*map(_json_types, get_args(hint)))
    if origin is Literal:
        return frozenset({str})
    if origin is tuple:
        return frozenset({list})
    if origin is Mapping:
        return frozenset({dict})
    return frozenset({int, float}) if hint is float else frozenset({hint})


class _Schema(Generic[RowT]):
    """The fields of one kind of row, with their JSON types.

    Parameters
    ----------
    kind : type
        `OkRow` or `FailedRow`.
    """

    def __init__(self, kind: type[RowT]) -> None:
        hints = get_type_hints(kind)
        self._kind: type[RowT] = kind
        self.names = tuple(field.name for field in fields(kind))
        self.kinds: Mapping[str, frozenset[type]] = {
            "status": frozenset({str}),
            **{name: _json_types(hints[name]) for name in self.names},
        }
        self.values_of = attrgetter(*self.names)
        self._defaults = {field.name: field.default for field in fields(kind) if field.default is not MISSING}
        self._in_order = itemgetter(*self.names)
        self._setters = tuple(getattr(kind, name).__set__ for name in self.names)
        self._flags = self.names.index("flags")
        self._template: dict[str, Any] = {**dict.fromkeys(ROW_FIELDS), "status": kind.status}
        self._foreign = tuple(name for name in ROW_FIELDS if name not in self.kinds)
        self._known_types: set[tuple[type, ...]] = set()  # a corpus has a few, so that most rows cost one lookup

    def to_plain(self, row: RowT) -> dict[str, Any]:
        """Return the row as a JSON object with all fields in order."""
        plain = self._template.copy()
        plain.update(zip(self.names, self.values_of(row)))  # noqa: B905  of equal length
        return plain

    def read(self, plain: Mapping[str, Any]) -> RowT:
        """Create a row from a JSON object; raise RowFault with the field that is missing or has another type."""
        try:
            values: tuple[Any, ...] = self._in_order(plain)
        except KeyError:  # written by an earlier version, or not a row
            values = tuple(self._value(plain, name) for name in self.names)
        types = tuple(map(type, values))
        if types not in self._known_types:
            for name, value in zip(self.names, values, strict=True):
                if type(value) not in self.kinds[name]:
                    raise RowFault(f"its {name} is {shown(value)}")
            self._known_types.add(types)
        for name in self._foreign:
            if plain.get(name) is not None:
                raise RowFault(f"its {name} is {shown(plain[name])}, though its status is {self._kind.status}")
        return self.make((*values[: self._flags], tuple(values[self._flags]), *values[self._flags + 1 :]))

    def _value(self, plain: Mapping[str, Any], name: str) -> Any:
        if name in plain or (name in self._defaults and name not in FIELDS_OF_ALL_VERSIONS):
            return plain.get(name, self._defaults.get(name))
        raise RowFault(f"its {name} is missing")

    def make(self, values: tuple[Any, ...]) -> RowT:
        """Create a row from all its values, in order; calling a frozen dataclass takes 2.5 times as long."""
        row: RowT = object.__new__(self._kind)
        for set_value, value in zip(self._setters, values):  # noqa: B905  of equal length; strict took 0.2 us
            set_value(row, value)
        return row


_SCHEMAS: Mapping[str, _Schema[Any]] = {"ok": _Schema(OkRow), "failed": _Schema(FailedRow)}

# The JSON types of each field, including null if a kind of row lacks it.
FIELD_KINDS: Mapping[str, frozenset[type]] = {
    name: frozenset().union(*(schema.kinds.get(name, {NoneType}) for schema in _SCHEMAS.values()))
    for name in ROW_FIELDS
}


def _make(status: str, values: tuple[Any, ...]) -> Row:
    row: Row = _SCHEMAS[status].make(values)
    return row


def fields_of(plain: Any) -> dict[str, Any]:
    """Return the fields of a row, null if missing, with types that are valid in some row.

    Planning needs only a few fields, so it accepts a row in which one of the others is missing.

    Raises
    ------
    RowFault
        A required field is missing, or a value has a type that no row has.
    """
    if not isinstance(plain, dict):
        raise RowFault("it is not a JSON object")
    known = {name: plain.get(name) for name in FIELD_KINDS}
    for name, value in known.items():
        if type(value) not in FIELD_KINDS[name]:
            raise RowFault(f"its {name} is {shown(value)}" if name in plain else f"its {name} is missing")
    return known


def bounds_text(known: Mapping[str, Any]) -> str:
    """Return the part of the source in the fields of a row as JSON without braces, as the row contains it."""
    return _ENCODER.encode({name: known[name] for name in BOUNDS_FIELDS if known[name] is not None})[1:-1]


def columns_text(known: Mapping[str, Any]) -> str:
    """Return the carried columns in the fields of a row as JSON; ``""`` if it has none."""
    return "" if known["columns"] is None else _ENCODER.encode(known["columns"])


def row_of(plain: Any) -> Row:
    """Return the row for a JSON object; fields of later versions are ignored.

    Parameters
    ----------
    plain : object
        From `JSON_DECODER`.

    Raises
    ------
    RowFault
        It is not a row.
    """
    if not isinstance(plain, dict):
        raise RowFault("it is not a JSON object")
    status = plain.get("status")
    schema = _SCHEMAS.get(status) if isinstance(status, str) else None
    if schema is None:
        raise RowFault(f"its status is {shown(status)}")
    row: Row = schema.read(plain)
    return row


def read_row(text: bytes) -> Row:
    """Return the row for a line of JSON; raises one of `ROW_ERRORS` if it is not a row."""
    return row_of(JSON_DECODER.decode(text.decode(*UTF8)))


def with_columns(line: Line, columns: bytes | None) -> Line:
    """Return a line with other carried columns, given as JSON; empty for no columns, None for the line as it is.

    The other fields stay as they are, also if a row needs more of them: `fields_of` accepts such rows.
    """
    if columns is None:
        return line
    plain = JSON_DECODER.decode(line.text.decode(*UTF8))
    plain.pop("columns", None)
    if columns:
        plain["columns"] = JSON_DECODER.decode(columns.decode())
    ordered = {name: plain.pop(name) for name in ROW_FIELDS if name in plain}
    return line._replace(text=_ENCODER.encode({**ordered, **plain}).encode())


def shown(value: object) -> str:
    """Format a value of a row for a message."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value)[:MAX_SHOWN_CHARACTERS]
