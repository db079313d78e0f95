"""Features as users of librosa make them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import librosa
import numpy as np
import soundfile

from tests.golden.identify.case import Case

__all__ = ["CASES"]

# librosa.feature.melspectrogram's own defaults
MEL = {
    "pad_mode": "constant",
    "min_freq": 0.0,
    "mel_scale": "slaney",
    "mel_norm": "slaney",
    "mel_triangles": "hz",
    "top_db": None,
}
DB = MEL | {"top_db": 80.0}
LN = MEL | {"power_to_db": False, "log": "ln"}
LOG10 = MEL | {"power_to_db": False, "log": "log10"}
LIBROSA = ("librosa", "soundfile")


def _mel(path: Path, *, sr: int | None = None, **arguments: Any) -> np.ndarray:
    samples, rate_hz = librosa.load(path, sr=sr)
    return librosa.feature.melspectrogram(y=samples, sr=rate_hz, **arguments)


def _with_eps(path: Path) -> np.ndarray:
    return np.log(_mel(path, n_fft=1024, hop_length=320, n_mels=64) + 1e-6)


def _db_of_max(path: Path) -> np.ndarray:
    return librosa.power_to_db(_mel(path, n_fft=2048, hop_length=1024), ref=np.max)


def _bird_song(path: Path) -> np.ndarray:
    return librosa.power_to_db(_mel(path, n_fft=1024, hop_length=512, n_mels=96, fmin=300, fmax=11000))


def _amplitude_db(path: Path) -> np.ndarray:
    return librosa.amplitude_to_db(_mel(path, power=1.0, n_fft=512, hop_length=256, n_mels=40), ref=1.0)


def _amplitude_db_of_power(path: Path) -> np.ndarray:
    return librosa.amplitude_to_db(_mel(path, n_fft=2048, hop_length=441, n_mels=64), ref=np.max)


def _htk(path: Path) -> np.ndarray:
    mel = _mel(path, n_fft=512, win_length=400, hop_length=160, n_mels=40, fmin=64, htk=True, norm=None)
    return np.log10(np.maximum(mel, 1e-10)).T


def _not_centered(path: Path) -> np.ndarray:
    mel = _mel(path, n_fft=1024, hop_length=256, n_mels=80, fmax=8000, power=1.0, center=False)
    return np.log(np.clip(mel, 1e-5, None))


def _sixty_db(path: Path) -> np.ndarray:
    return librosa.power_to_db(_mel(path, n_fft=800, hop_length=400, n_mels=64), top_db=60)


def _half_precision(path: Path) -> np.ndarray:
    mel = _mel(path, n_fft=512, win_length=400, hop_length=160, fmin=20, fmax=8000, n_mels=64)
    return librosa.power_to_db(mel).astype(np.float16).T


def _read_at_22050(path: Path) -> np.ndarray:
    return librosa.power_to_db(_mel(path, sr=22050, n_fft=1024, hop_length=512, n_mels=80))


def _tacotron(path: Path) -> np.ndarray:
    samples, rate_hz = librosa.load(path, sr=None)
    emphasized = np.append(samples[0], samples[1:] - 0.97 * samples[:-1])
    magnitudes = np.abs(librosa.stft(emphasized, n_fft=2048, hop_length=275, win_length=1102))
    mel = librosa.filters.mel(sr=rate_hz, n_fft=2048, n_mels=80) @ magnitudes
    level = 20 * np.log10(np.maximum(1e-5, mel))
    return np.clip((level - 20 + 100) / 100, 1e-8, 1).T.astype(np.float32)


def _standardized(path: Path) -> np.ndarray:
    level = librosa.power_to_db(_mel(path, n_fft=2048, hop_length=320, n_mels=64, fmin=20, fmax=7600))
    return (level - level.mean()) / (level.std() + 1e-6)


def _standardized_by_band(path: Path) -> np.ndarray:
    level = np.log(_mel(path, n_fft=256, hop_length=80, n_mels=40) + 1e-8)
    return (level - level.mean(axis=1, keepdims=True)) / level.std(axis=1, keepdims=True)


def _from_0_to_1(path: Path) -> np.ndarray:
    level = _level(path)
    return (level - level.min()) / (level.max() - level.min())


def _level(path: Path) -> np.ndarray:
    return librosa.power_to_db(_mel(path, n_fft=1024, hop_length=512, n_mels=128))


def _range(path: Path) -> dict[str, Any]:
    level = _level(path)
    return {"mean": float(level.min()), "std": float(level.max() - level.min())}


def _int16_samples(path: Path) -> np.ndarray:
    samples, rate_hz = soundfile.read(path, dtype="int16")
    mel = librosa.feature.melspectrogram(y=samples.astype(np.float32), sr=rate_hz, n_fft=512, hop_length=256, n_mels=64)
    return np.log1p(mel)


def _peak_normalized(path: Path) -> np.ndarray:
    samples, rate_hz = librosa.load(path, sr=None)
    samples /= np.abs(samples).max()
    mel = librosa.feature.melspectrogram(y=samples, sr=rate_hz, n_fft=2048, hop_length=512, n_mels=96)
    return np.log(mel + np.finfo(np.float32).eps)


def _peak(path: Path) -> dict[str, Any]:
    return {"input_scale": float(1 / np.abs(librosa.load(path, sr=None)[0]).max())}


def _linear(path: Path) -> np.ndarray:
    return _mel(path, n_fft=1024, hop_length=256, n_mels=60, fmin=80)


def _older(path: Path) -> np.ndarray:
    mel = _mel(path, n_fft=1024, hop_length=200, win_length=800, n_mels=80, fmin=55, fmax=7600, pad_mode="reflect")
    return np.log10(np.maximum(mel, 1e-10))[:, :-1]


def _hamming(path: Path) -> np.ndarray:
    mel = _mel(path, n_fft=512, win_length=320, hop_length=160, n_mels=32, window="hamming")
    return np.log(np.maximum(mel, 1e-8)).T


def _machine_sound(path: Path) -> np.ndarray:
    mel = _mel(path, n_fft=1024, hop_length=512, n_mels=128, power=2.0)
    return (20.0 / 2.0 * np.log10(np.maximum(mel, np.finfo(np.float64).eps))).astype(np.float32)


def _image(path: Path) -> np.ndarray:
    mel = _mel(path, n_fft=2048, hop_length=882, n_mels=128, fmin=20, fmax=20000)
    return (librosa.power_to_db(mel, ref=np.max) + 80) / 80


CASES = {
    "librosa_ln_eps": Case(
        make=_with_eps,
        options=LN | {"fft_length": 1024, "sequence_stride": 320, "num_mel_bins": 64, "log_offset": 1e-6},
        packages=LIBROSA,
    ),
    "librosa_44k_db_of_max": Case(
        make=_db_of_max,
        options=DB | {"sampling_rate": 44_100, "sequence_stride": 1024, "ref_power": "max"},
        packages=LIBROSA,
        rate_hz=44_100,
    ),
    "librosa_bird_song": Case(
        make=_bird_song,
        options=DB
        | {"sampling_rate": 22_050, "fft_length": 1024, "num_mel_bins": 96, "min_freq": 300.0, "max_freq": 11_000.0},
        packages=LIBROSA,
        rate_hz=22_050,
    ),
    "librosa_amplitude_db": Case(
        make=_amplitude_db,
        options=MEL
        | {"fft_length": 512, "sequence_stride": 256, "num_mel_bins": 40, "mag_exp": 1.0}
        | {"min_power": 1e-5, "top_db": 40.0, "std": 0.5},
        packages=LIBROSA,
    ),
    "librosa_amplitude_db_of_power": Case(
        make=_amplitude_db_of_power,
        options=MEL
        | {"sampling_rate": 22_050, "sequence_stride": 441, "num_mel_bins": 64}
        | {"min_power": 1e-5, "ref_power": "max", "top_db": 40.0, "std": 0.5},
        packages=LIBROSA,
        rate_hz=22_050,
    ),
    "librosa_htk": Case(
        make=_htk,
        options=LOG10
        | {"fft_length": 512, "sequence_length": 400, "sequence_stride": 160, "num_mel_bins": 40, "min_freq": 64.0}
        | {"mel_scale": "htk", "mel_norm": None, "time_major": True},
        packages=LIBROSA,
    ),
    "librosa_not_centered": Case(
        make=_not_centered,
        options=LN
        | {"fft_length": 1024, "sequence_stride": 256, "num_mel_bins": 80, "max_freq": 8000.0, "mag_exp": 1.0}
        | {"sampling_rate": 24_000, "padding": "valid", "min_power": 1e-5},
        packages=LIBROSA,
        rate_hz=24_000,
    ),
    "librosa_sixty_db": Case(
        make=_sixty_db,
        options=DB | {"fft_length": 800, "sequence_stride": 400, "num_mel_bins": 64, "top_db": 60.0},
        packages=LIBROSA,
    ),
    "librosa_half_precision": Case(
        make=_half_precision,
        options=DB
        | {"fft_length": 512, "sequence_length": 400, "sequence_stride": 160, "num_mel_bins": 64}
        | {"min_freq": 20.0, "time_major": True},
        packages=LIBROSA,
    ),
    "librosa_read_at_22050": Case(
        make=_read_at_22050,
        options=DB | {"sampling_rate": 22_050, "fft_length": 1024, "num_mel_bins": 80},
        packages=(*LIBROSA, "soxr"),
    ),
    "librosa_tacotron": Case(
        make=_tacotron,
        options=MEL
        | {"sampling_rate": 22_050, "sequence_length": 1102, "sequence_stride": 275, "num_mel_bins": 80}
        | {"preemphasis": 0.97, "mag_exp": 1.0, "min_power": 1e-5, "mean": -40.0, "std": 50.0}
        | {"clip": [1e-8, 1.0], "time_major": True},
        packages=LIBROSA,
        rate_hz=22_050,
    ),
    "librosa_standardized": Case(
        make=_standardized,
        options=DB
        | {"sequence_stride": 320, "num_mel_bins": 64, "min_freq": 20.0, "max_freq": 7600.0}
        | {"mean": "all", "std": "all", "std_ddof": 0, "std_eps": 1e-6},
        packages=LIBROSA,
    ),
    "librosa_8k_standardized_by_band": Case(
        make=_standardized_by_band,
        options=LN
        | {"sampling_rate": 8000, "fft_length": 256, "sequence_stride": 80, "num_mel_bins": 40}
        | {"log_offset": 1e-8, "mean": "bin", "std": "bin", "std_ddof": 0},
        packages=LIBROSA,
        rate_hz=8000,
    ),
    "librosa_from_0_to_1": Case(
        make=_from_0_to_1,
        options=DB | {"fft_length": 1024},
        packages=LIBROSA,
        measure=_range,
    ),
    "librosa_int16_samples": Case(
        make=_int16_samples,
        options=LN
        | {"fft_length": 512, "sequence_stride": 256, "num_mel_bins": 64, "input_scale": 32768.0, "log_offset": 1.0},
        packages=LIBROSA,
    ),
    "librosa_peak_normalized": Case(
        make=_peak_normalized,
        options=LN | {"num_mel_bins": 96, "log_offset": 2.0**-23},
        packages=LIBROSA,
        measure=_peak,
    ),
    "librosa_linear": Case(
        make=_linear,
        options=MEL
        | {"power_to_db": False, "fft_length": 1024, "sequence_stride": 256, "num_mel_bins": 60, "min_freq": 80.0},
        packages=LIBROSA,
    ),
    "librosa_older": Case(
        make=_older,
        options=LOG10
        | {"fft_length": 1024, "sequence_length": 800, "sequence_stride": 200, "num_mel_bins": 80}
        | {"min_freq": 55.0, "max_freq": 7600.0, "pad_mode": "reflect", "drop_last": True},
        packages=LIBROSA,
    ),
    "librosa_hamming": Case(
        make=_hamming,
        options=LN
        | {"fft_length": 512, "sequence_length": 320, "sequence_stride": 160, "num_mel_bins": 32}
        | {"window": "hamming", "min_power": 1e-8, "time_major": True},
        packages=LIBROSA,
    ),
    "librosa_machine_sound": Case(
        make=_machine_sound,
        options=MEL | {"fft_length": 1024, "min_power": 2.0**-52},
        packages=LIBROSA,
    ),
    "librosa_44k_image": Case(
        make=_image,
        options=DB
        | {"sampling_rate": 44_100, "sequence_stride": 882, "min_freq": 20.0, "max_freq": 20_000.0}
        | {"ref_power": "max", "mean": -80.0, "std": 80.0},
        packages=LIBROSA,
        rate_hz=44_100,
    ),
}
