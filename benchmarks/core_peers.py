"""Each library's own way to a mel spectrogram in dB, of one signal, on one thread.

A peer is made for a setting and a signal, and then called without arguments, so that filters, windows, compiled graphs
and tensors are ready before the clock runs.  Where a library has one call that everybody uses, it is that call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.settings import Setting

__all__ = ["GROUPS", "Peer", "check"]

TOP_DB, MIN_POWER, MIN_FREQ = 80.0, 1e-10, 20.0
MIN_LIKENESS = 0.8  # of the mean spectra: 0.88 with a shorter FFT, 0.99 for all others, 0.1 with Kaldi's pre-emphasis
Run = Callable[[], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A library at work.

    Attributes
    ----------
    name : str
        As in the tables.
    package : str
        What must be installed.
    make : callable
        Takes a setting and a signal; returns what is timed.
    note : str
        What it does otherwise than all others.
    time_major : bool
        Whether it gives ``(frames, mels)``.
    """

    name: str
    package: str
    make: Callable[[Setting, np.ndarray], Run]
    note: str = ""
    time_major: bool = False


def check(peer: Peer, features: Any, expected: np.ndarray) -> str:
    """Return what is wrong with a peer's features, if anything; nothing is timed that did not work."""
    array = np.asarray(features).squeeze()
    if array.ndim != 2:
        return f"gave shape {array.shape}"
    mels, frames = array.shape[::-1] if peer.time_major else array.shape
    if mels != expected.shape[0] or abs(frames - expected.shape[1]) > 1:
        return f"gave {mels} mels and {frames} frames, not {expected.shape[0]} and {expected.shape[1]}"
    if not np.isfinite(array).all():
        return "gave values that are not finite"
    spectrum = array.mean(axis=0 if peer.time_major else 1)
    heard = spectrum > spectrum.min()  # a shorter FFT leaves filters without a bin
    likeness = np.corrcoef(spectrum[heard], expected.mean(axis=1)[heard])[0, 1]
    return "" if likeness > MIN_LIKENESS else f"gave another spectrum (correlation {likeness:.2f})"


def melcli(setting: Setting, signal: np.ndarray) -> Run:
    from melcli import MelSpectrogram

    mel = MelSpectrogram(**setting.keys())
    return lambda: mel(signal)


def librosa(setting: Setting, signal: np.ndarray) -> Run:
    from librosa import power_to_db
    from librosa.feature import melspectrogram

    arguments = {"sr": setting.sampling_rate, "n_fft": setting.fft_length, "hop_length": setting.sequence_stride}
    mel = {"n_mels": setting.num_mel_bins, "fmin": MIN_FREQ, "htk": True, "norm": None}
    return lambda: power_to_db(melspectrogram(y=signal, **arguments, **mel), top_db=TOP_DB)


def librosa_with_filters(setting: Setting, signal: np.ndarray) -> Run:
    import librosa as lib

    mel = {"n_mels": setting.num_mel_bins, "fmin": MIN_FREQ, "htk": True, "norm": None}
    filters = lib.filters.mel(sr=setting.sampling_rate, n_fft=setting.fft_length, **mel)

    def run() -> np.ndarray:
        spectrum = lib.stft(signal, n_fft=setting.fft_length, hop_length=setting.sequence_stride)
        return lib.power_to_db(filters @ (spectrum.real**2 + spectrum.imag**2), top_db=TOP_DB)

    return run


def torchaudio(setting: Setting, signal: np.ndarray) -> Run:
    import torch
    from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

    torch.set_num_threads(1)
    mel = MelSpectrogram(
        sample_rate=setting.sampling_rate,
        n_fft=setting.fft_length,
        hop_length=setting.sequence_stride,
        n_mels=setting.num_mel_bins,
        f_min=MIN_FREQ,
    )
    to_db = AmplitudeToDB(top_db=TOP_DB)
    waveform = torch.from_numpy(signal)

    def run() -> torch.Tensor:
        with torch.inference_mode():
            return to_db(mel(waveform))

    return run


def transformers(setting: Setting, signal: np.ndarray) -> Run:
    from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

    filters = mel_filter_bank(
        num_frequency_bins=setting.fft_length // 2 + 1,
        num_mel_filters=setting.num_mel_bins,
        min_frequency=MIN_FREQ,
        max_frequency=setting.sampling_rate / 2,
        sampling_rate=setting.sampling_rate,
    )
    window = window_function(setting.fft_length, "hann")
    lengths = {"frame_length": setting.fft_length, "hop_length": setting.sequence_stride}
    levels = {"power": 2.0, "mel_filters": filters, "log_mel": "dB", "min_value": MIN_POWER, "db_range": TOP_DB}
    return lambda: spectrogram(signal, window, **lengths, **levels)


def kaldi_native_fbank(setting: Setting, signal: np.ndarray) -> Run:
    import kaldi_native_fbank as knf

    options = knf.FbankOptions()
    options.frame_opts.samp_freq = setting.sampling_rate
    options.frame_opts.frame_length_ms = 1000 * setting.fft_length / setting.sampling_rate
    options.frame_opts.frame_shift_ms = 1000 * setting.sequence_stride / setting.sampling_rate
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = False
    options.frame_opts.round_to_power_of_two = False
    options.frame_opts.preemph_coeff = 0.0
    options.frame_opts.window_type = "hanning"
    options.mel_opts.num_bins = setting.num_mel_bins
    options.mel_opts.low_freq = MIN_FREQ

    def run() -> np.ndarray:
        fbank = knf.OnlineFbank(options)
        fbank.accept_waveform(setting.sampling_rate, signal)
        fbank.input_finished()
        return np.array([fbank.get_frame(frame) for frame in range(fbank.num_frames_ready)])

    return run


def audioflux(setting: Setting, signal: np.ndarray) -> Run:
    import audioflux as af
    from audioflux.type import WindowType

    exponent = setting.fft_length.bit_length() - 1  # the power of two below: 8 for 400
    mel = af.MelSpectrogram(
        num=setting.num_mel_bins,
        samplate=setting.sampling_rate,
        low_fre=MIN_FREQ,
        high_fre=setting.sampling_rate / 2,
        radix2_exp=exponent,
        slide_length=setting.sequence_stride,
        window_type=WindowType.HANN,
    )
    half = 2**exponent // 2

    def run() -> np.ndarray:
        padded = np.pad(signal, half, mode="reflect")  # it pads nothing, and gives fewer frames without
        return af.utils.power_to_db(mel.spectrogram(padded), min_db=-TOP_DB)

    return run


def essentia(setting: Setting, signal: np.ndarray) -> Run:
    import essentia.standard as es

    window = es.Windowing(type="hann", size=setting.fft_length, normalized=False, zeroPhase=False)
    spectrum = es.PowerSpectrum(size=setting.fft_length)
    mel = es.MelBands(
        inputSize=setting.fft_length // 2 + 1,
        numberBands=setting.num_mel_bins,
        sampleRate=setting.sampling_rate,
        lowFrequencyBound=MIN_FREQ,
        highFrequencyBound=setting.sampling_rate / 2,
        normalize="unit_max",
        type="magnitude",  # the powers as they come
    )

    def run() -> np.ndarray:
        frames = es.FrameGenerator(signal, frameSize=setting.fft_length, hopSize=setting.sequence_stride)
        mels = np.array([mel(spectrum(window(frame))) for frame in frames])
        levels = 10.0 * np.log10(np.maximum(mels, MIN_POWER))
        return np.maximum(levels, levels.max() - TOP_DB)

    return run


def _keras_layer(setting: Setting) -> Any:
    import keras

    return keras.layers.MelSpectrogram(**setting.keys())


def keras_tensorflow_graph(setting: Setting, signal: np.ndarray) -> Run:
    import tensorflow as tf

    _one_tensorflow_thread(tf)
    layer, tensor = _keras_layer(setting), tf.constant(signal)
    graph = tf.function(lambda x: layer(x), input_signature=[tf.TensorSpec(signal.shape, tf.float32)])
    return lambda: graph(tensor).numpy()


def keras_tensorflow_eager(setting: Setting, signal: np.ndarray) -> Run:
    import tensorflow as tf

    _one_tensorflow_thread(tf)
    layer, tensor = _keras_layer(setting), tf.constant(signal)
    return lambda: layer(tensor).numpy()


def _one_tensorflow_thread(tf: Any) -> None:
    if tf.config.threading.get_intra_op_parallelism_threads() != 1:  # refused once anything was computed
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def keras_jax(setting: Setting, signal: np.ndarray) -> Run:
    import jax

    layer, array = _keras_layer(setting), jax.numpy.asarray(signal)
    compiled = jax.jit(lambda x: layer(x))
    return lambda: compiled(array).block_until_ready()


MELCLI = Peer(name="melcli", package="melcli", make=melcli)

# Keras takes one backend for each process, and each process has its own measurement of melcli.
GROUPS: dict[str, tuple[Peer, ...]] = {
    "libraries": (
        Peer(name="librosa", package="librosa", make=librosa),
        Peer(name="librosa, filters made once", package="librosa", make=librosa_with_filters),
        Peer(name="torchaudio", package="torchaudio", make=torchaudio),
        Peer(name="transformers audio_utils", package="transformers", make=transformers),
        Peer(
            name="kaldi-native-fbank",
            package="kaldi_native_fbank",
            make=kaldi_native_fbank,
            note="natural logarithm, no top_db",
            time_major=True,
        ),
        Peer(name="audioflux", package="audioflux", make=audioflux, note="FFT of 256 instead of 400"),
        Peer(name="Essentia", package="essentia", make=essentia, note="standard mode", time_major=True),
    ),
    "tensorflow": (
        Peer(name="Keras on TensorFlow, graph", package="tensorflow", make=keras_tensorflow_graph),
        Peer(name="Keras on TensorFlow, eager", package="tensorflow", make=keras_tensorflow_eager),
    ),
    "jax": (Peer(name="Keras on JAX, jitted", package="jax", make=keras_jax),),
}
