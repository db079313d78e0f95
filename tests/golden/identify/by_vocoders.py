"""Features as vocoders take them: the HiFi-GAN family's ``mel_spectrogram``, and Parallel WaveGAN's."""

from __future__ import annotations

from pathlib import Path

import bigvgan.meldataset
import matcha.utils.audio
import numpy as np
import torch
from matcha.utils.model import normalize
from parallel_wavegan.bin.preprocess import logmelfilterbank

from tests.golden.identify.case import Case, read_float32

__all__ = ["CASES"]

SLANEY = {"min_freq": 0.0, "mel_scale": "slaney", "mel_norm": "slaney", "mel_triangles": "hz", "top_db": None}
# BigVGAN and Matcha-TTS carry HiFi-GAN's function as it is
HIFIGAN = SLANEY | {
    "padding": "same",
    "mag_eps": 1e-9,
    "mag_exp": 1.0,
    "power_to_db": False,
    "log": "ln",
    "min_power": 1e-5,
}
PACKAGES = ("librosa", "torch", "soundfile")


def _signal(path: Path) -> torch.Tensor:
    return torch.from_numpy(read_float32(path))[None]


def _16k(path: Path) -> np.ndarray:
    mel = bigvgan.meldataset.mel_spectrogram(_signal(path), 1024, 80, 16_000, 200, 800, 0, 8000)
    return mel[0].numpy()


def _24k(path: Path) -> np.ndarray:
    mel = bigvgan.meldataset.mel_spectrogram(_signal(path), 1024, 80, 24_000, 256, 1024, 0, 8000)
    return mel[0].numpy()


def _44k(path: Path) -> np.ndarray:
    mel = bigvgan.meldataset.mel_spectrogram(_signal(path), 2048, 128, 44_100, 512, 2048, 40, 16_000)
    return mel[0].T.numpy()


def _matcha(path: Path) -> np.ndarray:
    matcha.utils.audio.mel_basis.clear()  # kept for a max_freq, whatever else has changed
    matcha.utils.audio.hann_window.clear()
    mel = matcha.utils.audio.mel_spectrogram(_signal(path), 1024, 100, 16_000, 256, 1024, 20, 7600)
    return normalize(mel[0], -6.2, 2.3).numpy()


def _parallel_wavegan(path: Path) -> np.ndarray:
    return logmelfilterbank(read_float32(path), 22_050, 1024, 256, None, "hann", 80, 80, 7600)


CASES = {
    "hifigan_16k": Case(
        make=_16k,
        options=HIFIGAN | {"fft_length": 1024, "sequence_length": 800, "sequence_stride": 200, "num_mel_bins": 80},
        packages=("bigvgan", *PACKAGES),
    ),
    "hifigan_24k": Case(
        make=_24k,
        options=HIFIGAN
        | {"sampling_rate": 24_000, "fft_length": 1024, "sequence_stride": 256, "num_mel_bins": 80}
        | {"max_freq": 8000.0},
        packages=("bigvgan", *PACKAGES),
        rate_hz=24_000,
    ),
    "hifigan_44k": Case(
        make=_44k,
        options=HIFIGAN | {"sampling_rate": 44_100, "min_freq": 40.0, "max_freq": 16_000.0, "time_major": True},
        packages=("bigvgan", *PACKAGES),
        rate_hz=44_100,
    ),
    "matcha_16k": Case(
        make=_matcha,
        options=HIFIGAN
        | {"fft_length": 1024, "sequence_stride": 256, "num_mel_bins": 100, "min_freq": 20.0, "max_freq": 7600.0}
        | {"mean": -6.2, "std": 2.3},
        packages=("matcha-tts", *PACKAGES),
    ),
    "parallel_wavegan_22k": Case(
        make=_parallel_wavegan,
        options=SLANEY
        | {"sampling_rate": 22_050, "fft_length": 1024, "sequence_stride": 256, "num_mel_bins": 80}
        | {"min_freq": 80.0, "max_freq": 7600.0, "mag_exp": 1.0, "power_to_db": False, "log": "log10"}
        | {"time_major": True},
        packages=("parallel_wavegan", "librosa", "soundfile"),
        rate_hz=22_050,
    ),
}
