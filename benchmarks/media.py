"""The cost of M4A: melcli, and a loop of ffmpeg alone, each with two processes, in turn.

The files are five seconds of speech in AAC.  ffmpeg alone decodes each of them to raw samples, which nobody reads.  A
ratio over 1 is what melcli adds: its start, the features, the outputs and the manifest.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import soundfile

from benchmarks import corpus
from benchmarks.commands import extract, run_fresh
from benchmarks.options import Options, conclude, parse
from benchmarks.processes import Run, run_command
from benchmarks.tables import Table, ratio, seconds
from benchmarks.timing import median_ratio

__all__ = ["measure", "tables"]

JOBS = 2
NUM_FILES = 1000
NUM_DIFFERENT = 20
DURATION_S, RATE_HZ = 5.0, 44_100
# xargs starts the same number of processes at a time as melcli, without a shell in between.
LOOP = (
    f"find '{{folder}}' -name '*.m4a' -print0 | "
    f"xargs -0 -P {JOBS} -I FILE ffmpeg -nostdin -v error -i FILE -f f32le -y /dev/null"
)


def encoded(data: Path) -> Path:
    """Return a folder of M4A files; most of them are links to others."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise SystemExit("ffmpeg is not installed")
    folder = data / "m4a"
    if not folder.exists():
        folder.mkdir(parents=True)
        wave = data / "speech.wav"
        for seed in range(NUM_DIFFERENT):
            soundfile.write(wave, corpus.speech(DURATION_S, RATE_HZ, seed=seed), RATE_HZ)
            subprocess.run(  # noqa: S603
                [ffmpeg, "-v", "error", "-y", "-i", wave, "-b:a", "96k", folder / f"{seed:04}.m4a"], check=True
            )
        wave.unlink()
    return corpus.linked(data, "m4a-files", folder, NUM_FILES)


def measure(options: Options) -> dict[str, Any]:
    """Time both in turn."""
    folder, out = encoded(options.data), options.data / "out-media"
    runs: dict[str, list[Run]] = {"melcli": [], "ffmpeg": []}
    for number in range(options.rounds):
        for name in ("melcli", "ffmpeg") if number % 2 else ("ffmpeg", "melcli"):
            if name == "melcli":
                run = run_fresh(extract(folder, out, jobs=JOBS), out, num_outputs=NUM_FILES)
            else:
                run = run_command(["bash", "-c", LOOP.format(folder=folder)])
            runs[name].append(run)
            print(f"media: {name} {run.wall_s:.1f} s, {run.cpu_s:.1f} s of CPU", file=sys.stderr, flush=True)
    wall_s = {name: [run.wall_s for run in found] for name, found in runs.items()}
    cpu_s = {name: [run.cpu_s for run in found] for name, found in runs.items()}
    return {
        "num_files": NUM_FILES,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "wall_ratio": median_ratio(wall_s["melcli"], wall_s["ffmpeg"]),
        "cpu_ratio": median_ratio(cpu_s["melcli"], cpu_s["ffmpeg"]),
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Return the ratios, and the shortest run of each."""
    head = ["", "melcli over ffmpeg", "melcli s", "ffmpeg s"]
    rows = [
        [
            what,
            ratio(result[f"{key}_ratio"]),
            *(seconds(min(result[f"{key}_s"][name])) for name in ("melcli", "ffmpeg")),
        ]
        for what, key in (("wall time", "wall"), ("CPU time", "cpu"))
    ]
    about = f"{result['num_files']:,} M4A files of {DURATION_S:g} s in {JOBS} processes"
    return [Table("media", about, head, rows)]


def main() -> None:
    """Measure and print."""
    options = parse(__doc__, rounds=3)
    options.data.mkdir(parents=True, exist_ok=True)
    result = measure(options)
    conclude("media", result, tables(result), options)


if __name__ == "__main__":
    main()
