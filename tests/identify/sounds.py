"""Clips for identify, and features that melcli computes from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from melcli import MelSpectrogram
from melcli.audio.load import load_audio
from melcli.audio.options import AudioOptions
from melcli.config.config import yaml_value
from melcli.config.resolve import resolve_config
from melcli.identify.search import named_options
from melcli.mel.options import FeatureOptions
from melcli.options import to_plain
from tests.golden.signals import case_signal, front_end_clip, load_signals

__all__ = ["KNOWN", "RATE_HZ", "made", "named", "save_clip", "speech"]

RATE_HZ = 16_000
KNOWN = named_options()


def save_clip(path: Path) -> Path:
    """Write 0.76 s of speech, noise at -80 dB, true silence and a chord, as 16-bit samples."""
    soundfile.write(path, front_end_clip(), RATE_HZ, subtype="PCM_16")
    return path


def speech() -> np.ndarray:
    """Return 0.5 s of speech at 16 kHz."""
    signal: np.ndarray = case_signal("speech", load_signals())[1600:]
    return signal


def named(config: str, **keys: Any) -> FeatureOptions:
    """Return the options of a named config, with some keys changed."""
    return resolve_config(config, sets=[f"{key}={yaml_value(value)}" for key, value in keys.items()]).features


def made(path: Path, options: FeatureOptions, *, channels: Any = "mix") -> np.ndarray:
    """Compute features of a file as `melcli extract` does."""
    audio = load_audio(str(path), AudioOptions(channels=channels), sampling_rate=options.sampling_rate)
    return MelSpectrogram(**to_plain(options))(audio.signals[0])
