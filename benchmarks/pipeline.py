"""Whole commands over folders, start-up and manifest included, in two processes, against scripts and lhotse.

Each peer is run in pairs with melcli, melcli first; a ratio is the median over the pairs.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from benchmarks import corpus
from benchmarks.commands import extract, knows_profile, run_fresh, script
from benchmarks.machine import is_installed
from benchmarks.options import Options, conclude, parse
from benchmarks.settings import SETTINGS
from benchmarks.tables import Table, ratio, seconds
from benchmarks.timing import median_ratio

__all__ = ["measure", "tables"]

JOBS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A peer's script.

    Attributes
    ----------
    file : str
        Its name in peers/.
    package : str
        What it needs.
    arguments : sequence of str
        What it takes after IN, OUT and the number of processes.
    ours : sequence of str
        What melcli is run with beside it, where that is not what the corpus says.
    """

    file: str
    package: str
    arguments: Sequence[str] = ()
    ours: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A folder, how melcli is run on it, and against whom."""

    about: str
    folder: Path
    peers: dict[str, Script]
    ours: Sequence[str] = ()
    sampling_rate: int = SETTINGS[0].sampling_rate

    @property
    def files(self) -> list[Path]:
        """Its files, sorted."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


LIBROSA = Script(file="librosa_script", package="librosa")
TORCHAUDIO = Script(file="torchaudio_script", package="torchaudio")


def corpora(options: Options) -> dict[str, Corpus]:
    """Make the corpora, or find them made."""
    small = options.digits or corpus.digits(options.data)
    return {
        "hour": Corpus(
            about="an hour of 16 kHz mono FLAC in ten-second files",
            folder=corpus.hour(options.data),
            peers={
                "librosa script": LIBROSA,
                "torchaudio script": TORCHAUDIO,
                "lhotse, batch": Script(
                    file="lhotse_script", package="lhotse", arguments=("batch",), ours=("-c", "lhotse")
                ),
                "lhotse, jobs": Script(
                    file="lhotse_script", package="lhotse", arguments=("jobs",), ours=("-c", "lhotse")
                ),
                "Keras in tf.data": Script(file="keras_script", package="tensorflow"),
            },
        ),
        "minutes": Corpus(
            about="33 minutes of 44.1 kHz stereo, a third each WAV, FLAC and MP3",
            folder=corpus.minutes(options.data),
            peers={"librosa script": LIBROSA, "torchaudio script": TORCHAUDIO},
        ),
        "digits": Corpus(
            about="small WAV files, 8 kHz mono, about half a second each",
            folder=small,
            peers={"bare loop": Script(file="bare_loop", package="melcli")},
            ours=("-s", "sampling_rate=8000"),
            sampling_rate=8_000,
        ),
    }


def measure(options: Options) -> dict[str, Any]:
    """Measure every corpus."""
    return {
        "jobs": JOBS,
        "rounds": options.rounds,
        "corpora": {name: measure_corpus(name, folder, options) for name, folder in corpora(options).items()},
    }


def measure_corpus(name: str, folder: Corpus, options: Options) -> dict[str, Any]:
    """Run melcli and the peers in pairs, then what cannot be avoided and where the time goes."""
    out, num_files = options.data / "out", len(folder.files)
    ours = extract(folder.folder, out, *folder.ours, jobs=JOBS)
    run_fresh(ours, out, num_outputs=num_files)  # the files come from the disk once, for all
    peers, absent = {}, {}
    for peer, its in folder.peers.items():
        if not is_installed(its.package):
            absent[peer] = "not installed"
            continue
        print(f"pipeline: {name}: {peer} ...", file=sys.stderr, flush=True)
        our_own = ours if its.ours is None else extract(folder.folder, out, *its.ours, jobs=JOBS)
        theirs = script(its.file, folder.folder, out, JOBS, *its.arguments)
        try:
            peers[peer] = in_pairs(our_own, theirs, out, num_files, options.rounds) | {"ours": list(its.ours or ())}
        except RuntimeError as error:
            absent[peer] = str(error).splitlines()[-1]
    return {
        "about": folder.about,
        "num_files": num_files,
        "audio_s": sum(soundfile.info(path).duration for path in folder.files),
        "ours": list(folder.ours),
        "peers": peers,
        "absent": absent,
        "cpu": cpu_beside_floor(folder, out, options.rounds),
    }


def in_pairs(ours: list[str], theirs: list[str], out: Path, num_files: int, rounds: int) -> dict[str, Any]:
    """Run A B A B; the first run of the peer, which loads it from the disk, does not count."""
    run_fresh(theirs, out, num_outputs=num_files)
    pairs = [[run_fresh(command, out, num_outputs=num_files) for command in (ours, theirs)] for _ in range(rounds)]
    wall = [[pair[side].wall_s for pair in pairs] for side in range(2)]
    cpu = [[pair[side].cpu_s for pair in pairs] for side in range(2)]
    return {
        "wall_ratio": median_ratio(wall[1], wall[0]),
        "cpu_ratio": median_ratio(cpu[1], cpu[0]),
        "melcli_wall_s": wall[0],
        "melcli_cpu_s": cpu[0],
        "wall_s": wall[1],
        "cpu_s": cpu[1],
    }


def cpu_beside_floor(folder: Corpus, out: Path, rounds: int) -> dict[str, Any]:
    """Compare CPU seconds with those of the stages that cannot be avoided; tell start-up apart, and melcli's stages."""
    told = ["--json", *(["--profile"] if knows_profile() else [])]
    commands = {
        "melcli": extract(folder.folder, out, *folder.ours, *told, jobs=JOBS),
        "start-up": extract(folder.files[0], out, *folder.ours, jobs=JOBS),
        "floor": floor_command(folder.folder, out, folder.sampling_rate),
    }
    runs = [{name: run_fresh(command, out) for name, command in commands.items()} for _ in range(rounds)]
    melcli_cpu_s = [run["melcli"].cpu_s for run in runs]
    start_cpu_s = [run["start-up"].cpu_s for run in runs]
    floors = [json.loads(run["floor"].output) for run in runs]
    floor_cpu_s = [sum(floor["stages_cpu_s"].values()) for floor in floors]
    return {
        "melcli_cpu_s": statistics.median(melcli_cpu_s),
        "start_up_cpu_s": statistics.median(start_cpu_s),
        "floor_cpu_s": _medians([floor["stages_cpu_s"] for floor in floors]),
        "floor_wall_s": _medians([floor["stages_wall_s"] for floor in floors]),
        "stages_wall_s": _medians([json.loads(run["melcli"].output).get("stages_s") or {} for run in runs]),
        "ratio": median_ratio(melcli_cpu_s, floor_cpu_s),
        "ratio_without_start_up": median_ratio(
            [whole - start for whole, start in zip(melcli_cpu_s, start_cpu_s, strict=True)], floor_cpu_s
        ),
    }


def _medians(stages: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(run[name] for run in stages) for name in stages[0]}


def floor_command(folder: Path, out: Path, sampling_rate: int, jobs: int = JOBS) -> list[str]:
    """Return the command of `benchmarks.floor` for melcli's defaults."""
    defaults = SETTINGS[0]
    numbers = (sampling_rate, defaults.fft_length, defaults.sequence_stride, defaults.num_mel_bins)
    return [sys.executable, "-m", "benchmarks.floor", str(folder), str(out), str(jobs), *map(str, numbers)]


def tables(result: dict[str, Any]) -> list[Table]:
    """Make the tables of a result."""
    against, cpu = [], []
    for name, found in result["corpora"].items():
        for peer, figures in found["peers"].items():
            walls = [statistics.median(figures[key]) for key in ("melcli_wall_s", "wall_s")]
            cpus = [statistics.median(figures[key]) for key in ("melcli_cpu_s", "cpu_s")]
            ratios = [ratio(figures["wall_ratio"]), ratio(figures["cpu_ratio"])]
            against.append([f"{name}: {peer}", *ratios, *map(seconds, (*walls, *cpus))])
        beside = found["cpu"]
        ratios = [ratio(beside["ratio"]), ratio(beside["ratio_without_start_up"])]
        figures = [beside["melcli_cpu_s"], beside["start_up_cpu_s"], *beside["floor_cpu_s"].values()]
        cpu.append([name, *ratios, *map(seconds, figures)])
    return [
        Table(
            "pipeline",
            f"How many times as long as melcli each peer takes, {result['jobs']} processes",
            ["", "wall", "CPU", "melcli wall s", "peer wall s", "melcli CPU s", "peer CPU s"],
            against,
        ),
        Table(
            "floor",
            "melcli's CPU seconds over what cannot be avoided (decode, resample, bare FFT, raw write)",
            ["", "ratio", "without start-up", "melcli s", "start-up s", "decode s", "resample s", "FFT s", "write s"],
            cpu,
        ),
    ]


def main() -> None:
    """Measure, print, write."""
    options = parse(
        __doc__, extra={"--digits": "a folder of small 8 kHz WAV files, rather than synthetic ones"}, rounds=3
    )
    result = measure(options)
    for name, found in result["corpora"].items():
        print(f"{name}: {found['about']} ({found['num_files']:,} files, {found['audio_s'] / 3600:.2f} h)")
    print()
    conclude("pipeline", result, tables(result), options)


if __name__ == "__main__":
    main()
