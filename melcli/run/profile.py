"""The time of the workers by stage, and the bottleneck, for ``--profile``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from melcli.run.report import Report
from melcli.stopwatch import STAGES

__all__ = ["bottleneck", "profile_lines", "stage_seconds"]

BAR_WIDTH = 30
MIN_BOTTLENECK_SHARE = 0.4  # of the workers' time, for waiting and for disks

# The description and a remedy, for a stage that takes most of the time.
ADVICE = {
    "decode": "decoding; more cores help, and so does a format that decodes faster (WAV, then FLAC)",
    "resample": "resampling; more cores help, and so does -s audio.resampler=soxr_mq",
    "fft": "the Fourier transforms; more cores help",
    "mel": "the mel filters; more cores help",
    "log": "logarithms and normalization; more cores help",
    "write": "writing; a faster disk helps, and for hdf5 more cores, which compress",
    "other": "work for each file apart from its audio; fewer and longer files help",
}


def stage_seconds(report: Report) -> dict[str, float]:
    """Return the seconds of all workers together by stage; ``wait`` is the time without work."""
    spent = {stage: report.stage_seconds[stage] for stage in STAGES}
    return {**spent, "wait": max(0.0, report.workers * report.working_s - sum(spent.values()))}


def profile_lines(report: Report) -> Iterator[str]:
    """Yield a line for each stage, and the bottleneck."""
    seconds = stage_seconds(report)
    total_s = sum(seconds.values())
    workers = "1 worker" if report.workers == 1 else f"{report.workers} workers"
    yield f"{workers} for {report.working_s:.1f} s; start-up, plan and manifest {_overhead_s(report):.1f} s"
    for stage, spent_s in seconds.items():
        share = spent_s / total_s if total_s else 0.0
        yield f"{stage:>9} {spent_s:9.2f} s {share:6.1%}  {'#' * round(BAR_WIDTH * share)}".rstrip()
    yield f"bottleneck: {bottleneck(report, seconds)}"


def bottleneck(report: Report, seconds: Mapping[str, float]) -> str:
    """Return a description of the bottleneck of a run, and a remedy."""
    total_s = sum(seconds.values())
    busy_s = total_s - seconds["wait"]
    if _overhead_s(report) > report.working_s:
        return "start-up, plan and manifest take longer than the work; more files in one run take little more time"
    if seconds["wait"] > MIN_BOTTLENECK_SHARE * total_s:
        return "too few files at a time; with fewer workers or more files, workers wait less"
    if busy_s - report.worker_cpu_s > MIN_BOTTLENECK_SHARE * busy_s:
        return (
            f"reading and writing: the workers waited {1 - report.worker_cpu_s / busy_s:.0%} of their time, "
            "for a disk, a network or other programs on these processors"
        )
    return ADVICE[max(STAGES, key=lambda stage: seconds[stage])]


def _overhead_s(report: Report) -> float:
    """Return the time outside of the work of the workers."""
    return max(0.0, report.elapsed_s - report.working_s)
