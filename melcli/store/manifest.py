"""The manifest: one JSON object for each item, sorted by id, the truth after a run.

No clock, no host and no worker is written, so the same input gives the same bytes whatever the number of workers and
the order in which they finish.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from melcli.errors import Reason, StorageError
from melcli.printable import printable
from melcli.store.files import write_file
from melcli.store.layout import FAILURES_FILE, MANIFEST_FILE

__all__ = ["Row", "has_manifest", "read_manifest", "write_manifest"]


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
    source_sampling_rate, source_channels : int or None
        Hertz and channels of the input.
    num_samples, sampling_rate : int or None
        Of the signal that the mel core was given, after resampling.
    num_frames, num_features : int or None
        Frames and mels.
    frame_shift, duration : float or None
        Seconds from frame to frame, and of the signal.
    dtype, path, start, output_size : str or int or None
        Type of the stored numbers; file relative to OUT; first frame in a shard (None in a file of its own);
        bytes of the whole file.
    crc32, min, max, mean : str or float or None
        Of the stored numbers: CRC-32 of their bytes in hex, and their range.
    flags : tuple of str
        What is odd about the input though it is no failure: ``silent``, ``clipped``, ...
    config_id : str
        The config that it was made with.
    """

    id: str
    source: str
    status: Literal["ok", "failed"]
    reason: Reason | None = None
    message: str | None = None
    source_size: int
    source_mtime_ns: int
    source_hash: str | None = None
    source_sampling_rate: int | None = None
    source_channels: int | None = None
    channel: int | None = None
    num_samples: int | None = None
    sampling_rate: int | None = None
    num_frames: int | None = None
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
    config_id: str

    @property
    def item_id(self) -> str:
        """Id of the input that this row came from: the id without its channel."""
        return self.id if self.channel is None else self.id.removesuffix(f".ch{self.channel}")

    def to_json(self) -> str:
        """Write the row as one line of JSON; bytes of a name that are not UTF-8 become lone surrogates."""
        return json.dumps({name: getattr(self, name) for name in ROW_FIELDS}, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Row:
        """Read a row from a JSON object; keys of later versions are passed over.

        Raises
        ------
        TypeError, KeyError
            A key is missing: no row of ours.
        """
        known = {name: plain[name] for name in ROW_FIELDS if name in plain}
        return cls(**{**known, "flags": tuple(plain["flags"])})


ROW_FIELDS = tuple(field.name for field in fields(Row))


def read_manifest(out: str) -> Iterator[Row]:
    """Read the rows of OUT one by one; none where there is no manifest yet.

    Raises
    ------
    StorageError
        A line is not a row, with its number.
    """
    path = os.path.join(out, MANIFEST_FILE)
    line_number = 0
    try:
        with open(path, "rb") as file:
            for line in file:
                line_number += 1
                yield Row.from_plain(json.loads(line))
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"cannot read {printable(path)}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise StorageError(f"{printable(path)}:{line_number}: not a row of a manifest ({error})") from error


def has_manifest(out: str) -> bool:
    """Tell whether a run under OUT came to an end."""
    return os.path.isfile(os.path.join(out, MANIFEST_FILE))


def write_manifest(out: str, rows: Iterable[Row]) -> None:
    """Write the manifest and the list of failures anew; each appears whole under its name."""
    ordered = sorted(rows, key=lambda row: (row.id, row.item_id))
    failed = [row for row in ordered if row.status == "failed"]
    for name, part in ((FAILURES_FILE, failed), (MANIFEST_FILE, ordered)):
        write_file(os.path.join(out, name), (f"{row.to_json()}\n".encode("ascii") for row in part))
