"""The three settings of the core, and which packages the peers need."""

from __future__ import annotations

from dataclasses import asdict, dataclass

__all__ = ["PEER_PACKAGES", "SETTINGS", "Setting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What changes the cost of a mel spectrogram; all else is Keras's default, with dB and a ``top_db`` of 80."""

    fft_length: int
    sequence_stride: int
    num_mel_bins: int
    sampling_rate: int

    @property
    def name(self) -> str:
        """FFT, stride and mels, and the sampling rate."""
        rate = f"{self.sampling_rate / 1000:g} kHz"
        return f"{self.fft_length}/{self.sequence_stride}/{self.num_mel_bins} at {rate}"

    def keys(self) -> dict[str, int]:
        """Return it as the arguments of `melcli.MelSpectrogram`."""
        return asdict(self)


SETTINGS = (
    Setting(fft_length=2048, sequence_stride=512, num_mel_bins=128, sampling_rate=16_000),
    Setting(fft_length=1024, sequence_stride=256, num_mel_bins=80, sampling_rate=22_050),
    Setting(fft_length=400, sequence_stride=160, num_mel_bins=80, sampling_rate=16_000),
)

# Import names and names of distributions, of what melcli needs and of its peers.
OWN_PACKAGES = {"numpy": "numpy", "scipy": "scipy", "soundfile": "soundfile", "soxr": "soxr", "h5py": "h5py"}
PEER_PACKAGES = {
    "librosa": "librosa",
    "torch": "torch",
    "torchaudio": "torchaudio",
    "keras": "keras",
    "tensorflow": "tensorflow-cpu",
    "jax": "jax",
    "transformers": "transformers",
    "kaldi_native_fbank": "kaldi-native-fbank",
    "audioflux": "audioflux",
    "essentia": "essentia",
    "lhotse": "lhotse",
}
