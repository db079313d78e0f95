"""Audio tagging and embeddings."""

from __future__ import annotations

import numpy as np

from tests.golden.references.reference import answers_for

FULL_SCALE = 32768  # Kaldi counts in units of 16-bit samples


@answers_for("vggish", "torchvggish", "numpy", source="torchvggish/mel_features.py", unit="ln", made_in="float64")
def vggish(clip):
    """``torchvggish.mel_features.log_mel_spectrogram``, which is VGGish's own, with VGGish's parameters, of float64
    samples."""
    from torchvggish import vggish_params as numbers
    from torchvggish.mel_features import log_mel_spectrogram

    return log_mel_spectrogram(
        clip.astype(np.float64),
        audio_sample_rate=numbers.SAMPLE_RATE,
        log_offset=numbers.LOG_OFFSET,
        window_length_secs=numbers.STFT_WINDOW_LENGTH_SECONDS,
        hop_length_secs=numbers.STFT_HOP_LENGTH_SECONDS,
        num_mel_bins=numbers.NUM_MEL_BINS,
        lower_edge_hertz=numbers.MEL_MIN_HZ,
        upper_edge_hertz=numbers.MEL_MAX_HZ,
    )


@answers_for(
    "yamnet",
    "tensorflow-cpu",
    source="tensorflow/models at 33630ec, research/audioset/yamnet/features.py",
    unit="ln",
    restated=True,
)
def yamnet(clip):
    """``waveform_to_log_mel_spectrogram_patches``: the magnitude of ``tf.signal.stft`` through TensorFlow's own
    filters, plus 0.001, its logarithm."""
    import tensorflow as tf

    from tests.golden.references.libraries import tensorflow as magnitudes

    return tf.math.log(magnitudes(clip) + 0.001).numpy()


@answers_for("panns", "torchlibrosa", "torch", source="torchlibrosa/stft.py", unit="dB")
def panns(clip):
    """``Spectrogram`` and ``LogmelFilterBank`` with the numbers of PANNs' Cnn14."""
    return panns_levels(clip, rate=32_000, n_fft=1024, hop=320, fmax=14_000)


@answers_for("panns_16k", "torchlibrosa", "torch", source="torchlibrosa/stft.py", unit="dB")
def panns_16k(clip):
    """``Spectrogram`` and ``LogmelFilterBank`` with the numbers of PANNs' Cnn14_16k."""
    return panns_levels(clip, rate=16_000, n_fft=512, hop=160, fmax=8000)


@answers_for(
    "clap_unfused",
    "transformers",
    "numpy",
    source="transformers/models/clap/feature_extraction_clap.py",
    unit="dB",
    made_in="float64",
)
def clap_unfused(clip):
    """``ClapFeatureExtractor(frequency_min=50)(clip, truncation="rand_trunc", padding="pad")``."""
    return clap(clip, truncation="rand_trunc")


@answers_for(
    "clap_fused",
    "transformers",
    "numpy",
    source="transformers/models/clap/feature_extraction_clap.py",
    unit="dB",
    made_in="float64",
)
def clap_fused(clip):
    """``ClapFeatureExtractor(frequency_min=50)(clip, truncation="fusion", padding="pad")``: the first of four alike."""
    return clap(clip, truncation="fusion")


@answers_for(
    "ast",
    "transformers",
    "torchaudio",
    source="transformers/models/audio_spectrogram_transformer/feature_extraction_audio_spectrogram_transformer.py",
    unit="normalised",
)
def ast(clip):
    """``ASTFeatureExtractor()(clip)``, by way of torchaudio."""
    from transformers import ASTFeatureExtractor

    return ASTFeatureExtractor()(clip, sampling_rate=16_000)["input_values"][0]


@answers_for(
    "beats",
    "torchaudio",
    "torch",
    source="microsoft/unilm at c68101b, beats/BEATs.py",
    unit="normalised",
    restated=True,
)
def beats(clip):
    """``BEATs.preprocess``: ``torchaudio.compliance.kaldi.fbank`` of samples times 32768 with 128 bins, less 15.41663,
    divided by twice 6.55582."""
    import torch
    from torchaudio.compliance.kaldi import fbank

    levels = fbank(torch.from_numpy(clip)[None] * FULL_SCALE, num_mel_bins=128, sample_frequency=16_000)
    return ((levels - 15.41663) / (2 * 6.55582)).numpy()


@answers_for(
    "passt", "hear21passt", "torchaudio", "torch", source="hear21passt/models/preprocess.py", unit="normalised"
)
def passt(clip):
    """``AugmentMelSTFT(fmax_aug_range=2000)`` in eval mode, as hear21passt makes it: filters up to 15 kHz."""
    import torch
    from hear21passt.models.preprocess import AugmentMelSTFT

    spectrogram = AugmentMelSTFT(fmin_aug_range=10, fmax_aug_range=2000).eval()
    return spectrogram(torch.from_numpy(clip)[None])[0].numpy()


@answers_for("essentia_musicnn", "essentia", source="src/algorithms/spectral/tensorflowinputmusicnn.cpp", unit="log10")
def essentia_musicnn(clip):
    """``TensorflowInputMusiCNN`` on the frames of ``FrameGenerator(frameSize=512, hopSize=256)``, without the last one,
    which is centred after the signal's end."""
    from essentia.standard import FrameGenerator, TensorflowInputMusiCNN

    compute = TensorflowInputMusiCNN()
    frames = FrameGenerator(clip, frameSize=512, hopSize=256)
    return np.stack([compute(frame) for frame in frames])[: 1 + len(clip) // 256]


@answers_for(
    "openl3_mel256",
    "librosa",
    source="marl/openl3 at 3bb35fd, openl3/core.py",
    unit="dB",
    made_in="float64",
    restated=True,
)
def openl3_mel256(clip):
    """``_librosa_mel_frontend`` with 256 mels on the clip filled up to one second: ``librosa.feature.melspectrogram``
    of magnitudes with a hop of 242, ``librosa.power_to_db``, less its maximum; of float64 samples."""
    from librosa import power_to_db
    from librosa.feature import melspectrogram

    second = np.pad(clip.astype(np.float64), (0, 48_000 - len(clip)))
    magnitudes = melspectrogram(y=second, sr=48_000, n_mels=256, n_fft=2048, hop_length=242, power=1.0)
    levels = power_to_db(magnitudes, ref=1.0, amin=1e-10, top_db=80.0)
    return levels - levels.max()


def panns_levels(clip: np.ndarray, *, rate: int, n_fft: int, hop: int, fmax: int) -> np.ndarray:
    import torch
    from torchlibrosa.stft import LogmelFilterBank, Spectrogram

    powers = Spectrogram(n_fft=n_fft, hop_length=hop)(torch.from_numpy(clip)[None])
    levels = LogmelFilterBank(sr=rate, n_fft=n_fft, n_mels=64, fmin=50, fmax=fmax, amin=1e-10, top_db=None)(powers)
    return levels[0, 0].numpy()


def clap(clip: np.ndarray, **how: str) -> np.ndarray:
    from transformers import ClapFeatureExtractor

    extractor = ClapFeatureExtractor(frequency_min=50)  # of both checkpoints; the class has 0
    return np.asarray(extractor(clip, sampling_rate=48_000, padding="pad", **how)["input_features"][0][0])
