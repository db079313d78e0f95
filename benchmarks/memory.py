"""The largest resident size of each process, by length and number of files; on Linux only."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import corpus
from benchmarks.commands import extract, put_aside
from benchmarks.options import Options, conclude, parse
from benchmarks.processes import run_command
from benchmarks.scaling import SMALL, small_files
from benchmarks.tables import Table, seconds
from benchmarks.watch import Watch

__all__ = ["measure", "tables"]

LONG_H, LARGE_LONG_H = 1, 12
STATISTICS = ("-s", "mean=bin", "-s", "std=bin")  # which need the whole of a file before its first value is known
JOBS = 2


def measure(options: Options) -> dict[str, Any]:
    """Run every case once; nothing where there is no /proc."""
    if not Path("/proc/self/status").exists():
        return {"jobs": JOBS, "cases": {}}
    out = options.data / "out"
    cases = {}
    for name, (folder, arguments, again) in _cases(options).items():
        print(f"memory: {name} ...", file=sys.stderr, flush=True)
        cases[name] = peaks(extract(folder, out, *arguments, jobs=JOBS), out, again=again)
    return {"jobs": JOBS, "cases": cases}


def _cases(options: Options) -> dict[str, tuple[Path, Sequence[str], bool]]:
    """Return for each case the input, what melcli is told, and whether it is the second run that counts."""
    long_h = LARGE_LONG_H if options.large else LONG_H
    long = corpus.long_file(options.data, duration_h=long_h, sampling_rate=44_100, num_channels=2)
    about = f"{long_h} h of 44.1 kHz stereo in one FLAC file"
    many = 100_000 if options.large else 10_000
    return {
        "360 files of ten seconds": (corpus.hour(options.data), (), False),
        f"{about}, npy": (long, (), False),
        f"{about}, hdf5": (long, ("-f", "hdf5"), False),
        f"{about}, npy, mean and std of each bin": (long, STATISTICS, False),
        f"{about}, hdf5, mean and std of each bin": (long, ("-f", "hdf5", *STATISTICS), False),
        "1,000 files of half a second": (small_files(options.data, 1_000), SMALL, False),
        "10,000 files of half a second": (small_files(options.data, 10_000), SMALL, False),
        f"{many:,} files of half a second, all done before": (small_files(options.data, many), SMALL, True),
    }


def peaks(command: list[str], out: Path, *, again: bool = False) -> dict[str, Any]:
    """Return the peaks of one run, or of the one after it."""
    put_aside(out)
    try:
        if again:
            run_command(command)
        watch = Watch()
        run = run_command(command, watch=watch.start)
        watch.finish()
    finally:
        put_aside(out)
    return {"wall_s": run.wall_s, "peaks_mb": watch.peaks_mb, "pss_mb": watch.pss_mb}


def tables(result: dict[str, Any]) -> list[Table]:
    """Make the table of a result."""
    rows = []
    for name, found in result["cases"].items():
        largest = [_mb(found, role, "resident") for role in ("parent", "worker")]
        rows.append(
            [name, *largest, _mb(found, "worker", "anonymous"), f"{found['pss_mb']:.0f}", seconds(found["wall_s"])]
        )
    head = [
        "",
        "parent MB",
        "worker MB",
        "worker MB, no mapped files",
        "all MB, shared once",
        "wall s",
    ]
    return [Table("memory", f"The most that a process held, {result['jobs']} workers", head, rows)]


def _mb(found: dict[str, Any], role: str, size: str) -> str:
    size_mb = found["peaks_mb"].get(role, {}).get(size)
    return "" if size_mb is None else f"{size_mb:.0f}"


def main() -> None:
    """Measure, print, write."""
    options = parse(__doc__, rounds=1)
    result = measure(options)
    conclude("memory", result, tables(result), options)


if __name__ == "__main__":
    main()
