"""Mel spectrograms of a folder with torchaudio and a process pool: python torchaudio_script.py IN OUT JOBS."""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"  # the processes are the parallel part

import multiprocessing
import sys
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import soundfile
import torch
from torchaudio.transforms import AmplitudeToDB, MelSpectrogram, Resample

SAMPLING_RATE, FFT_LENGTH, STRIDE, MELS, TOP_DB = 16_000, 2048, 512, 128, 80.0


@lru_cache
def resampler(source_rate: int) -> Resample:
    return Resample(source_rate, SAMPLING_RATE)


@lru_cache
def mel() -> torch.nn.Module:
    powers = MelSpectrogram(SAMPLING_RATE, n_fft=FFT_LENGTH, hop_length=STRIDE, n_mels=MELS, f_min=20.0)
    return torch.nn.Sequential(powers, AmplitudeToDB(top_db=TOP_DB))


def extract(path: Path, out: Path) -> None:
    samples, source_rate = soundfile.read(path, dtype="float32", always_2d=True)
    with torch.inference_mode():
        signal = torch.from_numpy(samples).mean(dim=1)
        if source_rate != SAMPLING_RATE:
            signal = resampler(source_rate)(signal)
        np.save(out / f"{path.stem}.npy", mel()(signal).numpy())


def main(folder: Path, out: Path, jobs: int) -> None:
    out.mkdir(parents=True)
    with multiprocessing.get_context("fork").Pool(jobs, torch.set_num_threads, (1,)) as pool:
        for _ in pool.imap_unordered(partial(extract, out=out), sorted(folder.iterdir()), chunksize=4):
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
