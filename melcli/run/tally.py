"""Counts of processed inputs: the worker counts its batch, so that the driver need not parse the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from melcli.mel.framing import count_discarded_samples
from melcli.mel.options import FeatureOptions
from melcli.store.rows import OkRow, Row

__all__ = ["Tally", "count_rows"]


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts of inputs.

    Attributes
    ----------
    done : int
        Inputs whose features were extracted.
    audio_s : float
        Their audio, in seconds.
    source_rates_hz : Counter
        Their number by the sampling rate of the source, in hertz.
    cut, cut_samples : int
        Inputs that ``num_samples`` or ``num_frames`` cut, and their discarded samples.
    truncated : int
        Inputs that end early and were kept.
    more_streams : int
        Inputs with several audio streams, one of which was decoded.
    ffmpeg_versions : set of str
        The versions of ffmpeg that decoded inputs, or failed to.
    """

    done: int = 0
    audio_s: float = 0.0
    source_rates_hz: Counter[int] = field(default_factory=Counter)
    cut: int = 0
    cut_samples: int = 0
    truncated: int = 0
    more_streams: int = 0
    ffmpeg_versions: set[str] = field(default_factory=set)

    def add(self, other: Tally) -> None:
        """Add the counts of other inputs."""
        self.done += other.done
        self.audio_s += other.audio_s
        self.source_rates_hz.update(other.source_rates_hz)
        self.cut += other.cut
        self.cut_samples += other.cut_samples
        self.truncated += other.truncated
        self.more_streams += other.more_streams
        self.ffmpeg_versions |= other.ffmpeg_versions


def count_rows(rows: Sequence[Row], features: FeatureOptions) -> Tally:
    """Count the rows of one batch; the channels and chunks of one input count as one."""
    done = [row for row in rows if isinstance(row, OkRow)]
    source_rates_hz = {row.item_id: row.source_sampling_rate for row in done}
    discarded = [count_discarded_samples(row.num_samples or 0, features) for row in done if not row.channel]
    return Tally(
        done=len(source_rates_hz),
        audio_s=sum(row.duration or 0.0 for row in done if not row.channel),
        source_rates_hz=Counter(rate_hz for rate_hz in source_rates_hz.values() if rate_hz is not None),
        cut=sum(samples > 0 for samples in discarded),
        cut_samples=sum(discarded),
        truncated=_count_flagged(rows, "truncated"),
        more_streams=_count_flagged(rows, "more_streams"),
    )


def _count_flagged(rows: Sequence[Row], flag: str) -> int:
    return len({row.item_id for row in rows if flag in row.flags})
