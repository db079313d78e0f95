"""Reads, computes with melcli's own core, writes, and nothing else: python bare_loop.py IN OUT JOBS.

No resampling, no manifest, no check of anything, no rename, no flush: what melcli's care for many small files costs is
the difference to this.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # the processes are the parallel part

import multiprocessing
import sys
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from melcli import MelSpectrogram

SAMPLING_RATE = 8_000
mel = MelSpectrogram(sampling_rate=SAMPLING_RATE)


def extract(path: Path, out: Path) -> None:
    signal, sampling_rate = soundfile.read(path, dtype="float32")
    assert sampling_rate == SAMPLING_RATE  # noqa: S101  never run with -O
    np.save(out / f"{path.stem}.npy", mel(signal))


def main(folder: Path, out: Path, jobs: int) -> None:
    out.mkdir(parents=True)
    mel(np.zeros(SAMPLING_RATE, np.float32))  # loads SciPy before the fork, once for all
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for _ in pool.imap_unordered(partial(extract, out=out), sorted(folder.iterdir()), chunksize=32):
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
