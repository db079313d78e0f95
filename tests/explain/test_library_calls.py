"""The calls of librosa and torchaudio: what they say here, and, where the libraries are installed, what they compute.

Development environments without them skip the second half; it was run with librosa 0.11.0 and torchaudio 2.11.0.
"""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from melcli.config.named_configs import named_configs
from melcli.config.resolve import resolve_config
from melcli.explain.library_calls import in_librosa, in_torchaudio
from melcli.mel.options import FeatureOptions
from melcli.mel.spectrogram import MelSpectrogram
from melcli.options import to_plain
from tests.explain.test_steps import CHANGES

HZ = {"mel_triangles": "hz", "power_to_db": False}
KALDI = {
    "fft_length": 512,
    "sequence_length": 400,
    "sequence_stride": 160,
    "window": "povey",
    "window_periodic": False,
    "padding": "valid",
    "num_mel_bins": 23,
    "power_to_db": False,
    "log": "ln",
    "min_power": 2.0**-23,
    "top_db": None,
    "time_major": True,
}
WHISPER_BY_LIBROSA = """\
y = librosa.util.fix_length(y, size=480000)
mel = librosa.feature.melspectrogram(y=y, n_fft=400, hop_length=160, pad_mode='reflect', power=2.0, sr=16000, \
n_mels=80, fmin=0.0, fmax=8000.0, htk=False, norm='slaney')
mel = mel[:, :-1]
mel = np.log10(mel.clip(1e-10))
mel = mel.clip(mel.max() - 8.0)
mel = (mel + 4.0) / 4.0"""
MFCC_BY_TORCHAUDIO = """\
y = y * 32768.0
mel = torchaudio.compliance.kaldi.mfcc(y[None], sample_frequency=16000.0, frame_length=25.0, frame_shift=10.0, \
round_to_power_of_two=True, snip_edges=True, dither=0.0, remove_dc_offset=True, preemphasis_coefficient=0.97, \
window_type='povey', num_mel_bins=23, low_freq=20.0, high_freq=8000.0, energy_floor=0.0, num_ceps=13, \
cepstral_lifter=22.0, use_energy=True)"""


def text(equivalent):
    return "\n".join(equivalent.lines)


# what they say


def test_whisper_by_librosa():
    assert text(in_librosa(resolve_config("whisper").features)) == WHISPER_BY_LIBROSA


def test_kaldi_mfcc_by_torchaudio():
    assert text(in_torchaudio(resolve_config("kaldi_mfcc").features)) == MFCC_BY_TORCHAUDIO


@pytest.mark.parametrize(
    "options, line",
    [
        ({"input_scale": 100.0}, "y = y * 100.0"),
        ({"pad_end": 160}, "y = np.pad(y, (0, 160), mode='constant')"),
        ({"pad_end": -1}, "y = y[:-1]"),
        ({"preemphasis": 0.97}, "y = np.concatenate([y[:1], y[1:] - 0.97 * y[:-1]])"),
        ({"preemphasis": 0.97, "preemphasis_mode": "signal_valid"}, "y = y[1:] - 0.97 * y[:-1]"),
        ({"padding": "same"}, "y = np.pad(y, (768, 768), mode='reflect')"),
        ({"padding": (9, 7), "pad_mode": "symmetric"}, "y = np.pad(y, (9, 7), mode='symmetric')"),
        ({"padding": (9, 7), "pad_mode": "constant", "sequence_length": 2000},
         "y = np.pad(y, (33, 31), mode='constant')"),
        ({"padding": "valid", "sequence_length": 2001}, "y = np.pad(y, (23, 24), mode='constant')"),
        ({"num_frames": 1024}, "mel = librosa.util.fix_length(mel, size=1024, axis=1)"),
        ({"mean": "bin", "std": "bin"},
         "mel = (mel - mel.mean(axis=1, keepdims=True)) / mel.std(axis=1, keepdims=True, ddof=1)"),
        ({"mean": "all", "std_eps": 0.5}, "mel = (mel - mel.mean()) / (1.0 + 0.5)"),
        ({"num_mel_bins": 2, "mean": (1.0, 2.0)}, "mel = (mel - np.array([1.0, 2.0])[:, None])"),
        ({"clip": (-4.0, 4.0)}, "mel = mel.clip(-4.0, 4.0)"),
        ({"time_major": True}, "mel = mel.T"),
        ({"log": "ln", "ref_power": "max"}, "mel = mel - mel.max()"),
        ({"log": "log10", "ref_power": 100.0}, "mel = mel - 2.0"),
        ({"log": "ln", "top_db": 100.0}, "mel = mel.clip(mel.max() - 23.02585092994046)"),
        ({"log": "ln", "log_offset": 0.01}, "mel = np.log((mel + 0.01).clip(1e-10))"),
        ({"power_to_db": True, "ref_power": "max"},
         "mel = librosa.power_to_db(mel, ref=np.max, amin=1e-10, top_db=None)"),
        ({"log": "ln", "num_ceps": 13}, "mel = librosa.feature.mfcc(S=mel, n_mfcc=13, dct_type=2, norm='ortho')"),
        ({"log": "ln", "num_ceps": 2, "cepstral_lifter": 22.0},
         "mel = mel * (1 + 11.0 * np.sin(np.pi * np.arange(2) / 22.0))[:, None]"),
    ],
)  # fmt: skip
def test_a_key_in_librosa(options, line):
    options = FeatureOptions(**{**HZ, "top_db": None, **options})
    assert line in in_librosa(options).lines


@pytest.mark.parametrize(
    "options, part",
    [
        ({"window": None}, "window='boxcar'"),
        ({"window": "hamming"}, "window='hamming'"),
        ({"window": "blackman", "window_periodic": False}, "window=np.blackman(2048)"),
        ({"window": "povey", "window_periodic": False}, "window=np.hanning(2048) ** 0.85"),
        ({"window": "povey"}, "window=np.hanning(2049)[:-1] ** 0.85"),
        ({"fft_length": 2, "window": (0.5, 1.0)}, "window=np.array([0.5, 1.0])"),
        ({"sequence_length": 400, "window_periodic": False}, "win_length=400, window=np.hanning(400)"),
        ({"mag_eps": 1e-9, "mag_exp": 1.0}, "S=(power + 1e-09) ** 0.5, sr="),
        ({"mag_floor": 1e-10}, "S=power.clip(1e-10) ** 1.0, sr="),
        ({"sampling_rate": 11025}, "fmax=5512.0"),
    ],
)
def test_an_argument_in_librosa(options, part):
    assert part in text(in_librosa(FeatureOptions(**HZ, **options)))


@pytest.mark.parametrize(
    "options, key",
    [
        ({}, "mel_triangles: mel"),
        ({**HZ, "mel_triangles": "hz_symmetric"}, "mel_triangles: hz_symmetric"),
        ({**HZ, "fft_length": 511}, "fft_length: 511"),
        ({**HZ, "padding": "kaldi"}, "padding: kaldi"),
        ({**HZ, "remove_dc_offset": True}, "remove_dc_offset: true"),
        ({**HZ, "preemphasis": 0.97, "preemphasis_mode": "frame"}, "preemphasis_mode: frame"),
        ({**HZ, "log": "ln", "num_ceps": 13, "use_energy": True}, "use_energy: true"),
    ],
)
def test_what_librosa_has_no_counterpart_for_is_named(options, key):
    equivalent = in_librosa(FeatureOptions(**options))
    assert equivalent.lines == ()
    assert any(reason.startswith(key) for reason in equivalent.missing)


@pytest.mark.parametrize(
    "options, key",
    [
        ({**HZ, "sampling_rate": 11025}, "sampling_rate: 11025"),
        ({**HZ, "pad_mode": "symmetric"}, "pad_mode: symmetric"),
        ({**HZ, "mel_triangles": "hz_symmetric"}, "mel_triangles: hz_symmetric"),
        ({**KALDI, "mel_scale": "slaney"}, "mel_triangles: mel"),
        ({**KALDI, "mel_norm": "slaney"}, "mel_triangles: mel"),
        ({**KALDI, "padding": "center"}, "padding: center"),
        ({**KALDI, "padding": [9, 7]}, "padding: [9, 7]"),
        ({**KALDI, "padding": "kaldi"}, "pad_mode: reflect"),
        ({**KALDI, "preemphasis": 0.97}, "preemphasis_mode: signal"),
        ({**KALDI, "window_periodic": True}, "window"),
        ({**KALDI, "window": [1.0] * 400}, "window"),
        ({**KALDI, "fft_length": 1024}, "fft_length: 1024"),
        ({**KALDI, "mag_exp": 1.5}, "mag_exp"),
        ({**KALDI, "mag_eps": 1e-9}, "mag_exp"),
        ({**KALDI, "max_freq": 8001.0}, "max_freq"),
        ({**KALDI, "num_mel_bins": 3}, "num_mel_bins"),
        ({**KALDI, "num_ceps": 13, "use_energy": True, "cepstral_norm": "none"}, "use_energy"),
        ({**KALDI, "num_mel_bins": 128, "min_freq": 125.0, "max_freq": 7500.0}, "min_freq: 125"),
        ({**KALDI, "sampling_rate": 22050, "sequence_stride": 122}, "sequence_stride: 122"),
    ],
)
def test_what_torchaudio_has_no_counterpart_for_is_named(options, key):
    equivalent = in_torchaudio(FeatureOptions(**options))
    assert equivalent.lines == ()
    assert any(reason.startswith(key) for reason in equivalent.missing)


@pytest.mark.parametrize("key", CHANGES)
@pytest.mark.parametrize("translate", [in_librosa, in_torchaudio])
def test_every_key_makes_other_lines_or_is_missing(translate, key):
    setting, value = CHANGES[key]
    base = {"mel_triangles": "hz", **setting}
    if key == "mel_triangles":
        base, value = {}, "hz"
    before, after = (translate(FeatureOptions(**options)) for options in (base, {**base, key: value}))
    assert (before.lines, before.missing) != (after.lines, after.missing)


@pytest.mark.parametrize("name", named_configs())
@pytest.mark.parametrize("translate", [in_librosa, in_torchaudio])
def test_every_config_has_python_or_a_reason(translate, name):
    equivalent = translate(resolve_config(name).features)
    assert bool(equivalent.lines) != bool(equivalent.missing)
    compile(text(equivalent), name, "exec")


# what they compute

# The worst of all configs on 2026-11-22 at the 99.9th percentile, in parts of the largest feature: 2e-8 for librosa,
# which is given float64, and 7e-6 for torchaudio, whose filters are made in float32.
LIMITS = {"librosa": 1e-7, "torchaudio": 2e-5}


def sound(rate_hz):
    """Make a rising tone in noise, with a stretch 80 dB down."""
    count = int(1.2 * rate_hz) + 37
    seconds = np.arange(count) / rate_hz
    signal = 0.2 * np.sin(2 * np.pi * (100 * seconds + 400 * seconds**2))
    signal += 0.02 * np.random.default_rng(3).standard_normal(count)
    signal[count // 2 : count // 2 + rate_hz // 10] *= 1e-4
    return signal.astype(np.float32)


@pytest.mark.few(40)
@pytest.mark.parametrize("name", named_configs())
@pytest.mark.parametrize("translate", [in_librosa, in_torchaudio])
def test_the_lines_compute_the_same(translate, name):
    options = replace(resolve_config(name).features, compute_dtype="float64")
    equivalent = translate(options)
    if not equivalent.lines:
        return
    reason = f"{equivalent.library} is not installed, so its calls in 'config show' are not executed here"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = pytest.importorskip(equivalent.library, reason=reason)
        signal = sound(options.sampling_rate)
        names = {equivalent.library: library, "np": np, "y": signal.astype(np.float64)}
        if equivalent.library == "torchaudio":
            torch = pytest.importorskip("torch", reason=reason)
            names |= {"torch": torch, "y": torch.from_numpy(signal)}
        exec(text(equivalent), names)  # noqa: S102  what melcli prints for people to run, made of our own configs
    ours = MelSpectrogram(**to_plain(options))(signal.astype(np.float64))
    theirs = np.asarray(names["mel"])
    assert theirs.shape == ours.shape
    difference = np.abs(theirs - ours) / np.abs(ours).max()
    assert np.quantile(difference, 0.999) < LIMITS[equivalent.library]
