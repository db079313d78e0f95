"""Speech synthesis and vocoders."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.golden.references.reference import answers_for

CLAMP = 1e-5  # under the logarithm, in Tacotron 2 and all that follow it
LIBROSA_FILTERS = ("torch", "librosa")
LJSPEECH = {"n_fft": 1024, "num_mels": 80, "sampling_rate": 22_050, "hop_size": 256, "win_size": 1024, "fmin": 0}


@answers_for(
    "tacotron2", *LIBROSA_FILTERS, source="NVIDIA/tacotron2 at 09bbec0, layers.py and stft.py", unit="ln", restated=True
)
def tacotron2(clip):
    """``TacotronSTFT().mel_spectrogram``: a strided convolution of the mirrored signal with windowed cosines and sines,
    the magnitude through librosa's filters to 8 kHz, clamped at 1e-5, its logarithm."""
    import torch
    from librosa.filters import mel
    from scipy.signal import get_window

    waves = np.fft.fft(np.eye(1024))[:513] * get_window("hann", 1024)
    kernels = torch.from_numpy(np.concatenate([waves.real, waves.imag])[:, None]).float()
    mirrored = torch.nn.functional.pad(torch.from_numpy(clip)[None, None], (512, 512), mode="reflect")
    real, imaginary = torch.conv1d(mirrored, kernels, stride=256)[0].split(513)
    filters = torch.from_numpy(mel(sr=22_050, n_fft=1024, n_mels=80, fmin=0.0, fmax=8000.0))
    return clamped_log(filters @ torch.sqrt(real**2 + imaginary**2))


@answers_for("hifigan", *LIBROSA_FILTERS, source="jik876/hifi-gan at 1198d8c, meldataset.py", unit="ln", restated=True)
def hifigan(clip):
    """``mel_spectrogram`` with config_v1.json: ``torch.stft`` without centering of the signal mirrored by 384 samples,
    1e-9 under the root, librosa's filters to 8 kHz, clamped at 1e-5, its logarithm."""
    import torch
    from librosa.filters import mel

    power = mirrored_spectrum(clip).abs() ** 2
    filters = torch.from_numpy(mel(sr=22_050, n_fft=1024, n_mels=80, fmin=0, fmax=8000))
    return clamped_log(filters @ torch.sqrt(power + 1e-9))


@answers_for(
    "melgan",
    *LIBROSA_FILTERS,
    source="descriptinc/melgan-neurips at 4677742, mel2wav/modules.py",
    unit="log10",
    restated=True,
)
def melgan(clip):
    """``Audio2Mel()``: ``torch.stft`` without centering of the signal mirrored by 384 samples, the magnitude through
    librosa's filters up to half the rate, clamped at 1e-5, its logarithm to base 10."""
    import torch
    from librosa.filters import mel

    filters = torch.from_numpy(mel(sr=22_050, n_fft=1024, n_mels=80, fmin=0.0, fmax=None))
    return torch.log10(torch.clamp(filters @ mirrored_spectrum(clip).abs(), min=CLAMP)).numpy()


@answers_for("bigvgan_24khz_100band", "bigvgan", *LIBROSA_FILTERS, source="bigvgan/meldataset.py", unit="ln")
def bigvgan_24khz_100band(clip):
    """``bigvgan.meldataset.mel_spectrogram`` with the numbers of bigvgan_24khz_100band.json."""
    return bigvgan(clip, **(LJSPEECH | {"num_mels": 100, "sampling_rate": 24_000, "fmax": 12_000}))


@answers_for("bigvgan_v2_44khz_128band_512x", "bigvgan", *LIBROSA_FILTERS, source="bigvgan/meldataset.py", unit="ln")
def bigvgan_v2_44khz_128band_512x(clip):
    """``bigvgan.meldataset.mel_spectrogram`` with the numbers of bigvgan_v2_44khz_128band_512x.json."""
    longer = {"n_fft": 2048, "num_mels": 128, "sampling_rate": 44_100, "hop_size": 512, "win_size": 2048, "fmax": None}
    return bigvgan(clip, **(LJSPEECH | longer))


@answers_for("vits", "coqui-tts", *LIBROSA_FILTERS, source="TTS/utils/audio/torch_transforms.py", unit="ln")
def vits(clip):
    """``TTS.utils.audio.torch_transforms.wav_to_mel`` with VITS's numbers: ``fmax=None``."""
    import torch
    from TTS.utils.audio.torch_transforms import wav_to_mel

    samples = torch.from_numpy(clip)[None, None]
    return wav_to_mel(samples, 1024, 80, 22_050, 256, 1024, 0, None)[0].numpy()


@answers_for(
    "univnet",
    "transformers",
    "numpy",
    source="transformers/models/univnet/feature_extraction_univnet.py",
    unit="ln",
    made_in="float64",
)
def univnet(clip):
    """``UnivNetFeatureExtractor()(clip)``."""
    from transformers import UnivNetFeatureExtractor

    return UnivNetFeatureExtractor()(clip, sampling_rate=24_000)["input_features"][0]


@answers_for("matcha", "matcha-tts", *LIBROSA_FILTERS, source="matcha/utils/audio.py", unit="ln")
def matcha(clip):
    """``matcha.utils.audio.mel_spectrogram`` with the numbers of configs/data/ljspeech.yaml."""
    return matcha_mel(clip, **LJSPEECH, fmax=8000)


@answers_for(
    "matcha_ljspeech", "matcha-tts", *LIBROSA_FILTERS, source="matcha/utils/{audio,model}.py", unit="normalised"
)
def matcha_ljspeech(clip):
    """The same, then ``matcha.utils.model.normalize`` with LJSpeech's mean and standard deviation."""
    import torch
    from matcha.utils.model import normalize

    return normalize(torch.from_numpy(matcha(clip)), -5.536622, 2.116101).numpy()


@answers_for("cosyvoice2", "matcha-tts", *LIBROSA_FILTERS, source="matcha/utils/audio.py", unit="ln")
def cosyvoice2(clip):
    """``matcha.utils.audio.mel_spectrogram`` with the numbers of ``feat_extractor`` in cosyvoice2.yaml."""
    longer = {"n_fft": 1920, "sampling_rate": 24_000, "hop_size": 480, "win_size": 1920}
    return matcha_mel(clip, **(LJSPEECH | longer), fmax=8000)


@answers_for("vocos", "vocos", "torchaudio", "torch", source="vocos/feature_extractors.py", unit="ln")
def vocos(clip):
    """``vocos.feature_extractors.MelSpectrogramFeatures()``."""
    import torch
    from vocos.feature_extractors import MelSpectrogramFeatures

    return MelSpectrogramFeatures()(torch.from_numpy(clip)[None])[0].numpy()


@answers_for("f5_tts", "f5-tts", "torchaudio", "torch", source="f5_tts/model/modules.py", unit="ln")
def f5_tts(clip):
    """``f5_tts.model.modules.MelSpec()``, whose default is Vocos's spectrogram."""
    import torch
    from f5_tts.model.modules import MelSpec

    return MelSpec()(torch.from_numpy(clip)[None])[0].numpy()


@answers_for(
    "coqui", "coqui-tts", "librosa", source="TTS/utils/audio/processor.py", unit="normalised", made_in="float64"
)
def coqui(clip):
    """``AudioProcessor(BaseAudioConfig()).melspectrogram`` of float64 samples."""
    from TTS.config.shared_configs import BaseAudioConfig
    from TTS.utils.audio import AudioProcessor

    return AudioProcessor(BaseAudioConfig()).melspectrogram(clip.astype(np.float64))


@answers_for(
    "espnet_tts", "espnet", *LIBROSA_FILTERS, source="espnet2/tts/feats_extract/log_mel_fbank.py", unit="log10"
)
def espnet_tts(clip):
    """``LogMelFbank(fs=24000, n_fft=2048, hop_length=300, win_length=1200)``."""
    import torch
    from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

    extract = LogMelFbank(fs=24_000, n_fft=2048, hop_length=300, win_length=1200)
    return extract(torch.from_numpy(clip)[None], torch.tensor([len(clip)]))[0][0].numpy()


@answers_for(
    "parallel_wavegan",
    "parallel_wavegan",
    "librosa",
    source="parallel_wavegan/bin/preprocess.py",
    unit="log10",
    made_in="float64",
)
def parallel_wavegan(clip):
    """``logmelfilterbank`` with the numbers of its 24 kHz recipes, of float64 samples."""
    from parallel_wavegan.bin.preprocess import logmelfilterbank

    numbers = {"fft_size": 2048, "hop_size": 300, "win_length": 1200, "num_mels": 80, "fmin": 80, "fmax": 7600}
    return logmelfilterbank(clip.astype(np.float64), 24_000, **numbers)


@answers_for(
    "clvp",
    "transformers",
    "numpy",
    source="transformers/models/clvp/feature_extraction_clvp.py",
    unit="ln",
    made_in="float64",
)
def clvp(clip):
    """``ClvpFeatureExtractor()(clip)``, whose default has no ``mel_norms``."""
    from transformers import ClvpFeatureExtractor

    return ClvpFeatureExtractor()(clip, sampling_rate=22_050)["input_features"][0]


def mirrored_spectrum(clip: np.ndarray) -> Any:
    """Take the spectra of the signal mirrored so that S samples give one frame, as HiFi-GAN and MelGAN call torch."""
    import torch

    mirrored = torch.nn.functional.pad(torch.from_numpy(clip)[None], (384, 384), mode="reflect")[0]
    return torch.stft(mirrored, 1024, 256, window=torch.hann_window(1024), center=False, return_complex=True)


def clamped_log(magnitudes: Any) -> np.ndarray:
    return magnitudes.clamp(min=CLAMP).log().numpy()


def bigvgan(clip: np.ndarray, **numbers: Any) -> np.ndarray:
    import torch
    from bigvgan.meldataset import mel_spectrogram

    return mel_spectrogram(torch.from_numpy(clip)[None], **numbers)[0].numpy()


def matcha_mel(clip: np.ndarray, **numbers: Any) -> np.ndarray:
    import torch
    from matcha.utils import audio

    audio.mel_basis.clear()  # its cache knows filters by fmax alone, and windows not at all
    return audio.mel_spectrogram(torch.from_numpy(clip)[None], **numbers)[0].numpy()
