"""Mel spectrograms of a folder with librosa and a process pool: python librosa_script.py IN OUT JOBS."""

import os

# The processes are the parallel part.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"))

import multiprocessing
import sys
from functools import partial
from pathlib import Path

import librosa
import numpy as np

SAMPLING_RATE, FFT_LENGTH, STRIDE, MELS, TOP_DB = 16_000, 2048, 512, 128, 80.0


def extract(path: Path, out: Path) -> None:
    signal, _ = librosa.load(path, sr=SAMPLING_RATE)  # mono, soxr_hq
    powers = librosa.feature.melspectrogram(
        y=signal, sr=SAMPLING_RATE, n_fft=FFT_LENGTH, hop_length=STRIDE, n_mels=MELS, fmin=20.0, htk=True, norm=None
    )
    np.save(out / f"{path.stem}.npy", librosa.power_to_db(powers, top_db=TOP_DB))


def main(folder: Path, out: Path, jobs: int) -> None:
    out.mkdir(parents=True)
    paths = sorted(folder.iterdir())
    # Loaded before the fork, once for all: librosa loads its parts late.
    librosa.feature.melspectrogram(y=np.zeros(FFT_LENGTH, np.float32), sr=SAMPLING_RATE, n_mels=MELS)
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for _ in pool.imap_unordered(partial(extract, out=out), paths, chunksize=4):
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
