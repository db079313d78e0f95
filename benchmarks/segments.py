"""What three-second segments of one-hour FLAC files cost, over the same segments in files that were cut beforehand.

The segments come from a table.  A ratio is the median over the rounds, of wall time and of the CPU time of all
processes.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import soundfile

from benchmarks import corpus
from benchmarks.commands import extract, melcli, run_fresh
from benchmarks.options import Options, conclude, parse
from benchmarks.tables import Table, ratio, seconds
from benchmarks.timing import median_ratio

__all__ = ["measure", "tables"]

JOBS = 2
RECORDINGS, LARGE_RECORDINGS = 10, 100
SEGMENTS_PER_RECORDING = 1000
SEGMENT_S, STEP_S = 3.0, 3.6
RATE = 16_000


def measure(options: Options) -> dict[str, Any]:
    """Extract segments and cut files in turn."""
    count = LARGE_RECORDINGS if options.large else RECORDINGS
    folder, table = _segments(options.data, count)
    cut = _cut(options.data, folder, count)
    out = options.data / "out-segments"
    commands = {
        "segments": melcli("extract", "--table", table, "-o", out, "-j", JOBS, "-q"),
        "cut files": extract(cut, out, jobs=JOBS),
    }
    runs: dict[str, list[Any]] = {name: [] for name in commands}
    for _ in range(options.rounds):
        for name, command in commands.items():
            runs[name].append(run_fresh(command, out, num_outputs=count * SEGMENTS_PER_RECORDING))
    wall_s = {name: [run.wall_s for run in some] for name, some in runs.items()}
    cpu_s = {name: [run.cpu_s for run in some] for name, some in runs.items()}
    return {
        "num_segments": count * SEGMENTS_PER_RECORDING,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "wall_ratio": median_ratio(wall_s["segments"], wall_s["cut files"]),
        "cpu_ratio": median_ratio(cpu_s["segments"], cpu_s["cut files"]),
    }


def _segments(data: Path, count: int) -> tuple[Path, Path]:
    """Return a folder of one-hour files, hard links to one, and the table of their segments."""
    hour = corpus.long_file(data, duration_h=1, sampling_rate=RATE, num_channels=1).parent
    folder = corpus.linked(data, "recordings", hour, count)
    table = data / f"segments-{count}.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "path", "start", "end"])
        for number, path in enumerate(sorted(folder.rglob("*.flac"))):
            for segment in range(SEGMENTS_PER_RECORDING):
                start_s = segment * STEP_S
                rows.writerow([f"{number:03}/{segment:05}", path, f"{start_s:.3f}", f"{start_s + SEGMENT_S:.3f}"])
    return folder, table


def _cut(data: Path, folder: Path, count: int) -> Path:
    """Return a folder of the same segments as files: hard links to those of the first recording."""
    recording = min(folder.rglob("*.flac"))
    pieces = data / "cut-pieces"
    if not pieces.exists():
        pieces.mkdir()
        with soundfile.SoundFile(recording) as file:
            for segment in range(SEGMENTS_PER_RECORDING):
                file.seek(round(segment * STEP_S * RATE))
                samples = file.read(round(SEGMENT_S * RATE), dtype="int16")
                soundfile.write(pieces / f"{segment:05}.flac", samples, RATE)
    return corpus.linked(data, "cut", pieces, count * SEGMENTS_PER_RECORDING)


def tables(result: dict[str, Any]) -> list[Table]:
    """Return the ratios."""
    row = [
        f"{result['num_segments']:,} segments of 3 s",
        ratio(result["wall_ratio"]),
        ratio(result["cpu_ratio"]),
        *(seconds(min(result["wall_s"][name])) for name in ("segments", "cut files")),
    ]
    head = ["", "wall ratio", "CPU ratio", "segments s", "cut files s"]
    return [Table("segments", "Segments of one-hour FLACs over files cut beforehand, two processes", head, [row])]


def main() -> None:
    """Measure and print."""
    options = parse(__doc__, rounds=3)
    options.data.mkdir(parents=True, exist_ok=True)
    result = measure(options)
    conclude("segments", result, tables(result), options)


if __name__ == "__main__":
    main()
