"""Keys that librosa and torchaudio have no counterpart for, with the reason."""

from __future__ import annotations

import math
from collections.abc import Iterator

from melcli.mel.options import FeatureOptions
from melcli.mel.scales import one_hertz_to_mel

__all__ = [
    "missing_in_librosa",
    "missing_in_transforms",
    "missing_in_kaldi",
    "has_kaldi_levels",
    "is_kaldi_mfcc",
    "milliseconds",
    "power_of_two",
]

KALDI_FLOOR = 2.0**-23  # FLT_EPSILON, Kaldi's own floor under the logarithm
EDGE_WIDTH = 1e-3  # of a filter's half-width; float32 mels near 2800 are 2e-4 apart, and these are 20 mels wide


def missing_in_librosa(options: FeatureOptions) -> Iterator[str]:
    """Yield the keys that ``librosa.feature`` and NumPy around it have no counterpart for."""
    yield from _missing_without_kaldi(options)
    if options.mel_triangles != "hz":
        yield f"mel_triangles: {options.mel_triangles} (its slopes are straight in hertz)"
    if options.fft_length % 2:
        yield f"fft_length: {options.fft_length} (the bins of an odd FFT stand elsewhere in it)"


def missing_in_transforms(options: FeatureOptions) -> Iterator[str]:
    """Yield the keys that ``torchaudio.transforms`` and PyTorch around it have no counterpart for."""
    yield from _missing_without_kaldi(options)
    if options.mel_triangles != "hz":
        yield f"mel_triangles: {options.mel_triangles} (its slopes are straight in hertz)"
    if options.sampling_rate % 2:
        yield f"sampling_rate: {options.sampling_rate} (its filters end at a whole number of hertz)"
    if options.pad_mode == "symmetric" and options.padding != "valid":
        yield "pad_mode: symmetric"


def _missing_without_kaldi(options: FeatureOptions) -> Iterator[str]:
    """Name what only Kaldi's family does."""
    if options.padding == "kaldi":
        yield "padding: kaldi"
    if options.remove_dc_offset:
        yield "remove_dc_offset: true (it does nothing to single frames)"
    if options.preemphasis and options.preemphasis_mode == "frame":
        yield "preemphasis_mode: frame (it does nothing to single frames)"
    if options.use_energy:
        yield "use_energy: true"


def missing_in_kaldi(options: FeatureOptions) -> Iterator[str]:
    """Yield the keys that ``torchaudio.compliance.kaldi`` and PyTorch around it have no counterpart for."""
    if options.mel_scale != "htk" or options.mel_norm is not None:
        yield "mel_triangles: mel (in it these are Kaldi's, with mel_scale htk and mel_norm null)"
    if options.padding not in ("valid", "kaldi"):
        yield f"padding: {_plain(options.padding)} (where slopes are straight in mels, the frames are Kaldi's too)"
    elif options.padding == "kaldi" and options.pad_mode != "symmetric":
        yield f"pad_mode: {options.pad_mode} (Kaldi's is symmetric)"
    if options.preemphasis and options.preemphasis_mode != "frame":
        yield f"preemphasis_mode: {options.preemphasis_mode} (Kaldi's is frame)"
    yield from _spectra_missing_in_kaldi(options)
    yield from _filters_missing_in_kaldi(options)
    for key, samples in (("sequence_length", options.frame_length), ("sequence_stride", options.sequence_stride)):
        if int(options.sampling_rate * milliseconds(samples, options) * 0.001) != samples:
            yield f"{key}: {samples} (Kaldi's is a number of milliseconds, and this one is rounded down)"


def _spectra_missing_in_kaldi(options: FeatureOptions) -> Iterator[str]:
    if isinstance(options.window, tuple) or (options.window is not None and options.window_periodic):
        yield "window (Kaldi's are symmetric and have names)"
    if options.fft_length % 2 or options.fft_length not in (options.frame_length, power_of_two(options.frame_length)):
        yield f"fft_length: {options.fft_length} (Kaldi's is the window's length or the next power of two)"
    if options.mag_exp not in (1.0, 2.0) or options.mag_floor or options.mag_eps:
        yield "mag_exp, mag_floor, mag_eps (Kaldi takes powers or magnitudes as they are)"


def _filters_missing_in_kaldi(options: FeatureOptions) -> Iterator[str]:
    if options.upper_edge_hz > options.sampling_rate / 2:
        yield "max_freq (Kaldi's is below half the sampling rate)"
    if options.num_mel_bins <= 3:
        yield "num_mel_bins (Kaldi's are more than 3)"
    if options.use_energy and not is_kaldi_mfcc(options):
        yield "use_energy: true (only beside Kaldi's own levels and cepstra)"
    if _rounding_fills_a_filter(options):
        yield f"min_freq: {options.min_freq:g} (a filter between two bins has one on its edge, which float32 lets in)"


def _rounding_fills_a_filter(options: FeatureOptions) -> bool:
    """Return whether a bin is on the edge of a filter that has no other bin.

    torchaudio's filters are made in float32.  LASR's first one is empty and begins at 125 Hz, bin 4; torchaudio gives
    that bin a weight of 1e-7 or so, and the filter comes out up to 4.1 above its floor.
    """
    low, high = one_hertz_to_mel(options.min_freq), one_hertz_to_mel(options.upper_edge_hz)
    width = (high - low) / (options.num_mel_bins + 1)
    bins_hz = (k * options.sampling_rate / options.fft_length for k in range(options.num_bins))
    bins = [(one_hertz_to_mel(frequency_hz) - low) / width for frequency_hz in bins_hz]
    inside = {
        i for edge in bins if abs(edge - round(edge)) > EDGE_WIDTH for i in (math.floor(edge), math.floor(edge) - 1)
    }
    on_edges = {round(edge) for edge in bins if abs(edge - round(edge)) <= EDGE_WIDTH}
    return any(i not in inside and {i, i + 2} & on_edges and i + 1 not in on_edges for i in range(options.num_mel_bins))


def has_kaldi_levels(options: FeatureOptions) -> bool:
    """Return whether the levels are those that Kaldi's own code makes of the mels."""
    levels = (options.logarithm, options.log_offset, options.min_power, options.ref_power, options.top_db)
    return options.mel_triangles == "mel" and levels == ("ln", 0.0, KALDI_FLOOR, 1.0, None)


def is_kaldi_mfcc(options: FeatureOptions) -> bool:
    """Return whether there are cepstra, and Kaldi's own code makes them."""
    wanted = options.num_ceps is not None and options.cepstral_norm == "ortho" and options.mag_exp == 2
    return wanted and has_kaldi_levels(options)


def milliseconds(samples: int, options: FeatureOptions) -> float:
    """Return a number of samples at the sampling rate in milliseconds."""
    return samples * 1000 / options.sampling_rate


def power_of_two(length: int) -> int:
    """Return the least power of two that is not below a length."""
    return 1 << (length - 1).bit_length()


def _plain(value: object) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)
