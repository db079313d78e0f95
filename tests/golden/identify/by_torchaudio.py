"""Features as users of torchaudio make them: its transforms, and its port of Kaldi's filter banks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchaudio

from tests.golden.identify.case import Case, read_float32

__all__ = ["CASES"]

# torchaudio.transforms.MelSpectrogram's own defaults
MEL = {"min_freq": 0.0, "mel_triangles": "hz", "top_db": None}
DB = MEL | {"top_db": 80.0}
LN = MEL | {"power_to_db": False, "log": "ln"}
LOG10 = MEL | {"power_to_db": False, "log": "log10"}
# torchaudio.compliance.kaldi.fbank's own, at 16 kHz
KALDI = {
    "fft_length": 512,
    "sequence_length": 400,
    "sequence_stride": 160,
    "window": "povey",
    "window_periodic": False,
    "padding": "valid",
    "remove_dc_offset": True,
    "preemphasis": 0.97,
    "preemphasis_mode": "frame",
    "num_mel_bins": 23,
    "power_to_db": False,
    "log": "ln",
    "min_power": 2.0**-23,
    "top_db": None,
    "time_major": True,
}
TORCHAUDIO = ("torchaudio", "torch", "soundfile")
HANN_2048_POWER = 768.0  # sum of the squares of a periodic Hann window of 2048 samples: 3/8 of its length


def _signal(path: Path) -> torch.Tensor:
    return torch.from_numpy(read_float32(path))


def _mel(path: Path, **arguments: Any) -> torch.Tensor:
    return torchaudio.transforms.MelSpectrogram(**arguments)(_signal(path))


def _byol(path: Path) -> np.ndarray:
    mel = _mel(path, n_fft=1024, win_length=1024, hop_length=320, n_mels=64, f_min=60, f_max=7800)
    return (mel + torch.finfo().eps).log().numpy()


def _magnitude_db(path: Path) -> np.ndarray:
    arguments = {"sample_rate": 24_000, "n_fft": 1024, "hop_length": 480, "n_mels": 100, "power": 1.0}
    mel = _mel(path, **arguments, norm="slaney", mel_scale="slaney")
    return torchaudio.transforms.AmplitudeToDB("magnitude", top_db=80)(mel).numpy()


def _db(path: Path) -> np.ndarray:
    level = torchaudio.transforms.AmplitudeToDB()(_mel(path, n_fft=400, hop_length=160, n_mels=40))
    return ((level + 30) / 20).numpy()


def _normalized(path: Path) -> np.ndarray:
    arguments = {"sample_rate": 44_100, "n_fft": 2048, "hop_length": 1024, "n_mels": 64, "f_min": 20, "f_max": 16_000}
    mel = _mel(path, **arguments, normalized=True)
    return torchaudio.transforms.AmplitudeToDB(top_db=80)(mel).numpy()


def _not_centered(path: Path) -> np.ndarray:
    mel = _mel(path, n_fft=512, hop_length=256, n_mels=64, norm="slaney", center=False)
    return mel.clamp(min=1e-10).log10().numpy()


def _hamming(path: Path) -> np.ndarray:
    arguments = {"n_fft": 512, "win_length": 320, "hop_length": 160, "n_mels": 32, "pad_mode": "constant"}
    return _mel(path, **arguments, window_fn=torch.hamming_window).clamp(min=1e-5).log().T.numpy()


def _magnitude(path: Path) -> np.ndarray:
    return _mel(path, n_fft=1024, hop_length=512, n_mels=80, power=1.0, norm="slaney", f_max=7600).numpy()


def _resampled(path: Path) -> np.ndarray:
    signal = torchaudio.functional.resample(_signal(path), 44_100, 16_000)
    mel = torchaudio.transforms.MelSpectrogram(n_fft=1024, hop_length=256, n_mels=80, f_min=50, f_max=7600)(signal)
    return (mel + 1e-9).log().numpy()


def _kaldi(path: Path, *, scale: float = 1.0, **arguments: Any) -> np.ndarray:
    return torchaudio.compliance.kaldi.fbank(scale * _signal(path)[None], **arguments).numpy()


def _kaldi_hann(path: Path) -> np.ndarray:
    arguments = {"frame_length": 32.0, "frame_shift": 16.0, "num_mel_bins": 64, "low_freq": 40.0, "high_freq": -400.0}
    return _kaldi(path, window_type="hanning", **arguments)


def _kaldi_blackman(path: Path) -> np.ndarray:
    arguments = {"window_type": "blackman", "use_power": False, "round_to_power_of_two": False, "num_mel_bins": 40}
    return _kaldi(path, scale=2.0**15, frame_shift=12.5, **arguments)


def _kaldi_without_preparation(path: Path) -> np.ndarray:
    arguments = {"remove_dc_offset": False, "preemphasis_coefficient": 0.0, "subtract_mean": True}
    return _kaldi(path, scale=2.0**15, num_mel_bins=40, snip_edges=False, **arguments)


CASES = {
    "torchaudio_byol": Case(
        make=_byol,
        options=LN
        | {"fft_length": 1024, "sequence_stride": 320, "num_mel_bins": 64, "min_freq": 60.0, "max_freq": 7800.0}
        | {"log_offset": 2.0**-23},
        packages=TORCHAUDIO,
    ),
    "torchaudio_magnitude_db": Case(
        make=_magnitude_db,
        options=MEL
        | {"sampling_rate": 24_000, "fft_length": 1024, "sequence_stride": 480, "num_mel_bins": 100, "mag_exp": 1.0}
        | {"mel_norm": "slaney", "mel_scale": "slaney", "top_db": 40.0, "std": 0.5},
        packages=TORCHAUDIO,
        rate_hz=24_000,
    ),
    "torchaudio_db": Case(
        make=_db,
        options=MEL | {"fft_length": 400, "sequence_stride": 160, "num_mel_bins": 40, "mean": -30.0, "std": 20.0},
        packages=TORCHAUDIO,
    ),
    "torchaudio_normalized": Case(
        make=_normalized,
        options=DB
        | {"sampling_rate": 44_100, "sequence_stride": 1024, "num_mel_bins": 64, "min_freq": 20.0}
        | {"max_freq": 16_000.0, "input_scale": HANN_2048_POWER**-0.5},
        packages=TORCHAUDIO,
        rate_hz=44_100,
    ),
    "torchaudio_not_centered": Case(
        make=_not_centered,
        options=LOG10
        | {"fft_length": 512, "sequence_stride": 256, "num_mel_bins": 64, "mel_norm": "slaney", "padding": "valid"},
        packages=TORCHAUDIO,
    ),
    "torchaudio_hamming": Case(
        make=_hamming,
        options=LN
        | {"fft_length": 512, "sequence_length": 320, "sequence_stride": 160, "num_mel_bins": 32}
        | {"pad_mode": "constant", "window": "hamming", "min_power": 1e-5, "time_major": True},
        packages=TORCHAUDIO,
    ),
    "torchaudio_magnitude": Case(
        make=_magnitude,
        options=MEL
        | {"power_to_db": False, "fft_length": 1024, "num_mel_bins": 80, "max_freq": 7600.0}
        | {"mag_exp": 1.0, "mel_norm": "slaney"},
        packages=TORCHAUDIO,
    ),
    "torchaudio_resampled": Case(
        make=_resampled,
        options=LN
        | {"fft_length": 1024, "sequence_stride": 256, "num_mel_bins": 80, "min_freq": 50.0, "max_freq": 7600.0}
        | {"log_offset": 1e-9},
        packages=TORCHAUDIO,
        rate_hz=44_100,
        # its resampler and soxr differ by up to 3 in ln close to 8 kHz, and by 0.03 in the mean
        untold=("log_offset", "min_power", "mag_eps", "pad_mode", "window_periodic", "mel_triangles"),
    ),
    "torchaudio_kaldi_hann": Case(
        make=_kaldi_hann,
        options=KALDI
        | {"sequence_length": None, "sequence_stride": 256, "window": "hann", "num_mel_bins": 64}
        | {"min_freq": 40.0, "max_freq": 7600.0},
        packages=TORCHAUDIO,
    ),
    "torchaudio_kaldi_blackman": Case(
        make=_kaldi_blackman,
        options=KALDI
        | {"fft_length": 400, "sequence_length": None, "sequence_stride": 200, "window": "blackman"}
        | {"num_mel_bins": 40, "mag_exp": 1.0, "input_scale": 32768.0},
        packages=TORCHAUDIO,
    ),
    "torchaudio_kaldi_plain_frames": Case(
        make=_kaldi_without_preparation,
        options=KALDI
        | {"num_mel_bins": 40, "padding": "kaldi", "pad_mode": "symmetric", "remove_dc_offset": False}
        | {"preemphasis": 0.0, "preemphasis_mode": "signal", "input_scale": 32768.0, "mean": "bin"},
        packages=TORCHAUDIO,
    ),
}
