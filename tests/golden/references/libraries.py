"""Libraries that others build on."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from tests.golden.references.reference import answers_for

FULL_SCALE = 32768  # Kaldi counts in units of 16-bit samples
KERAS_LAYER = "keras/src/layers/preprocessing/mel_spectrogram.py"
MELSPECTROGRAM = "librosa/feature/spectral.py"
TRANSFORMS = "torchaudio/transforms/_transforms.py"
TORCHAUDIO_KALDI = "torchaudio/compliance/kaldi.py"
KALDI = ("kaldi-native-fbank",)


@answers_for("keras", "keras", "torch", source=KERAS_LAYER, unit="dB")
def keras(clip):
    """``keras.layers.MelSpectrogram()``, on the PyTorch backend."""
    return keras_levels(clip)


@answers_for("keras_speech", "keras", "torch", source=KERAS_LAYER, unit="dB")
def keras_speech(clip):
    """``keras.layers.MelSpectrogram(fft_length=512, sequence_length=400, sequence_stride=160, num_mel_bins=80)``, on
    the PyTorch backend."""
    return keras_levels(clip, fft_length=512, sequence_length=400, sequence_stride=160, num_mel_bins=80)


@answers_for("keras_music", "keras", "torch", source=KERAS_LAYER, unit="dB")
def keras_music(clip):
    """``keras.layers.MelSpectrogram(sampling_rate=44100, max_freq=20000)``, on the PyTorch backend."""
    return keras_levels(clip, sampling_rate=44_100, max_freq=20_000.0)


@answers_for("librosa", "librosa", source=MELSPECTROGRAM, unit="dB", made_in="float64")
def librosa(clip):
    """``librosa.power_to_db(librosa.feature.melspectrogram(y=clip))`` of float64 samples."""
    from librosa import power_to_db

    return power_to_db(librosa_power(clip))


@answers_for("librosa_power", "librosa", source=MELSPECTROGRAM, unit="linear", made_in="float64")
def librosa_power(clip):
    """``librosa.feature.melspectrogram(y=clip)`` of float64 samples."""
    from librosa.feature import melspectrogram

    return melspectrogram(y=clip.astype(np.float64))


@answers_for("librosa_power_to_db_max", "librosa", source=MELSPECTROGRAM, unit="dB", made_in="float64")
def librosa_power_to_db_max(clip):
    """``librosa.power_to_db(librosa.feature.melspectrogram(y=clip), ref=np.max)`` of float64 samples."""
    from librosa import power_to_db

    return power_to_db(librosa_power(clip), ref=np.max)


@answers_for("librosa_mfcc", "librosa", source=MELSPECTROGRAM, unit="dB", made_in="float64")
def librosa_mfcc(clip):
    """``librosa.feature.mfcc(y=clip)`` of float64 samples."""
    from librosa.feature import mfcc

    return mfcc(y=clip.astype(np.float64))


@answers_for("torchaudio", "torchaudio", "torch", source=TRANSFORMS, unit="linear")
def torchaudio(clip):
    """``torchaudio.transforms.MelSpectrogram()(clip)``."""
    import torch
    from torchaudio.transforms import MelSpectrogram

    return MelSpectrogram()(torch.from_numpy(clip)).numpy()


@answers_for("torchaudio_db", "torchaudio", "torch", source=TRANSFORMS, unit="dB")
def torchaudio_db(clip):
    """``torchaudio.transforms.AmplitudeToDB()(torchaudio.transforms.MelSpectrogram()(clip))``."""
    import torch
    from torchaudio.transforms import AmplitudeToDB

    return AmplitudeToDB()(torch.from_numpy(torchaudio(clip))).numpy()


@answers_for("torchaudio_kaldi", "torchaudio", "torch", source=TORCHAUDIO_KALDI, unit="ln")
def torchaudio_kaldi(clip):
    """``torchaudio.compliance.kaldi.fbank(clip)`` of samples in [-1, 1)."""
    import torch
    from torchaudio.compliance.kaldi import fbank

    return fbank(torch.from_numpy(clip)[None]).numpy()


@answers_for("tensorflow", "tensorflow-cpu", source="tensorflow/python/ops/signal/{spectral,mel}_ops.py", unit="linear")
def tensorflow(clip):
    """``tf.abs(tf.signal.stft(clip, 400, 160, 512))`` times
    ``tf.signal.linear_to_mel_weight_matrix(64, 257, 16000, 125, 7500)``."""
    import tensorflow as tf

    magnitudes = tf.abs(tf.signal.stft(clip, frame_length=400, frame_step=160, fft_length=512))
    filters = tf.signal.linear_to_mel_weight_matrix(64, 257, 16_000, 125.0, 7500.0)
    return tf.matmul(magnitudes, filters).numpy()


@answers_for("kaldi", *KALDI, source="kaldi-native-fbank/csrc/feature-fbank.cc", unit="ln")
def kaldi(clip):
    """``OnlineFbank(FbankOptions())`` with dither 0, of samples times 32768."""
    from kaldi_native_fbank import FbankOptions, OnlineFbank

    return kaldi_frames(OnlineFbank, FbankOptions(), clip)


@answers_for("kaldi_80", *KALDI, source="kaldi-native-fbank/csrc/feature-fbank.cc", unit="ln")
def kaldi_80(clip):
    """``OnlineFbank(FbankOptions())`` with 80 bins and dither 0, of samples times 32768."""
    from kaldi_native_fbank import FbankOptions, OnlineFbank

    options = FbankOptions()
    options.mel_opts.num_bins = 80
    return kaldi_frames(OnlineFbank, options, clip)


@answers_for("kaldi_mfcc", *KALDI, source="kaldi-native-fbank/csrc/feature-mfcc.cc", unit="ln")
def kaldi_mfcc(clip):
    """``OnlineMfcc(MfccOptions())`` with dither 0, of samples times 32768."""
    from kaldi_native_fbank import MfccOptions, OnlineMfcc

    return kaldi_frames(OnlineMfcc, MfccOptions(), clip)


@answers_for("lhotse", "lhotse", "torch", source="lhotse/features/kaldi/extractors.py", unit="ln")
def lhotse(clip):
    """``lhotse.Fbank().extract(clip, 16000)``."""
    from lhotse import Fbank

    return Fbank().extract(clip, 16_000)


@answers_for(
    "wespeaker",
    "torchaudio",
    "torch",
    source="wespeakerruntime 1.0.1, wespeakerruntime/speaker.py",
    unit="ln",
    restated=True,
)
def wespeaker(clip):
    """``Speaker._compute_fbank`` after reading the file: ``torchaudio.compliance.kaldi.fbank`` of samples times 32768
    with 80 bins, a Hamming window and dither 0, less each bin's mean."""
    import torch
    from torchaudio.compliance.kaldi import fbank

    waveform = torch.from_numpy(clip * FULL_SCALE)[None]
    levels = fbank(waveform, num_mel_bins=80, window_type="hamming", use_energy=False).numpy()
    return levels - levels.mean(axis=0)


@answers_for("speechbrain", "speechbrain", "torch", source="speechbrain/lobes/features.py", unit="dB")
def speechbrain(clip):
    """``speechbrain.lobes.features.Fbank()(clip)``."""
    return speechbrain_filterbank(clip)


@answers_for("speechbrain_80", "speechbrain", "torch", source="speechbrain/lobes/features.py", unit="dB")
def speechbrain_80(clip):
    """``speechbrain.lobes.features.Fbank(n_mels=80)(clip)``."""
    return speechbrain_filterbank(clip, n_mels=80)


def keras_levels(clip: np.ndarray, **settings: Any) -> np.ndarray:
    os.environ["KERAS_BACKEND"] = "torch"  # read once, when Keras is imported
    from keras.layers import MelSpectrogram

    return MelSpectrogram(**settings)(clip).cpu().numpy()


def kaldi_frames(computer: Any, options: Any, clip: np.ndarray) -> np.ndarray:
    """Run a computer of kaldi-native-fbank without dither over all of the clip."""
    options.frame_opts.dither = 0
    running = computer(options)
    running.accept_waveform(options.frame_opts.samp_freq, (clip * FULL_SCALE).tolist())
    running.input_finished()
    return np.stack([running.get_frame(number) for number in range(running.num_frames_ready)])


def speechbrain_filterbank(clip: np.ndarray, **settings: Any) -> np.ndarray:
    import torch
    from speechbrain.lobes.features import Fbank

    with torch.no_grad():
        return Fbank(**settings)(torch.from_numpy(clip)[None])[0].numpy()
