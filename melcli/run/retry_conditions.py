"""The limits and versions that a failed item was tried with, which decide whether to retry it.

Rows that failed for a reason in `LIMITS_BY_REASON` record them in `tried_with`, such as ``timeout_per_item=3s
melcli=0.1.0 numpy=2.4.6 scipy=1.17.1 soundfile=0.14.0 soxr=1.1.0``.  The planner retries a row if the current run would
record another text.  The text is in the row, not in melcli.yaml, because a run can end before it retries an item.

A row that failed as ``unsupported_format`` records the ffmpeg that was there, such as ``ffmpeg=5.1.9``, and nothing if
there was none or libsndfile alone decoded.  The worker writes it, because ffmpeg may come and go during a run.  The
planner retries the row if another ffmpeg is there now; where none is, a retry cannot help.
A duration does not depend on the versions: a row that failed as ``too_long`` records ``max_duration=60s``.

Only the driver calls this module; it reads the versions from the packages' metadata, so that it need not import NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from melcli.audio.ffmpeg.program import condition, is_by_ffmpeg
from melcli.run.limits import Limits
from melcli.run.memory_limit import usable_memory_bytes
from melcli.store.entries import Entry
from melcli.store.lines import Line
from melcli.store.rows import FailedRow
from melcli.version import __version__

__all__ = ["LIMITS_BY_REASON", "Conditions", "installed_versions"]

TIMEOUT, WORKER_MEMORY, MEMORY = "timeout_per_item", "max_memory_per_worker", "memory"
MAX_DURATION, MIN_DURATION = "max_duration", "min_duration"
# By reason, the limits that the failure depends on; it also depends on the versions, except in `BY_DURATION`.
LIMITS_BY_REASON: Mapping[str, tuple[str, ...]] = {
    "out_of_memory": (WORKER_MEMORY, MEMORY),
    "timeout": (TIMEOUT,),
    "decoder_crash": (WORKER_MEMORY,),  # some libraries abort when an allocation fails
    "too_long": (MAX_DURATION,),
    "too_short": (MIN_DURATION,),
}
UNSUPPORTED = "unsupported_format"
BY_DURATION = ("too_long", "too_short")
PACKAGES = ("numpy", "scipy", "soundfile", "soxr")
UNKNOWN = "unknown"
MEMORY_DIGITS = 2  # the kernel's part of physical memory varies by 1 % between boots


class Conditions:
    """The limits and versions of a run; looked up when the first row needs them.

    Parameters
    ----------
    limits : Limits
        The limits of the run.
    unset_matches_any : bool
        Whether a limit of None matches every limit in a row.  `melcli status` needs this, because it does not know the
        limits of the last run.
    decoder : str
        See `melcli.audio.options.AudioOptions`.
    """

    def __init__(self, limits: Limits, *, unset_matches_any: bool = False, decoder: str = "auto") -> None:
        self._limits = limits
        self._decoder = decoder
        unset = {
            TIMEOUT: limits.timeout_per_item_s,
            WORKER_MEMORY: limits.max_memory_bytes,
            MAX_DURATION: limits.max_duration_s,
            MIN_DURATION: limits.min_duration_s,
        }
        self._ignored = {name for name, limit in unset.items() if limit is None} if unset_matches_any else set()
        self._texts: dict[str, str] = {}

    def text(self, reason: str | None, format: str | None = None) -> str | None:
        """Return the text that a row records; None if its retry does not depend on conditions of this module.

        Parameters
        ----------
        reason : str or None
            Why it failed.
        format : str or None
            Its format, which names the decoder.
        """
        if reason is None or reason not in LIMITS_BY_REASON:
            return None
        if reason not in self._texts:
            found = {name: _VALUES[name](self._limits) for name in LIMITS_BY_REASON[reason]}
            if reason not in BY_DURATION:
                found |= installed_versions()
            self._texts[reason] = " ".join(f"{name}={value}" for name, value in found.items())
        ffmpeg = condition(self._decoder) if is_by_ffmpeg(format) and reason not in BY_DURATION else None
        return self._texts[reason] if ffmpeg is None else f"{self._texts[reason]} {ffmpeg}"

    def differ(self, row: Entry) -> bool:
        """Return whether a failed row was tried with other limits, versions or decoders, or does not record them."""
        if row.reason == UNSUPPORTED:
            now = condition(self._decoder)
            return now is not None and row.tried_with != now
        text = self.text(row.reason, row.format)
        return text is not None and self._compared(row.tried_with or "") != self._compared(text)

    def record(self, rows: Iterable[FailedRow | Line]) -> list[FailedRow | Line]:
        """Return the rows of a batch, where failed rows that may be retried have `tried_with`."""
        return [self._recorded(row) if isinstance(row, FailedRow) else row for row in rows]

    def _recorded(self, row: FailedRow) -> FailedRow:
        text = self.text(row.reason, row.format)
        return row if text is None else replace(row, tried_with=text)

    def _compared(self, text: str) -> list[str]:
        return [word for word in text.split(" ") if word.partition("=")[0] not in self._ignored]


def installed_versions() -> dict[str, str]:
    """Return the versions of melcli and of the packages that compute and decode, from their metadata."""
    from importlib.metadata import version  # imported late: it takes 30 to 90 ms, and few runs need it

    versions = {"melcli": __version__}
    for package in PACKAGES:
        found = UNKNOWN
        with suppress(ImportError, LookupError, ValueError, OSError):  # missing or unreadable metadata
            found = version(package) or UNKNOWN
        versions[package] = "".join(found.split())
    return versions


def _timeout(limits: Limits) -> str:
    return "default" if limits.timeout_per_item_s is None else f"{limits.timeout_per_item_s:.15g}s"


def _worker_memory(limits: Limits) -> str:
    return "none" if limits.max_memory_bytes is None else f"{limits.max_memory_bytes / 1e6:.15g}MB"


def _memory(_: Limits) -> str:
    try:
        rounded = float(f"{usable_memory_bytes():.{MEMORY_DIGITS}g}")
    except (OSError, ValueError):  # the system does not report it
        return UNKNOWN
    return f"{rounded / 1e9:.15g}GB" if rounded >= 1e9 else f"{rounded / 1e6:.15g}MB"


def _duration(limit_s: float | None) -> str:
    return "none" if limit_s is None else f"{limit_s:.15g}s"


_VALUES: Mapping[str, Callable[[Limits], str]] = {
    TIMEOUT: _timeout,
    WORKER_MEMORY: _worker_memory,
    MEMORY: _memory,
    MAX_DURATION: lambda limits: _duration(limits.max_duration_s),
    MIN_DURATION: lambda limits: _duration(limits.min_duration_s),
}
