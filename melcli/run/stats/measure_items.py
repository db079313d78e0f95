"""Read items and compute their moments, in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from melcli.errors import StorageError
from melcli.mel.framing import count_valid_frames
from melcli.mel.options import FeatureOptions
from melcli.printable import printable
from melcli.run.stats.member import Member
from melcli.stats.moments import Moments, moments_of
from melcli.store.reader import Features
from melcli.store.rows import OkRow

__all__ = ["measure_items"]


def measure_items(members: Sequence[Member], options: FeatureOptions) -> list[tuple[str | None, Moments]]:
    """Return the moments of each item, with the group None, and again with its own group.

    Raises
    ------
    StorageError
        An item cannot be read, or its numbers are not finite.
    """
    pairs: list[tuple[str | None, Moments]] = []
    for member in members:
        moments = _moments(member, options)
        pairs += [(group, moments) for group in ([None] if member.group is None else [None, member.group])]
    return pairs


def _moments(member: Member, options: FeatureOptions) -> Moments:
    row = member.row
    features, rows = _opened(member.out)
    rows.clear()
    rows[row.id] = row
    array = features[row.id]
    expected = (row.num_frames, row.num_features)
    if array.shape != (expected if options.time_axis == 0 else expected[::-1]):
        raise StorageError(f"{printable(member.out)}: {row.id!r} has its axes in another order than the config")
    moments = moments_of(
        array, time_axis=options.time_axis, valid_frames=_valid_frames(row, options), seconds=row.duration or 0.0
    )
    if not (moments.mean - moments.mean == 0).all():  # NaN or infinite, which no run stores
        raise StorageError(f"{printable(member.out)}: {row.id!r} has numbers that are not finite")
    return moments


def _valid_frames(row: OkRow, options: FeatureOptions) -> int:
    """Return the number of frames with signal, also for a row of an earlier version, which does not record it."""
    if row.valid_frames is not None:
        return row.valid_frames
    if row.num_samples is None:
        return row.num_frames
    return min(row.num_frames, count_valid_frames(row.num_samples, options))


@lru_cache(maxsize=4)
def _opened(out: str) -> tuple[Features, dict[str, OkRow]]:
    """Return the features of an OUT that keep its shards open, and the rows that they serve."""
    rows: dict[str, OkRow] = {}
    return Features(out, rows), rows
