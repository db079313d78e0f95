"""What no program can avoid for a folder: decode, resample, the FFT alone, and the same bytes to the disk.

    python -m benchmarks.floor FOLDER SCRATCH JOBS SAMPLING_RATE FFT_LENGTH STRIDE MELS

It runs in as many processes as melcli does, since two busy cores share caches and clock.  Prints as JSON the CPU and
the wall seconds of each stage, summed over all processes, and how long the whole took; imports and the start of the
processes do not count.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from melcli.threads import ONE_THREAD

os.environ.update(ONE_THREAD)  # before NumPy is loaded

import numpy as np
import scipy.fft
import soundfile
import soxr

from benchmarks.bare_fft import BLOCKS, prepared_block
from benchmarks.timing import best_s

__all__ = ["STAGES"]

STAGES = ("decode", "resample", "fft", "write")


class Floor:
    """The stages, their CPU seconds and their wall seconds, in one process."""

    def __init__(self, scratch: Path, sampling_rate: int, fft_length: int, stride: int, mels: int) -> None:
        self.scratch, self.sampling_rate, self.stride, self.mels = scratch, sampling_rate, stride, mels
        self.cpu_s, self.wall_s = dict.fromkeys(STAGES, 0.0), dict.fromkeys(STAGES, 0.0)
        blocks = [prepared_block(fft_length, size) for size in BLOCKS]
        self.block = min(blocks, key=lambda block: best_s(lambda: scipy.fft.rfft(block), 0.02) / len(block))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.cpu_s[name] += time.process_time() - cpu
        self.wall_s[name] += time.perf_counter() - wall

    def do(self, path: Path) -> None:
        with self.stage("decode"):
            samples, source_rate = soundfile.read(path, dtype="float32", always_2d=True)
        signal = np.ascontiguousarray(samples.mean(axis=1))  # cheap, and not counted
        if source_rate != self.sampling_rate:
            with self.stage("resample"):
                signal = soxr.resample(signal, source_rate, self.sampling_rate, quality="HQ")
        num_frames = 1 + len(signal) // self.stride
        with self.stage("fft"):
            for start in range(0, num_frames, len(self.block)):
                scipy.fft.rfft(self.block[: num_frames - start], axis=-1)
        features = np.zeros((self.mels, num_frames), np.float32)
        with self.stage("write"), open(self.scratch / f"{path.stem}.raw", "wb") as file:
            file.write(features.data)


def do_part(paths: list[Path], scratch: Path, numbers: list[int]) -> tuple[dict[str, float], dict[str, float]]:
    floor = Floor(scratch, *numbers)
    for path in paths:
        floor.do(path)
    return floor.cpu_s, floor.wall_s


def main(folder: Path, scratch: Path, jobs: int, numbers: list[int]) -> None:
    scratch.mkdir(parents=True)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = [(paths[number::jobs], scratch, numbers) for number in range(jobs)]
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        start = time.perf_counter()
        spent = pool.starmap(do_part, parts, chunksize=1)
        wall_s = time.perf_counter() - start
    cpu, wall = ({stage: sum(part[stage] for part in side) for stage in STAGES} for side in zip(*spent, strict=True))
    print(json.dumps({"stages_cpu_s": cpu, "stages_wall_s": wall, "wall_s": wall_s}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), [int(text) for text in sys.argv[4:]])
