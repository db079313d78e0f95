"""What Keras's own layer is asked, setting by setting, and how its answers are stored.

`tests.golden.make` runs it, once for each of Keras's backends.  Nothing of melcli is imported here.
"""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tests.golden import signals as sounds

__all__ = ["SETTINGS", "SHAPES", "WEIGHTS", "Setting", "make_answers"]

FOLDER = Path(__file__).parent / "keras"
PACKAGE = {"numpy": "numpy", "torch": "torch", "jax": "jax", "tensorflow": "tensorflow-cpu"}
SKEWED = [round(0.2 + 0.8 * (k / 240) ** 2, 6) for k in range(241)]  # unlike its own mirror image, and of odd length
FRONT_END = {"fft_length": 512, "sequence_length": 400, "sequence_stride": 160, "num_mel_bins": 40}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Arguments of the layer, the signals that it is run on as `tests.golden.signals` names them, and what for."""

    options: dict[str, Any]
    purpose: str
    cases: tuple[str, ...] = ("speech",)
    dtype: str = "float32"


SETTINGS = {
    "defaults": Setting(
        options={},
        cases=(
            *("speech", "clipped", "tones", "faint", "impulse", "silence", "speech+clipped+faint:4000"),
            *("speech:1", "speech:2", "noise:1", "noise:300", "noise:511", "noise:512", "noise:513"),
            *("noise:1023", "noise:1024", "noise:1025", "noise:1535", "noise:1536", "noise:1537"),
        ),
        purpose="Keras's defaults; every kind of signal; one frame; shorter than half an FFT; k strides -1, 0, +1",
    ),
    "speech": Setting(
        options={**FRONT_END, "num_mel_bins": 80, "max_freq": 7600.0},
        cases=("speech", "clipped", "impulse", "silence", "noise:1599", "noise:1600", "noise:1601", "noise:100"),
        purpose="25 ms windows every 10 ms in 512 points, 80 filters",
    ),
    "telephone": Setting(
        options={
            "fft_length": 256,
            "sequence_stride": 80,
            "sampling_rate": 8000,
            "num_mel_bins": 40,
            "min_freq": 125.0,
            "max_freq": 3800.0,
        },
        cases=("speech:6000", "noise:799", "noise:800", "noise:801"),
        purpose="8 kHz, a band of its own",
    ),
    "music": Setting(
        options={"sampling_rate": 44_100, "min_freq": 30.0, "max_freq": 16_000.0},
        cases=("tones", "speech"),
        purpose="44.1 kHz",
    ),
    "hamming": Setting(
        options={"window": "hamming", "sequence_stride": 400, "num_mel_bins": 64}, purpose="the other named window"
    ),
    "hamming_in_longer_fft": Setting(
        options={**FRONT_END, "sequence_length": 301, "window": "hamming"},
        purpose="odd window in an even FFT",
    ),
    "rectangle": Setting(options={**FRONT_END, "sequence_length": None, "window": None}, purpose="no window"),
    "rectangle_in_longer_fft": Setting(
        options={**FRONT_END, "sequence_length": 300, "window": None}, purpose="window=None ignores sequence_length"
    ),
    "numbers": Setting(
        options={**FRONT_END, "sequence_length": 241, "window": SKEWED}, purpose="a window given as 241 numbers"
    ),
    "odd_fft": Setting(
        options={"fft_length": 511, "sequence_stride": 100, "num_mel_bins": 32},
        cases=("speech:5000", "noise:599", "noise:600", "noise:601"),
        purpose="511 points; k strides -1, 0, +1",
    ),
    "odd_fft_short_window": Setting(
        options={"fft_length": 511, "sequence_length": 300, "sequence_stride": 160, "num_mel_bins": 32},
        cases=("speech", "noise:1000"),
        purpose="even window in an odd FFT",
    ),
    "prime_fft": Setting(options={"fft_length": 1021, "num_mel_bins": 64}, purpose="no fast factors"),
    "tiny_fft": Setting(
        options={"fft_length": 4, "sequence_stride": 1, "num_mel_bins": 1},
        cases=("noise:1", "noise:2", "noise:50"),
        purpose="4 points, one filter",
    ),
    "stride_of_one": Setting(
        options={"fft_length": 64, "sequence_stride": 1, "num_mel_bins": 8},
        cases=("noise:1", "noise:31", "noise:200"),
        purpose="a frame for every sample",
    ),
    "stride_over_window": Setting(
        options={"fft_length": 256, "sequence_stride": 400, "num_mel_bins": 32},
        cases=("speech", "noise:1199", "noise:1200", "noise:1201"),
        purpose="samples between frames are passed over",
    ),
    "odd_rate": Setting(options={**FRONT_END, "sampling_rate": 11_025}, purpose="max_freq is truncated to 5512"),
    "above_nyquist": Setting(
        options={**FRONT_END, "sampling_rate": 8000, "max_freq": 6000.0}, purpose="the highest filters are empty"
    ),
    "from_zero_hertz": Setting(options={**FRONT_END, "min_freq": 0.0}, purpose="the lowest filter begins at 0 Hz"),
    "empty_filters": Setting(
        options={"fft_length": 256, "sequence_stride": 400, "num_mel_bins": 128}, purpose="filters between two bins"
    ),
    "one_filter": Setting(options={**FRONT_END, "num_mel_bins": 1}, purpose="one triangle from 20 Hz to 8 kHz"),
    "power": Setting(
        options={**FRONT_END, "power_to_db": False},
        cases=("speech", "tones", "impulse", "silence"),
        purpose="linear powers",
    ),
    "magnitude": Setting(
        options={**FRONT_END, "power_to_db": False, "mag_exp": 1.0},
        cases=("speech", "tones"),
        purpose="linear magnitudes",
    ),
    "magnitude_db": Setting(options={**FRONT_END, "mag_exp": 1.0}, purpose="10 log10 of magnitudes"),
    "exponent_of_1.5": Setting(options={**FRONT_END, "mag_exp": 1.5}, purpose="neither magnitude nor power"),
    "narrow_top_db": Setting(
        options={**FRONT_END, "top_db": 20.0},
        cases=("speech", "speech+noise+faint:4000"),
        purpose="a batch shares one floor",
    ),
    "top_db_of_zero": Setting(options={**FRONT_END, "top_db": 0.0}, purpose="every level is the loudest one"),
    "wide_top_db": Setting(
        options={**FRONT_END, "top_db": 300.0},
        cases=("speech", "silence", "speech+silence:4000"),
        purpose="only min_power is left as a floor",
    ),
    "min_power": Setting(
        options={**FRONT_END, "min_power": 1e-4, "top_db": 300.0}, purpose="a floor above the faint parts"
    ),
    "ref_power": Setting(options={**FRONT_END, "ref_power": 0.05}, purpose="0 dB is a power of 0.05"),
    "negative_ref_power": Setting(options={**FRONT_END, "ref_power": -4.0}, purpose="its absolute value counts"),
    "ref_power_under_min_power": Setting(
        options={**FRONT_END, "ref_power": 1e-9, "min_power": 1e-6}, purpose="min_power stands in for it"
    ),
    "float64": Setting(options=FRONT_END, dtype="float64", purpose="a layer of dtype float64"),
}

WEIGHTS: tuple[dict[str, Any], ...] = (
    {},
    {"num_mel_bins": 128, "num_spectrogram_bins": 1025, "sampling_rate": 16_000, "lower_edge_hertz": 20.0}
    | {"upper_edge_hertz": 8000.0},
    {"num_mel_bins": 128, "num_spectrogram_bins": 1025, "sampling_rate": 44_100, "lower_edge_hertz": 30.0}
    | {"upper_edge_hertz": 16_000.0},
    {"num_mel_bins": 40, "num_spectrogram_bins": 256, "sampling_rate": 11_025, "lower_edge_hertz": 0.0}
    | {"upper_edge_hertz": 5512.0},
    {"num_mel_bins": 64, "num_spectrogram_bins": 129, "sampling_rate": 8000, "upper_edge_hertz": 6000.0},
)

# (fft_length, sequence_stride, samples): the layer's own prediction beside what it computes.
SHAPES = ((2048, 128, 16_000), (2048, 128, 15_999), (2048, 512, 16_000), (511, 100, 599), (511, 100, 600), (64, 1, 50))


def make_answers() -> Path:
    """Write the file of the backend that Keras runs on."""
    import keras  # type: ignore[import-not-found, unused-ignore]

    backend = keras.backend.backend()
    about, arrays = _answers(keras)
    about = {"made_by": _versions(backend), **about}
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{backend}.npz"
    np.savez_compressed(path, about=json.dumps(about), **arrays)
    return path


def _answers(keras: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ask the layer everything: plain facts, and arrays by the name that the facts give them."""
    layer = keras.layers.MelSpectrogram
    signals = sounds.load_signals()
    settings: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        made = layer(**setting.options, dtype=setting.dtype, name=name)
        asked = {case: _answer(made, sounds.case_signal(case, signals)) for case in setting.cases}
        answered = {case: answer for case, answer in asked.items() if not isinstance(answer, str)}
        arrays |= {f"{name}/{case}": answer for case, answer in answered.items()}
        settings[name] = {
            "purpose": setting.purpose,
            "options": setting.options,
            "config": made.get_config(),
            "cases": list(answered),
            "refused": {case: answer for case, answer in asked.items() if isinstance(answer, str)},
        }
    for number, arguments in enumerate(WEIGHTS):
        arrays[f"weights/{number}"] = np.asarray(layer().linear_to_mel_weight_matrix(**arguments))
    facts = {
        "weights": list(WEIGHTS),
        "shapes": [_shape(layer, signals["noise"], *shape) for shape in SHAPES],
        "mixed_float16": layer(dtype="mixed_float16", name="mixed").get_config(),
    }
    return {"settings": settings, **facts}, arrays


def _answer(layer: Any, signal: np.ndarray) -> np.ndarray | str:
    """Return what the layer gives, or the name of what it raises: each backend has exceptions of its own."""
    try:
        return np.asarray(layer(signal))
    except Exception as error:  # noqa: BLE001
        return type(error).__name__


def _shape(layer: Any, noise: np.ndarray, fft_length: int, stride: int, samples: int) -> dict[str, int]:
    made = layer(fft_length=fft_length, sequence_stride=stride, num_mel_bins=2)
    return {
        "fft_length": fft_length,
        "sequence_stride": stride,
        "samples": samples,
        "frames": np.asarray(made(np.resize(noise, samples))).shape[-1],
        "predicted": made.compute_output_shape((samples,))[-1],
    }


def _versions(backend: str) -> dict[str, str]:
    packages = {name: version(name) for name in ("keras", "numpy", "scipy")}
    package = PACKAGE[backend]
    return {
        "backend": backend,
        **packages,
        package: version(package),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
