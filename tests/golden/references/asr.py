"""Speech recognition, and language models that listen."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.golden.references.reference import answers_for

RATE_HZ = 16_000
WHISPER = ("openai-whisper", "torch")
TRANSFORMERS = "transformers/models"


@answers_for("whisper", *WHISPER, source="whisper/audio.py", unit="normalised")
def whisper(clip):
    """``whisper.log_mel_spectrogram(whisper.pad_or_trim(clip))``."""
    from whisper import log_mel_spectrogram, pad_or_trim

    return log_mel_spectrogram(pad_or_trim(clip)).numpy()


@answers_for("whisper_128", *WHISPER, source="whisper/audio.py", unit="normalised")
def whisper_128(clip):
    """``whisper.log_mel_spectrogram(whisper.pad_or_trim(clip), n_mels=128)``."""
    from whisper import log_mel_spectrogram, pad_or_trim

    return log_mel_spectrogram(pad_or_trim(clip), n_mels=128).numpy()


@answers_for("whisper_unpadded", *WHISPER, source="whisper/audio.py", unit="normalised")
def whisper_unpadded(clip):
    """``whisper.log_mel_spectrogram(clip)``."""
    from whisper import log_mel_spectrogram

    return log_mel_spectrogram(clip).numpy()


@answers_for(
    "whisper_128_unpadded",
    "transformers",
    "torch",
    source=f"{TRANSFORMERS}/qwen3_asr/feature_extraction_qwen3_asr.py",
    unit="normalised",
)
def whisper_128_unpadded(clip):
    """``Qwen3ASRFeatureExtractor()(clip, padding=True, truncation=False)``: the frames that its mask keeps."""
    from transformers import Qwen3ASRFeatureExtractor

    return masked_features(Qwen3ASRFeatureExtractor(), clip, padding=True, truncation=False)


@answers_for(
    "qwen2_5_omni",
    "transformers",
    "torch",
    source=f"{TRANSFORMERS}/whisper/feature_extraction_whisper.py",
    unit="normalised",
    samples=12_001,  # one more than a multiple of the stride: the last frame begins with one sample
)
def qwen2_5_omni(clip):
    """``WhisperFeatureExtractor(feature_size=128, chunk_length=300)(clip, padding="max_length")``: masked frames."""
    from transformers import WhisperFeatureExtractor

    return masked_features(WhisperFeatureExtractor(feature_size=128, chunk_length=300), clip, padding="max_length")


@answers_for(
    "faster_whisper", "faster-whisper", "numpy", source="faster_whisper/feature_extractor.py", unit="normalised"
)
def faster_whisper(clip):
    """``faster_whisper.feature_extractor.FeatureExtractor()(clip)``, with its default ``padding=160``."""
    from faster_whisper.feature_extractor import FeatureExtractor

    return FeatureExtractor()(clip)


@answers_for(
    "voxtral_realtime",
    "transformers",
    "torch",
    source=f"{TRANSFORMERS}/voxtral_realtime/feature_extraction_voxtral_realtime.py",
    unit="normalised",
)
def voxtral_realtime(clip):
    """``VoxtralRealtimeFeatureExtractor()(clip)``."""
    from transformers import VoxtralRealtimeFeatureExtractor

    return input_features(VoxtralRealtimeFeatureExtractor(), clip)


@answers_for(
    "nemo",
    "nemo_toolkit",
    "torch",
    "librosa",
    source="nemo/collections/asr/parts/preprocessing/features.py",
    unit="normalised",
)
def nemo(clip):
    """``FilterbankFeatures(n_window_size=400, nfilt=80)`` in eval mode, so without dither: its valid frames."""
    return nemo_filterbank(clip, nfilt=80)


@answers_for(
    "nemo_128",
    "nemo_toolkit",
    "torch",
    "librosa",
    source="nemo/collections/asr/parts/preprocessing/features.py",
    unit="normalised",
)
def nemo_128(clip):
    """``FilterbankFeatures(n_window_size=400, nfilt=128)`` in eval mode, so without dither: its valid frames."""
    return nemo_filterbank(clip, nfilt=128)


@answers_for(
    "parakeet_hf",
    "transformers",
    "torch",
    source=f"{TRANSFORMERS}/parakeet/feature_extraction_parakeet.py",
    unit="normalised",
)
def parakeet_hf(clip):
    """``ParakeetFeatureExtractor()(clip)``: the frames that its attention mask keeps."""
    from transformers import ParakeetFeatureExtractor

    asked = ParakeetFeatureExtractor()(clip, sampling_rate=RATE_HZ)
    return asked["input_features"][asked["attention_mask"]].numpy()


@answers_for(
    "seamless_m4t",
    "transformers",
    "numpy",
    source=f"{TRANSFORMERS}/seamless_m4t/feature_extraction_seamless_m4t.py",
    unit="normalised",
    made_in="float64",
)
def seamless_m4t(clip):
    """``SeamlessM4TFeatureExtractor()(clip)``, its pairs of frames taken apart."""
    from transformers import SeamlessM4TFeatureExtractor

    return input_features(SeamlessM4TFeatureExtractor(), clip).reshape(-1, 80)


@answers_for(
    "speech_to_text",
    "transformers",
    "torchaudio",
    source=f"{TRANSFORMERS}/speech_to_text/feature_extraction_speech_to_text.py",
    unit="normalised",
)
def speech_to_text(clip):
    """``Speech2TextFeatureExtractor()(clip)``, by way of torchaudio."""
    from transformers import Speech2TextFeatureExtractor

    return input_features(Speech2TextFeatureExtractor(), clip)


@answers_for(
    "speecht5",
    "transformers",
    "numpy",
    source=f"{TRANSFORMERS}/speecht5/feature_extraction_speecht5.py",
    unit="log10",
    made_in="float64",
)
def speecht5(clip):
    """``SpeechT5FeatureExtractor()(audio_target=clip)``."""
    from transformers import SpeechT5FeatureExtractor

    return SpeechT5FeatureExtractor()(audio_target=clip, sampling_rate=RATE_HZ)["input_values"][0]


@answers_for("espnet_asr", "espnet", "torch", "librosa", source="espnet2/asr/frontend/default.py", unit="ln")
def espnet_asr(clip):
    """``espnet2.asr.frontend.default.DefaultFrontend()`` in eval mode."""
    import torch
    from espnet2.asr.frontend.default import DefaultFrontend

    with torch.no_grad():
        return DefaultFrontend().eval()(torch.from_numpy(clip)[None], torch.tensor([len(clip)]))[0][0].numpy()


@answers_for(
    "phi4_multimodal",
    "transformers",
    "torch",
    source=f"{TRANSFORMERS}/phi4_multimodal/feature_extraction_phi4_multimodal.py",
    unit="ln",
)
def phi4_multimodal(clip):
    """``Phi4MultimodalFeatureExtractor()(clip)``."""
    from transformers import Phi4MultimodalFeatureExtractor

    return input_features(Phi4MultimodalFeatureExtractor(), clip, key="audio_input_features")


@answers_for(
    "gemma3n",
    "transformers",
    "numpy",
    source=f"{TRANSFORMERS}/gemma3n/feature_extraction_gemma3n.py",
    unit="ln",
)
def gemma3n(clip):
    """``Gemma3nAudioFeatureExtractor()(clip)``."""
    from transformers import Gemma3nAudioFeatureExtractor

    return input_features(Gemma3nAudioFeatureExtractor(), clip)


@answers_for(
    "gemma4",
    "transformers",
    "numpy",
    source=f"{TRANSFORMERS}/gemma4/feature_extraction_gemma4.py",
    unit="ln",
)
def gemma4(clip):
    """``Gemma4AudioFeatureExtractor()(clip)``."""
    from transformers import Gemma4AudioFeatureExtractor

    return input_features(Gemma4AudioFeatureExtractor(), clip)


@answers_for(
    "lasr",
    "transformers",
    "torch",
    source=f"{TRANSFORMERS}/lasr/feature_extraction_lasr.py",
    unit="ln",
    made_in="float64",
)
def lasr(clip):
    """``LasrFeatureExtractor()(clip)``."""
    from transformers import LasrFeatureExtractor

    return input_features(LasrFeatureExtractor(), clip)


def input_features(extractor: Any, clip: np.ndarray, key: str = "input_features") -> np.ndarray:
    """Ask a feature extractor of transformers about one signal."""
    return np.asarray(extractor([clip], sampling_rate=RATE_HZ)[key][0])


def masked_features(extractor: Any, clip: np.ndarray, **arguments: Any) -> np.ndarray:
    """Ask a feature extractor of transformers about one signal; return the frames that its attention mask keeps."""
    asked = extractor([clip], sampling_rate=RATE_HZ, return_attention_mask=True, **arguments)
    kept = np.asarray(asked["attention_mask"][0], dtype=bool)
    return np.asarray(asked["input_features"][0])[:, kept]


def nemo_filterbank(clip: np.ndarray, nfilt: int) -> np.ndarray:
    import torch
    from nemo.collections.asr.parts.preprocessing.features import FilterbankFeatures

    bank = FilterbankFeatures(n_window_size=400, nfilt=nfilt).eval()
    features, frames = bank(torch.from_numpy(clip)[None], torch.tensor([len(clip)]))
    return features[0, :, : frames[0]].numpy()
