"""The summary of a run, for people and as JSON."""

from __future__ import annotations

import shlex
from typing import Any

from melcli.mel.empty_filters import filters_above_source, format_ranges
from melcli.printable import printable
from melcli.run.report import Report
from melcli.store.layout import FAILURES_FILE

__all__ = [
    "cut_warning",
    "failed_before_note",
    "low_rates_warning",
    "more_streams_note",
    "plain_report",
    "summary_line",
    "truncated_note",
    "without_input_note",
]


def summary_line(report: Report, config: str = "") -> str:
    """Return the last line of a run; ``config`` describes the config in words, if given."""
    unchanged = f" ({report.unchanged:,} unchanged)" if report.unchanged else ""
    parts = [f"{report.ok:,} ok{unchanged}", f"{report.all_failed:,} failed"]
    if report.left:
        parts.append(f"{report.left:,} not done")
    if report.done:
        parts.append(_audio_length(report.audio_s))
    parts.append(_elapsed(report.elapsed_s))
    if report.done and report.elapsed_s:
        parts.append(f"{report.audio_s / report.elapsed_s:,.0f}x real time")
    if config:
        parts.append(printable(config))
    return f"{'  '.join(parts)}  -> {printable(report.out)}/manifest.jsonl"


def without_input_note(report: Report) -> str:
    """Count the items of OUT that have no input; ``""`` if there are none."""
    if not report.orphans:
        return ""
    outputs = "1 item of OUT has" if report.orphans == 1 else f"{report.orphans:,} items of OUT have"
    other = report.orphans_of_other_config
    with_other = f" ({other:,} made with another config)" if other else ""
    return f"{outputs} no input{with_other}; melcli prune {printable(shlex.quote(report.out))} INPUT... lists them"


def low_rates_warning(report: Report) -> str:
    """Count the inputs whose sampling rate is too low for ``max_freq``; ``""`` if there are none."""
    if not report.below_max_freq:
        return ""
    lowest_hz = min(report.low_rates_hz)
    empty = filters_above_source(report.features, lowest_hz)
    filters, are = ("filter", "is") if len(empty) == 1 else ("filters", "are")
    have = "has" if report.below_max_freq == 1 else "have"
    return (
        f"{report.below_max_freq:,} of {report.done:,} files {have} too low a sampling rate for "
        f"max_freq={report.features.upper_edge_hz:g} Hz: at the lowest rate, {lowest_hz} Hz, "
        f"{filters} {format_ranges(empty)} of {report.features.num_mel_bins} {are} empty"
    )


def cut_warning(report: Report) -> str:
    """Count the inputs that were cut, and the discarded audio; ``""`` if there are none."""
    if not report.cut:
        return ""
    are = "is" if report.cut == 1 else "are"
    files = "file" if report.done == 1 else "files"
    return (
        f"{report.cut:,} of {report.done:,} {files} {are} longer than {_length_limits(report)}: "
        f"{_rough_time(report.cut_s)} of audio was cut off; --chunk {_longest_input(report)} keeps all of it"
    )


def truncated_note(report: Report) -> str:
    """Count the inputs that end early and were kept; ``""`` if there are none."""
    if not report.truncated:
        return ""
    files, ends = ("file", "ends") if report.truncated == 1 else ("files", "end")
    return f"{report.truncated:,} {files} of {report.done:,} {ends} early; what could be decoded was kept"


def more_streams_note(report: Report) -> str:
    """Count the inputs with several audio streams, one of which was decoded; ``""`` if there are none."""
    if not report.more_streams:
        return ""
    files, have = ("file", "has") if report.more_streams == 1 else ("files", "have")
    return (
        f"{report.more_streams:,} {files} of {report.done:,} {have} several audio streams, of which one was decoded; "
        "--stream N chooses another"
    )


def failed_before_note(report: Report) -> str:
    """Count the failed inputs that were not retried, and name the option that does; ``""`` if there are none."""
    if not report.failed_before:
        return ""
    one = report.failed_before == 1
    failed = "input failed in an earlier run and was" if one else "inputs failed in earlier runs and were"
    return (
        f"{report.failed_before:,} {failed} not retried: see {printable(report.out)}/{FAILURES_FILE}; "
        f"--retry-failed retries {'it' if one else 'them'}"
    )


def plain_report(report: Report) -> dict[str, Any]:
    """Return the object that ``--json`` prints."""
    return {
        "ok": report.ok,
        "unchanged": report.unchanged,
        "failed": report.all_failed,
        "failed_now": report.failed,
        "failed_before": report.failed_before,
        "not_done": report.left,
        "orphans": report.orphans,
        "orphans_of_other_config": report.orphans_of_other_config,
        "unreadable_folders": report.unreadable_folders,
        "reasons": dict(sorted(report.reasons.items())),
        "below_max_freq": report.below_max_freq,
        "cut": report.cut,
        "cut_s": round(report.cut_s, 6),
        "truncated": report.truncated,
        "more_streams": report.more_streams,
        "lost_batches": report.lost_batches,
        "worker_crashes": report.losses["worker_crash"],
        "worker_kills": report.losses["worker_killed"],
        "worker_oom_kills": report.losses["worker_oom_kill"],
        "worker_timeouts": report.losses["worker_timeout"],
        "retries": report.retries,
        "retried_alone": report.retried_alone,
        "audio_s": round(report.audio_s, 3),
        "elapsed_s": round(report.elapsed_s, 3),
        "stopped_by": report.stopped_by,
        "exit_code": report.exit_code,
        "out": report.out,
    }


def _length_limits(report: Report) -> str:
    """Return the keys that limit the length, with the limit in seconds."""
    features = report.features
    limits = {"num_samples": 1, "num_frames": features.sequence_stride}
    numbers = {name: getattr(features, name) for name in limits}
    return " or ".join(
        f"{name}={number} ({number * limits[name] / features.sampling_rate:.4g} s)"
        for name, number in numbers.items()
        if number is not None
    )


def _longest_input(report: Report) -> str:
    """Return the longest input that is not cut, as a value of ``--chunk``."""
    features = report.features
    limits = (features.num_samples, features.num_frames and features.num_frames * features.sequence_stride)
    return f"{min(filter(None, limits)) / features.sampling_rate:.6g}s"


def _audio_length(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h of audio" if seconds >= 360 else f"{seconds:,.1f} s of audio"


def _rough_time(seconds: float) -> str:
    if seconds < 0.1:
        return "less than 0.1 s"
    size, unit = (3600, "h") if seconds >= 3600 else (60, "min") if seconds >= 60 else (1, "s")
    return f"{seconds / size:,.1f} {unit}"


def _elapsed(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
