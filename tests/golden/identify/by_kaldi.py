"""Features of kaldi-native-fbank, Kaldi's own computation."""

from __future__ import annotations

from pathlib import Path

import kaldi_native_fbank
import numpy as np

from tests.golden.identify.case import Case, read_float32

__all__ = ["CASES"]

# its own defaults at 16 kHz, on samples of 16-bit size
KALDI = {
    "fft_length": 512,
    "sequence_length": 400,
    "sequence_stride": 160,
    "window": "povey",
    "window_periodic": False,
    "padding": "valid",
    "input_scale": 32768.0,
    "remove_dc_offset": True,
    "preemphasis": 0.97,
    "preemphasis_mode": "frame",
    "power_to_db": False,
    "log": "ln",
    "min_power": 2.0**-23,
    "top_db": None,
    "time_major": True,
}
PACKAGES = ("kaldi-native-fbank", "soundfile")


def _options(rate_hz: int = 16_000) -> kaldi_native_fbank.FbankOptions:
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = rate_hz
    options.frame_opts.dither = 0.0
    options.energy_floor = 0.0
    return options


def _fbank(path: Path, options: kaldi_native_fbank.FbankOptions, *, scale: float = 32768.0) -> np.ndarray:
    fbank = kaldi_native_fbank.OnlineFbank(options)
    fbank.accept_waveform(options.frame_opts.samp_freq, (scale * read_float32(path)).tolist())
    fbank.input_finished()
    return np.stack([fbank.get_frame(frame) for frame in range(fbank.num_frames_ready)])


def _40_bins(path: Path) -> np.ndarray:
    options = _options()
    options.mel_opts.num_bins = 40
    return _fbank(path, options)


def _hamming(path: Path) -> np.ndarray:
    options = _options()
    options.frame_opts.window_type = "hamming"
    options.mel_opts.num_bins = 64
    options.mel_opts.low_freq = 60
    options.mel_opts.high_freq = -400
    return _fbank(path, options)


def _long_frames(path: Path) -> np.ndarray:
    options = _options()
    options.frame_opts.window_type = "hanning"
    options.frame_opts.frame_length_ms = 50
    options.frame_opts.frame_shift_ms = 12.5
    options.mel_opts.num_bins = 80
    return _fbank(path, options)


def _all_samples(path: Path) -> np.ndarray:
    options = _options()
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = 60
    return _fbank(path, options, scale=1.0)


def _plain_frames(path: Path) -> np.ndarray:
    options = _options()
    options.frame_opts.remove_dc_offset = False
    options.frame_opts.preemph_coeff = 0.0
    options.use_power = False
    options.mel_opts.num_bins = 30
    return _fbank(path, options)


def _linear(path: Path) -> np.ndarray:
    options = _options()
    options.use_log_fbank = False
    options.mel_opts.num_bins = 40
    return _fbank(path, options, scale=1.0)


def _telephone(path: Path) -> np.ndarray:
    options = _options(8000)
    options.mel_opts.num_bins = 40
    options.mel_opts.high_freq = 3700
    return _fbank(path, options)


def _mean_removed(path: Path) -> np.ndarray:
    options = _options()
    options.frame_opts.window_type = "hamming"
    options.mel_opts.num_bins = 72
    features = _fbank(path, options)
    return features - features.mean(axis=0)


CASES = {
    "kaldi_40": Case(make=_40_bins, options=KALDI | {"num_mel_bins": 40}, packages=PACKAGES),
    "kaldi_hamming": Case(
        make=_hamming,
        options=KALDI | {"window": "hamming", "num_mel_bins": 64, "min_freq": 60.0, "max_freq": 7600.0},
        packages=PACKAGES,
    ),
    "kaldi_long_frames": Case(
        make=_long_frames,
        options=KALDI
        | {"fft_length": 1024, "sequence_length": 800, "sequence_stride": 200, "window": "hann", "num_mel_bins": 80},
        packages=PACKAGES,
    ),
    "kaldi_all_samples": Case(
        make=_all_samples,
        options=KALDI | {"padding": "kaldi", "pad_mode": "symmetric", "input_scale": 1.0, "num_mel_bins": 60},
        packages=PACKAGES,
    ),
    "kaldi_plain_frames": Case(
        make=_plain_frames,
        options=KALDI
        | {"remove_dc_offset": False, "preemphasis": 0.0, "preemphasis_mode": "signal"}
        | {"mag_exp": 1.0, "num_mel_bins": 30},
        packages=PACKAGES,
    ),
    "kaldi_linear": Case(
        make=_linear,
        options=KALDI | {"log": None, "input_scale": 1.0, "num_mel_bins": 40},
        packages=PACKAGES,
    ),
    "kaldi_telephone": Case(
        make=_telephone,
        options=KALDI
        | {"sampling_rate": 8000, "fft_length": 256, "sequence_length": 200, "sequence_stride": 80}
        | {"num_mel_bins": 40, "max_freq": 3700.0},
        packages=PACKAGES,
        rate_hz=8000,
    ),
    "kaldi_mean_removed": Case(
        make=_mean_removed,
        options=KALDI | {"window": "hamming", "num_mel_bins": 72, "mean": "bin"},
        packages=PACKAGES,
    ),
}
