"""The packages: each draws its arguments as its users write them, and the keys of a config that does the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kaldi_native_fbank
import librosa
import numpy as np
import python_speech_features
import torch
import torchaudio
import whisper
from nnAudio.features import MelSpectrogram as NnAudio
from speechbrain.lobes.features import Fbank
from torchlibrosa import LogmelFilterBank, Spectrogram
from transformers import ASTFeatureExtractor, SpeechT5FeatureExtractor, WhisperFeatureExtractor

from benchmarks.blind.case import Case
from benchmarks.blind.draws import Draw
from benchmarks.blind.endings import drawn_ending, in_db, resized

__all__ = ["PACKAGES"]

LIBROSA = {"min_freq": 0.0, "mel_scale": "slaney", "mel_norm": "slaney", "mel_triangles": "hz"}
KALDI = {
    "window": "povey",
    "window_periodic": False,
    "padding": "valid",
    "remove_dc_offset": True,
    "preemphasis": 0.97,
    "preemphasis_mode": "frame",
    "power_to_db": False,
    "log": "ln",
    "min_power": 2.0**-23,
    "top_db": None,
    "time_major": True,
}


def _finished(draw: Draw, linear: Callable[[np.ndarray], np.ndarray], keys: dict[str, Any], rate_hz: int) -> Any:
    """Add an ending, and at times a fixed length or another axis first; return the function, keys, names, excuse."""
    ending = drawn_ending(draw)
    num_samples = 2 * rate_hz if draw.chance(0.06) else None
    num_frames = draw.one(100, 200, 300) if draw.chance(0.06) else None
    time_major, half = draw.chance(0.3), draw.chance(0.04)

    def make(samples: np.ndarray) -> np.ndarray:
        features = ending.apply(linear(samples[:num_samples]))
        features = features if num_frames is None else resized(features, num_frames)
        features = features.T if time_major else features
        return features.astype(np.float16 if half else np.float32)

    names = {"ending": ending.name, "time_major": time_major, "float16": half}
    names |= {} if num_samples is None else {"duration": 2.0}
    names |= {} if num_frames is None else {"num_frames": num_frames}
    if ending.keys is None or (num_frames is not None and ("mean" in ending.keys)):
        return make, None, names, ending.why_not or "normalization before frames of zeros is in no config"
    found = keys | ending.keys | {"time_major": time_major, "sampling_rate": rate_hz, "num_frames": num_frames}
    # The first 2 s and no less: a shorter clip would be cut nowhere, and a config would fill it.
    found |= {} if num_samples is None else {"num_samples": num_samples}
    return make, found, names, ""


def from_librosa(draw: Draw, rate_hz: int) -> Case:
    """librosa.feature.melspectrogram."""
    frames, (low, high) = draw.frames(rate_hz), draw.band(rate_hz)
    htk, power, center = draw.chance(0.25), draw.one(2.0, 2.0, 2.0, 1.0), draw.chance(0.85)
    norm = None if htk and draw.chance(0.5) else "slaney"
    window, pad_mode = draw.one("hann", "hann", "hann", "hamming", "blackman"), draw.one("constant", "reflect")
    mels = draw.mels(frames["fft"])
    arguments = {"n_fft": frames["fft"], "win_length": frames["window"], "hop_length": frames["stride"]}
    arguments |= {"fmin": low, "fmax": high, "n_mels": mels, "htk": htk, "norm": norm, "power": power}
    arguments |= {"window": window, "center": center, "pad_mode": pad_mode}
    keys = LIBROSA | _sizes(frames, low, high, mels) | {"mag_exp": power, "window": window, "mel_norm": norm}
    keys |= {"padding": "center" if center else "valid", "mel_scale": "htk" if htk else "slaney"}
    keys |= {"pad_mode": pad_mode} if center else {}
    if not center:  # frames of the whole FFT, with the window in their middle
        arguments["win_length"] = frames["fft"]
        keys["sequence_length"] = None
    make, features, names, why_not = _finished(
        draw, lambda samples: librosa.feature.melspectrogram(y=samples, sr=rate_hz, **arguments), keys, rate_hz
    )
    return Case(package="librosa", arguments=arguments | names, make=make, features=features, why_not=why_not)


def _sizes(frames: dict[str, int], low: float, high: float, mels: int) -> dict[str, Any]:
    return {
        "fft_length": frames["fft"],
        "sequence_length": frames["window"],
        "sequence_stride": frames["stride"],
        "min_freq": low,
        "max_freq": high,
        "num_mel_bins": mels,
    }


def from_torchaudio(draw: Draw, rate_hz: int) -> Case:
    """torchaudio.transforms.MelSpectrogram."""
    frames, (low, high) = draw.frames(rate_hz), draw.band(rate_hz)
    scale, norm = draw.one(("htk", None), ("htk", None), ("slaney", "slaney"), ("htk", "slaney"))
    power, mels = draw.one(2.0, 2.0, 1.0), draw.mels(frames["fft"])
    window = draw.one("hann", "hann", "hamming")
    arguments = {"n_fft": frames["fft"], "win_length": frames["window"], "hop_length": frames["stride"]}
    arguments |= {"f_min": low, "f_max": high, "n_mels": mels, "mel_scale": scale, "norm": norm, "power": power}
    keys = LIBROSA | _sizes(frames, low, high, mels) | {"mag_exp": power, "window": window}
    keys |= {"mel_scale": scale, "mel_norm": norm}
    function = {"hann": torch.hann_window, "hamming": torch.hamming_window}[window]

    def linear(samples: np.ndarray) -> np.ndarray:
        transform = torchaudio.transforms.MelSpectrogram(rate_hz, window_fn=function, **arguments)
        return transform(torch.from_numpy(samples)).numpy()

    make, features, names, why_not = _finished(draw, linear, keys, rate_hz)
    return Case(
        package="torchaudio",
        arguments=arguments | {"window_fn": window} | names,
        make=make,
        features=features,
        why_not=why_not,
    )


def from_nnaudio(draw: Draw, rate_hz: int) -> Case:
    """nnAudio.features.MelSpectrogram."""
    frames, (low, high) = draw.frames(rate_hz), draw.band(rate_hz)
    htk, mels = draw.chance(0.3), draw.mels(frames["fft"])
    arguments = {"n_fft": frames["fft"], "hop_length": frames["stride"], "n_mels": mels, "fmin": low, "fmax": high}
    keys = LIBROSA | _sizes(frames, low, high, mels) | {"sequence_length": None}
    keys |= {"mel_scale": "htk" if htk else "slaney"}

    def linear(samples: np.ndarray) -> np.ndarray:
        return NnAudio(sr=rate_hz, htk=htk, verbose=False, **arguments)(torch.from_numpy(samples)[None])[0].numpy()

    make, features, names, why_not = _finished(draw, linear, keys, rate_hz)
    told = arguments | {"htk": htk} | names
    return Case(package="nnAudio", arguments=told, make=make, features=features, why_not=why_not)


def from_torchlibrosa(draw: Draw, rate_hz: int) -> Case:
    """torchlibrosa, as the PANNs use it."""
    fft = draw.one(512, 1024)
    stride, mels, (low, high) = draw.one(160, 320, 500), draw.one(40, 64), draw.band(rate_hz)
    ref, floor, top_db = draw.one(1.0, 1.0), draw.one(1e-10, 1e-8), draw.one(None, 80.0)
    arguments = {"n_fft": fft, "hop_length": stride, "n_mels": mels, "fmin": low, "fmax": high}
    arguments |= {"ref": ref, "amin": floor, "top_db": top_db}

    def make(samples: np.ndarray) -> np.ndarray:
        spectrum = Spectrogram(n_fft=fft, hop_length=stride)(torch.from_numpy(samples)[None])
        bank = LogmelFilterBank(
            sr=rate_hz, n_fft=fft, n_mels=mels, fmin=low, fmax=high, ref=ref, amin=floor, top_db=top_db
        )
        return bank(spectrum)[0, 0].detach().numpy()

    keys = LIBROSA | {"fft_length": fft, "sequence_stride": stride, "num_mel_bins": mels, "min_freq": low}
    keys |= {"max_freq": high, "power_to_db": True, "min_power": floor, "top_db": top_db, "time_major": True}
    keys |= {"sampling_rate": rate_hz}
    return Case(package="torchlibrosa", arguments=arguments, make=make, features=keys)


def _kaldi_arguments(draw: Draw, rate_hz: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is drawn for Kaldi, and its keys."""
    length_ms, shift_ms = draw.one((25.0, 10.0), (25.0, 10.0), (25.0, 10.0), (32.0, 16.0), (50.0, 12.5), (20.0, 10.0))
    drawn = {"length_ms": length_ms, "shift_ms": shift_ms, "bins": draw.one(23, 40, 64, 80, 128)}
    drawn |= {"low": draw.one(20.0, 20.0, 40.0, 0.0, 60.0), "high": draw.one(0.0, 0.0, -400.0, 3700.0)}
    drawn |= {"window": draw.one("povey", "povey", "hanning", "hamming"), "snip_edges": draw.chance(0.75)}
    drawn |= {"preemphasis": draw.one(0.97, 0.97, 0.0), "scale": draw.one(32768.0, 1.0)}
    window = int(length_ms * 0.001 * rate_hz)
    high = drawn["high"] if drawn["high"] > 0 else rate_hz / 2 + drawn["high"]
    keys = KALDI | {"fft_length": 2 ** (window - 1).bit_length(), "sequence_length": window}
    keys |= {"sequence_stride": int(shift_ms * 0.001 * rate_hz), "num_mel_bins": drawn["bins"]}
    keys |= {"min_freq": drawn["low"], "max_freq": high, "window": drawn["window"].replace("hanning", "hann")}
    keys |= {"input_scale": drawn["scale"], "preemphasis": drawn["preemphasis"], "sampling_rate": rate_hz}
    keys |= {} if drawn["snip_edges"] else {"padding": "kaldi", "pad_mode": "symmetric"}
    return drawn, keys


def from_kaldi(draw: Draw, rate_hz: int) -> Case:
    """kaldi-native-fbank."""
    drawn, keys = _kaldi_arguments(draw, rate_hz)
    cmn = draw.chance(0.25)

    def make(samples: np.ndarray) -> np.ndarray:
        options = kaldi_native_fbank.FbankOptions()
        _set_kaldi(options, drawn, rate_hz)
        features = _run_kaldi(kaldi_native_fbank.OnlineFbank(options), samples * drawn["scale"], rate_hz)
        return features - features.mean(axis=0) if cmn else features

    keys |= {"mean": "bin"} if cmn else {}
    return Case(package="kaldi-native-fbank", arguments=drawn | {"cmn": cmn}, make=make, features=keys)


def _set_kaldi(options: Any, drawn: dict[str, Any], rate_hz: int) -> None:
    frames = options.frame_opts
    frames.samp_freq, frames.dither, frames.window_type = rate_hz, 0.0, drawn["window"]
    frames.frame_length_ms, frames.frame_shift_ms = drawn["length_ms"], drawn["shift_ms"]
    frames.snip_edges, frames.preemph_coeff = drawn["snip_edges"], drawn["preemphasis"]
    options.mel_opts.num_bins, options.mel_opts.low_freq = drawn["bins"], drawn["low"]
    options.mel_opts.high_freq = drawn["high"]
    options.energy_floor = 0.0


def _run_kaldi(computer: Any, samples: np.ndarray, rate_hz: int) -> np.ndarray:
    computer.accept_waveform(rate_hz, samples.tolist())
    computer.input_finished()
    return np.stack([computer.get_frame(frame) for frame in range(computer.num_frames_ready)])


def from_torchaudio_kaldi(draw: Draw, rate_hz: int) -> Case:
    """torchaudio.compliance.kaldi.fbank, at times with AST's constants."""
    drawn, keys = _kaldi_arguments(draw, rate_hz)
    constants = draw.chance(0.3)

    def make(samples: np.ndarray) -> np.ndarray:
        features = torchaudio.compliance.kaldi.fbank(
            drawn["scale"] * torch.from_numpy(samples)[None],
            sample_frequency=float(rate_hz),
            frame_length=drawn["length_ms"],
            frame_shift=drawn["shift_ms"],
            num_mel_bins=drawn["bins"],
            low_freq=drawn["low"],
            high_freq=drawn["high"],
            window_type=drawn["window"],
            snip_edges=drawn["snip_edges"],
            preemphasis_coefficient=drawn["preemphasis"],
        ).numpy()
        return (features + 4.2677393) / (2 * 4.5689974) if constants else features

    keys |= {"mean": -4.2677393, "std": 2 * 4.5689974} if constants else {}
    arguments = drawn | {"ast_constants": constants}
    return Case(package="torchaudio.compliance.kaldi", arguments=arguments, make=make, features=keys)


def from_speechbrain(draw: Draw, rate_hz: int) -> Case:
    """speechbrain.lobes.features.Fbank."""
    fft, bins = draw.one(400, 512, 1024), draw.one(24, 40, 60, 80)
    window_ms, stride_ms = draw.one(25, 20, 32), draw.one(10, 12.5, 16)
    low, high = draw.one(0.0, 0.0, 20.0, 80.0), draw.one(rate_hz / 2, rate_hz / 2, 0.475 * rate_hz)
    window = round(rate_hz / 1000 * window_ms)
    fft = fft if fft >= window else 2 ** (window - 1).bit_length()
    arguments = {"n_fft": fft, "n_mels": bins, "win_length": window_ms, "hop_length": stride_ms}
    arguments |= {"f_min": low, "f_max": high}

    def make(samples: np.ndarray) -> np.ndarray:
        return Fbank(sample_rate=rate_hz, **arguments)(torch.from_numpy(samples)[None])[0].numpy()

    keys = {"fft_length": fft, "sequence_length": window, "window": "hamming", "pad_mode": "constant"}
    keys |= {"sequence_stride": round(rate_hz / 1000 * stride_ms), "num_mel_bins": bins, "min_freq": low}
    keys |= {"max_freq": high, "mel_triangles": "hz_symmetric", "time_major": True, "sampling_rate": rate_hz}
    return Case(package="speechbrain", arguments=arguments, make=make, features=keys)


def from_transformers(draw: Draw, rate_hz: int) -> Case:
    """Feature extractors of transformers, with other sizes than their models'."""
    return draw.one(_whisper, _ast, _speecht5)(draw, rate_hz)


def _whisper(draw: Draw, rate_hz: int) -> Case:
    arguments = {"feature_size": draw.one(64, 80, 128), "hop_length": draw.one(160, 200, 320)}
    arguments |= {"n_fft": draw.one(400, 512, 1024), "chunk_length": draw.one(10, 30), "sampling_rate": rate_hz}

    def make(samples: np.ndarray) -> np.ndarray:
        return WhisperFeatureExtractor(**arguments)(samples, sampling_rate=rate_hz)["input_features"][0]

    keys = LIBROSA | {"fft_length": arguments["n_fft"], "sequence_stride": arguments["hop_length"], "drop_last": True}
    keys |= {"num_mel_bins": arguments["feature_size"], "num_samples": arguments["chunk_length"] * rate_hz}
    keys |= {"max_freq": 8000.0, "power_to_db": False, "log": "log10", "mean": -4.0, "std": 4.0, "top_db": 80.0}
    keys |= {"sampling_rate": rate_hz}
    legal = rate_hz >= 16_000
    return Case(
        package="transformers Whisper",
        arguments=arguments,
        make=make,
        features=keys if legal else None,
        why_not="" if legal else "filters above the Nyquist frequency",
    )


def _ast(draw: Draw, rate_hz: int) -> Case:
    arguments = {"num_mel_bins": draw.one(64, 80, 128), "max_length": draw.one(256, 512, 1024)}
    arguments |= {"sampling_rate": rate_hz}

    def make(samples: np.ndarray) -> np.ndarray:
        return np.asarray(ASTFeatureExtractor(**arguments)(samples, sampling_rate=rate_hz)["input_values"][0])

    window = int(0.025 * rate_hz)
    keys = KALDI | {"fft_length": 2 ** (window - 1).bit_length(), "sequence_length": window, "window": "hann"}
    keys |= {"sequence_stride": rate_hz // 100, "num_mel_bins": arguments["num_mel_bins"], "min_freq": 20.0}
    keys |= {"max_freq": float(rate_hz // 2), "num_frames": arguments["max_length"], "sampling_rate": rate_hz}
    keys |= {"mean": -4.2677393, "std": 2 * 4.5689974}
    return Case(package="transformers AST", arguments=arguments, make=make, features=keys)


def _speecht5(draw: Draw, rate_hz: int) -> Case:
    arguments = {"num_mel_bins": draw.one(40, 80), "hop_length": draw.one(10, 16), "win_length": draw.one(32, 64)}
    arguments |= {"fmin": draw.one(80.0, 55.0), "fmax": draw.one(3800.0, 7600.0 if rate_hz > 15_200 else 3800.0)}
    arguments |= {"sampling_rate": rate_hz}

    def make(samples: np.ndarray) -> np.ndarray:
        extractor = SpeechT5FeatureExtractor(**arguments)
        return extractor(audio_target=samples, sampling_rate=rate_hz)["input_values"][0]

    window = rate_hz * arguments["win_length"] // 1000
    fft = 2 ** (window - 1).bit_length()
    keys = LIBROSA | {"fft_length": fft, "sequence_length": window, "min_freq": arguments["fmin"]}
    keys |= {"sequence_stride": rate_hz * arguments["hop_length"] // 1000, "max_freq": arguments["fmax"]}
    keys |= {"num_mel_bins": arguments["num_mel_bins"], "mag_exp": 1.0, "power_to_db": False, "log": "log10"}
    keys |= {"top_db": None, "time_major": True, "sampling_rate": rate_hz}
    return Case(package="transformers SpeechT5", arguments=arguments, make=make, features=keys)


def from_whisper(draw: Draw, rate_hz: int) -> Case:
    """openai-whisper, on audio that is not padded."""
    mels = draw.one(80, 128)

    def make(samples: np.ndarray) -> np.ndarray:
        return whisper.log_mel_spectrogram(torch.from_numpy(samples), n_mels=mels).numpy()

    keys = LIBROSA | {"fft_length": 400, "sequence_stride": 160, "drop_last": True, "num_mel_bins": mels}
    keys |= {"max_freq": 8000.0, "power_to_db": False, "log": "log10", "mean": -4.0, "std": 4.0, "top_db": 80.0}
    legal = rate_hz == 16_000
    return Case(
        package="openai-whisper",
        arguments={"n_mels": mels},
        make=make,
        features=keys if legal else None,
        why_not="" if legal else "filters for 16 kHz on audio of another rate",
    )


def from_psf(draw: Draw, rate_hz: int) -> Case:
    """python_speech_features.logfbank and mfcc, whose filters have edges at whole bins of the FFT."""
    arguments = {"nfilt": draw.one(26, 40), "nfft": draw.one(1024, 2048), "winstep": draw.one(0.01, 0.02)}
    name = draw.one("logfbank", "mfcc")

    def make(samples: np.ndarray) -> np.ndarray:
        function = getattr(python_speech_features, name)
        return function(samples.astype(np.float64) * 32768, rate_hz, **arguments).astype(np.float32)

    return Case(
        package=f"python_speech_features.{name}",
        arguments=arguments,
        make=make,
        features=None,
        why_not="filters with edges at whole bins are in no config",
    )


def from_librosa_mfcc(draw: Draw, rate_hz: int) -> Case:
    """librosa.feature.mfcc."""
    frames, (low, high) = draw.frames(rate_hz), draw.band(rate_hz)
    mels, ceps = draw.one(26, 40, 64, 128), draw.one(13, 20, 13, 24)
    arguments = {"n_fft": frames["fft"], "hop_length": frames["stride"], "n_mels": min(mels, frames["fft"] // 8)}
    arguments |= {"fmin": low, "fmax": high, "n_mfcc": ceps, "htk": draw.chance(0.3)}

    def make(samples: np.ndarray) -> np.ndarray:
        return librosa.feature.mfcc(y=samples, sr=rate_hz, **arguments).astype(np.float32)

    keys = LIBROSA | _sizes(frames, low, high, arguments["n_mels"])
    keys |= {"sequence_length": None, "pad_mode": "constant", "num_ceps": ceps, "sampling_rate": rate_hz}
    keys |= {"mel_scale": "htk"} if arguments["htk"] else {}
    return Case(package="librosa.feature.mfcc", arguments=arguments, make=make, features=keys)


def from_torchaudio_mfcc(draw: Draw, rate_hz: int) -> Case:
    """torchaudio.transforms.MFCC."""
    frames, mels, ceps = draw.frames(rate_hz), draw.one(23, 40, 64, 80), draw.one(13, 20, 40)
    mels = max(min(mels, frames["fft"] // 8), ceps)
    log_mels = draw.chance(0.5)
    arguments = {"n_fft": frames["fft"], "hop_length": frames["stride"], "n_mels": mels}

    def make(samples: np.ndarray) -> np.ndarray:
        transform = torchaudio.transforms.MFCC(rate_hz, n_mfcc=ceps, log_mels=log_mels, melkwargs=arguments)
        return transform(torch.from_numpy(samples)).numpy()

    keys = LIBROSA | _sizes(frames, 0.0, float(rate_hz // 2), mels) | {"sequence_length": None, "num_ceps": ceps}
    keys |= {"mel_scale": "htk", "mel_norm": None, "sampling_rate": rate_hz}
    if log_mels:
        keys |= {"power_to_db": False, "log": "ln", "log_offset": 1e-6, "min_power": 1e-30, "top_db": None}
    names = {"n_mfcc": ceps, "log_mels": log_mels}
    return Case(package="torchaudio MFCC", arguments=arguments | names, make=make, features=keys)


def from_kaldi_mfcc(draw: Draw, rate_hz: int) -> Case:
    """kaldi-native-fbank's MFCC."""
    drawn, keys = _kaldi_arguments(draw, rate_hz)
    drawn |= {"bins": draw.one(23, 30, 40), "ceps": draw.one(13, 13, 20), "use_energy": draw.chance(0.3)}

    def make(samples: np.ndarray) -> np.ndarray:
        options = kaldi_native_fbank.MfccOptions()
        _set_kaldi(options, drawn, rate_hz)
        options.num_ceps, options.use_energy = drawn["ceps"], drawn["use_energy"]
        return _run_kaldi(kaldi_native_fbank.OnlineMfcc(options), samples * drawn["scale"], rate_hz)

    keys |= {"num_mel_bins": drawn["bins"], "num_ceps": drawn["ceps"], "cepstral_lifter": 22.0}
    keys |= {"use_energy": drawn["use_energy"]}
    return Case(package="kaldi-native-fbank MFCC", arguments=drawn, make=make, features=keys)


def from_amplitude_db(draw: Draw, rate_hz: int) -> Case:
    """librosa.amplitude_to_db of magnitudes, as Tacotron's descendants have it."""
    frames, (low, high) = draw.frames(rate_hz), draw.band(rate_hz)
    mels, ref, top_db = draw.mels(frames["fft"]), draw.one(1.0, "max"), draw.one(80.0, None)
    arguments = {"n_fft": frames["fft"], "hop_length": frames["stride"], "n_mels": mels, "fmin": low, "fmax": high}

    def make(samples: np.ndarray) -> np.ndarray:
        mel = librosa.feature.melspectrogram(y=samples, sr=rate_hz, power=1.0, **arguments)
        return in_db(mel**2, ref=ref, floor=1e-10, top_db=top_db)

    keys = LIBROSA | _sizes(frames, low, high, mels) | {"sequence_length": None, "pad_mode": "constant"}
    keys |= {"mag_exp": 1.0, "min_power": 1e-5, "std": 0.5, "top_db": None if top_db is None else top_db / 2}
    keys |= {"ref_power": ref, "power_to_db": True, "sampling_rate": rate_hz}
    told = arguments | {"power": 1.0, "ref": ref, "top_db": top_db}
    return Case(package="librosa.amplitude_to_db", arguments=told, make=make, features=keys)


PACKAGES: list[tuple[float, Callable[[Draw, int], Case]]] = [
    (30, from_librosa),
    (20, from_torchaudio),
    (6, from_nnaudio),
    (4, from_torchlibrosa),
    (8, from_kaldi),
    (5, from_torchaudio_kaldi),
    (5, from_speechbrain),
    (6, from_transformers),
    (2, from_whisper),
    (2, from_psf),
    (4, from_librosa_mfcc),
    (3, from_torchaudio_mfcc),
    (3, from_kaldi_mfcc),
    (3, from_amplitude_db),
]
