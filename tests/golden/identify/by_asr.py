"""Features as Whisper, NeMo and SpeechBrain make them, in other settings than their models'."""

from __future__ import annotations

import importlib.util
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
import whisper
from speechbrain.lobes.features import Fbank
from speechbrain.processing.features import InputNormalization
from transformers import WhisperFeatureExtractor

from tests.golden.identify.case import Case, read_float32

__all__ = ["CASES"]

SLANEY = {"min_freq": 0.0, "mel_scale": "slaney", "mel_norm": "slaney", "mel_triangles": "hz"}
WHISPER = SLANEY | {
    "fft_length": 400,
    "sequence_stride": 160,
    "drop_last": True,
    "num_mel_bins": 80,
    "power_to_db": False,
    "log": "log10",
    "mean": -4.0,
    "std": 4.0,
}
# FilterbankFeatures's own defaults, without its normalization
NEMO = SLANEY | {
    "fft_length": 512,
    "sequence_length": 320,
    "sequence_stride": 160,
    "window_periodic": False,
    "pad_mode": "constant",
    "drop_last": True,
    "preemphasis": 0.97,
    "num_mel_bins": 64,
    "power_to_db": False,
    "log": "ln",
    "log_offset": 2.0**-24,
    "top_db": None,
}
SPEECHBRAIN = {
    "fft_length": 400,
    "sequence_stride": 160,
    "window": "hamming",
    "pad_mode": "constant",
    "num_mel_bins": 40,
    "min_freq": 0.0,
    "mel_triangles": "hz_symmetric",
    "time_major": True,
}
SPEECHBRAIN_PACKAGES = ("speechbrain", "torch", "soundfile")
NEMO_PACKAGES = ("nemo-toolkit", "librosa", "torch", "soundfile")
# What NeMo's file of features imports, and what of it: its training stack, of which the features use the log alone.
NEMO_NEEDS = {
    "nemo.collections.asr.parts.preprocessing.perturb": {"AudioAugmentor": object},
    "nemo.collections.asr.parts.preprocessing.segment": {"AudioSegment": object},
    "nemo.utils": {"logging": logging.getLogger("nemo")},
}


def _whisper_128(path: Path) -> np.ndarray:
    return whisper.log_mel_spectrogram(str(path), n_mels=128).numpy().astype(np.float16)


def _whisper_as_transcribed(path: Path) -> np.ndarray:
    return whisper.log_mel_spectrogram(str(path), n_mels=80, padding=whisper.audio.N_SAMPLES).numpy()


def _whisper_small(path: Path) -> np.ndarray:
    extractor = WhisperFeatureExtractor(feature_size=64, hop_length=200, chunk_length=5, n_fft=512)
    return extractor(read_float32(path), sampling_rate=16_000)["input_features"][0]


def _nemo(path: Path, **arguments: Any) -> np.ndarray:
    signal = torch.from_numpy(read_float32(path))[None]
    features, frames = _nemo_class()(**arguments).eval()(signal, torch.tensor([signal.shape[1]]))
    return features[0].numpy() if arguments.get("pad_to") else features[0, :, : frames[0]].numpy()


def _nemo_class() -> Any:
    """Return NeMo's own class: its file is loaded by itself, since the package imports all that training needs."""
    for name, content in NEMO_NEEDS.items():
        module = ModuleType(name)
        module.__dict__.update(content)
        sys.modules[name] = module
    package = Path(importlib.util.find_spec("nemo").submodule_search_locations[0])
    file = package / "collections" / "asr" / "parts" / "preprocessing" / "features.py"
    specification = importlib.util.spec_from_file_location("nemo_features", file)
    features = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(features)
    return features.FilterbankFeatures


def _nemo_quartznet(path: Path) -> np.ndarray:
    return _nemo(path, pad_to=0)


def _nemo_streaming(path: Path) -> np.ndarray:
    return _nemo(path, n_window_size=400, nfilt=80, normalize=None, highfreq=7600, pad_to=0)


def _nemo_all_features(path: Path) -> np.ndarray:
    return _nemo(path, n_window_size=400, n_window_stride=200, nfilt=40, normalize="all_features", pad_to=0)


def _nemo_speech_synthesis(path: Path) -> np.ndarray:
    # its own count of frames is one short under exact_pad, so that the last one is not among the valid ones
    arguments = {"sample_rate": 22_050, "n_window_size": 1024, "n_window_stride": 256, "n_fft": 1024, "nfilt": 80}
    levels = {"highfreq": 8000, "preemph": None, "mag_power": 1.0, "log_zero_guard_value": 1e-5}
    return _nemo(path, **arguments, **levels, log_zero_guard_type="clamp", normalize=None, exact_pad=True, pad_to=0)


def _nemo_padded(path: Path) -> np.ndarray:
    return _nemo(path, normalize=None, pad_to=16)


def _frames(path: Path) -> dict[str, Any]:
    return {"num_frames": _nemo_padded(path).shape[1]}


def _speechbrain(path: Path, **arguments: Any) -> torch.Tensor:
    return Fbank(**arguments)(torch.from_numpy(read_float32(path))[None])


def _speechbrain_60(path: Path) -> np.ndarray:
    return _speechbrain(path, n_mels=60, f_max=7600)[0].numpy()


def _speechbrain_long(path: Path) -> np.ndarray:
    return _speechbrain(path, n_mels=80, n_fft=512, win_length=32, hop_length=16)[0].numpy()


def _speechbrain_mean_removed(path: Path) -> np.ndarray:
    features = _speechbrain(path, n_mels=24, n_fft=512, f_min=20)
    normalize = InputNormalization(norm_type="sentence", std_norm=False)
    return normalize(features, torch.ones(1))[0].numpy()


CASES = {
    "whisper_128_half_precision": Case(
        make=_whisper_128,
        options=WHISPER | {"num_mel_bins": 128},
        packages=("openai-whisper", "torch"),
    ),
    "whisper_as_transcribed": Case(
        make=_whisper_as_transcribed,
        options=WHISPER | {"pad_end": 480_000},
        packages=("openai-whisper", "torch"),
    ),
    "whisper_64_of_transformers": Case(
        make=_whisper_small,
        options=WHISPER | {"fft_length": 512, "sequence_stride": 200, "num_samples": 80_000, "num_mel_bins": 64},
        packages=("transformers", "torch", "soundfile"),
    ),
    "nemo_quartznet": Case(
        make=_nemo_quartznet,
        options=NEMO | {"mean": "bin", "std": "bin", "std_eps": 1e-5},
        packages=NEMO_PACKAGES,
    ),
    "nemo_streaming": Case(
        make=_nemo_streaming,
        options=NEMO | {"sequence_length": 400, "num_mel_bins": 80, "max_freq": 7600.0},
        packages=NEMO_PACKAGES,
    ),
    "nemo_all_features": Case(
        make=_nemo_all_features,
        options=NEMO
        | {"sequence_length": 400, "sequence_stride": 200, "num_mel_bins": 40}
        | {"mean": "all", "std": "all", "std_eps": 1e-5},
        packages=NEMO_PACKAGES,
    ),
    "nemo_speech_synthesis": Case(
        make=_nemo_speech_synthesis,
        options=NEMO
        | {"sampling_rate": 22_050, "fft_length": 1024, "sequence_length": None, "sequence_stride": 256}
        | {"padding": "same", "num_mel_bins": 80, "max_freq": 8000.0, "preemphasis": 0.0}
        | {"mag_exp": 1.0, "log_offset": 0.0, "min_power": 1e-5},
        packages=NEMO_PACKAGES,
        rate_hz=22_050,
    ),
    "nemo_padded": Case(
        make=_nemo_padded,
        options=NEMO,
        packages=NEMO_PACKAGES,
        measure=_frames,
    ),
    "speechbrain_60": Case(
        make=_speechbrain_60,
        options=SPEECHBRAIN | {"num_mel_bins": 60, "max_freq": 7600.0},
        packages=SPEECHBRAIN_PACKAGES,
    ),
    "speechbrain_long_frames": Case(
        make=_speechbrain_long,
        options=SPEECHBRAIN | {"fft_length": 512, "sequence_stride": 256, "num_mel_bins": 80},
        packages=SPEECHBRAIN_PACKAGES,
    ),
    "speechbrain_mean_removed": Case(
        make=_speechbrain_mean_removed,
        options=SPEECHBRAIN
        | {"fft_length": 512, "sequence_length": 400, "num_mel_bins": 24, "min_freq": 20.0, "mean": "bin"},
        packages=SPEECHBRAIN_PACKAGES,
    ),
}
