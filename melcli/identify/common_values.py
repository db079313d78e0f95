"""Values of keys that front ends and scripts commonly use."""

from __future__ import annotations

from typing import Any, Literal

__all__ = [
    "BELOW_NYQUIST_HZ",
    "CEPSTRAL_FLOORS",
    "CEPSTRAL_MAX_FREQS_HZ",
    "CEPSTRAL_MELS",
    "CEPSTRAL_MIN_FREQS_HZ",
    "CEPSTRAL_WINDOWS",
    "COARSE_MAX_FREQS_HZ",
    "COARSE_MIN_FREQS_HZ",
    "FFT_LENGTHS",
    "LOG_OFFSETS",
    "MAX_FREQS_HZ",
    "MEL_COUNTS",
    "MIN_FREQS_HZ",
    "PREEMPHASES",
    "PROBED_FFT_LENGTHS",
    "PROBED_PREEMPHASES",
    "PROBE_MAX_FREQS_HZ",
    "PROBE_MIN_FREQS_HZ",
    "SCALES_AND_NORMS",
    "SHORT_WINDOW_S",
    "TRIANGLES",
    "UPPER_MIN_FREQS_HZ",
    "USUAL_MIN_FREQS_HZ",
    "WINDOWS",
    "WINDOW_LENGTHS",
    "WINDOW_LENGTHS_S",
]

FFT_LENGTHS = (256, 400, 512, 640, 800, 1024, 1200, 1280, 1920, 2048, 4096, 8192)
WINDOW_LENGTHS = (
    160,
    240,
    256,
    320,
    400,
    480,
    512,
    600,
    640,
    800,
    882,
    920,
    960,
    1024,
    1100,
    1200,
    1600,
    1920,
    2048,
    4096,
)
WINDOW_LENGTHS_S = (0.01, 0.016, 0.02, 0.025, 0.03, 0.032, 0.04, 0.046, 0.05, 0.0625, 0.064, 0.08, 0.1, 0.128)

MEL_COUNTS = (13, 20, 22, 23, 24, 26, 30, 32, 40, 60, 64, 80, 128)  # under cepstra
CEPSTRAL_MELS = (20, 40)  # the fewest that are tried at first, and how many to begin with
CEPSTRAL_WINDOWS: tuple[Literal["hann", "hamming"], ...] = ("hann", "hamming")
CEPSTRAL_MIN_FREQS_HZ = (0.0, 20.0, 60.0)
CEPSTRAL_MAX_FREQS_HZ = (3700.0, 8000.0)
# Of the mels under cepstra, at full scale 1: librosa's and Kaldi's, none, and torchaudio's.
CEPSTRAL_FLOORS: tuple[dict[str, float | None], ...] = (
    {"min_power": 1e-10, "top_db": 80.0, "log_offset": 0.0},
    {"min_power": 2.0**-53, "top_db": None, "log_offset": 0.0},
    {"min_power": 1e-10, "top_db": None, "log_offset": 0.0},
    {"min_power": 1e-30, "top_db": None, "log_offset": 1e-6},
)

LOG_OFFSETS = (0.0, 1e-10, 1e-9, 1e-8, 2.0**-24, 1e-7, 2.0**-23, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0)

MIN_FREQS_HZ = (
    0.0,
    16.35,
    20.0,
    27.5,
    30.0,
    32.7,
    32.7032,
    40.0,
    50.0,
    55.0,
    60.0,
    64.0,
    65.4,
    65.4064,
    80.0,
    90.0,
    100.0,
    125.0,
    133.3333,
    150.0,
    200.0,
    300.0,
)
MAX_FREQS_HZ = (
    *(3400.0, 3700.0, 3800.0, 4000.0, 5000.0, 5500.0, 6000.0, 6500.0, 6800.0, 6855.4976, 7000.0, 7500.0, 7600.0),
    *(7690.0, 7700.0, 7800.0, 8000.0, 9000.0, 10_000.0, 11_000.0, 11_025.0, 12_000.0, 14_000.0, 15_000.0, 15_500.0),
    *(16_000.0, 18_000.0, 20_000.0, 22_050.0, 24_000.0),
)
PROBE_MIN_FREQS_HZ = (0.0, 125.0)
PROBE_MAX_FREQS_HZ = (3800.0, 8000.0)
COARSE_MIN_FREQS_HZ = (0.0, 60.0, 125.0, 300.0)
COARSE_MAX_FREQS_HZ = (3800.0, 5500.0, 8000.0, 11_025.0, 16_000.0)
UPPER_MIN_FREQS_HZ = (0.0, 60.0, 300.0)
USUAL_MIN_FREQS_HZ = (0.0, 20.0, 27.5, 32.7, 40.0, 50.0, 60.0, 80.0, 90.0, 125.0, 150.0, 200.0, 300.0)
SCALES_AND_NORMS: tuple[tuple[Literal["htk", "slaney"], Literal["slaney"] | None], ...] = (
    ("htk", None),
    ("slaney", "slaney"),
    ("htk", "slaney"),
)
PROBED_FFT_LENGTHS = (512, 1024, 2048)
SHORT_WINDOW_S = 0.025  # of Kaldi and Whisper
PROBED_PREEMPHASES: tuple[dict[str, Any], ...] = (
    {"preemphasis": 0.0, "preemphasis_mode": "signal", "remove_dc_offset": False},
    {"preemphasis": 0.97, "preemphasis_mode": "frame", "remove_dc_offset": True},
)
BELOW_NYQUIST_HZ = (0.0, 100.0, 200.0, 400.0)  # Kaldi counts a high frequency of 0 and less from there

WINDOWS = (
    *(("hann", True), ("hann", False), ("povey", False), ("hamming", True), ("hamming", False)),
    *(("blackman", True), ("blackman", False), (None, True)),
)
TRIANGLES = tuple(
    (scale, norm, slopes)
    for scale in ("htk", "slaney")
    for norm in (None, "slaney")
    for slopes in ("mel", "hz", "hz_symmetric")
)
PREEMPHASES = (
    (0.0, "signal", False),
    (0.97, "signal", False),
    (0.97, "frame", False),
    (0.97, "frame", True),
    (0.0, "signal", True),
    (0.95, "signal", False),
    (0.98, "signal", False),
    (0.97, "signal_valid", False),
)
