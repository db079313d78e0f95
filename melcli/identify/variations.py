"""Other values for groups of keys that the descent tries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from melcli.errors import ConfigError
from melcli.identify.common_values import (
    CEPSTRAL_FLOORS,
    CEPSTRAL_MELS,
    CEPSTRAL_WINDOWS,
    FFT_LENGTHS,
    LOG_OFFSETS,
    MEL_COUNTS,
    MIN_FREQS_HZ,
    PREEMPHASES,
    PROBED_FFT_LENGTHS,
    PROBED_PREEMPHASES,
    SHORT_WINDOW_S,
    TRIANGLES,
    WINDOW_LENGTHS,
    WINDOW_LENGTHS_S,
    WINDOWS,
)
from melcli.identify.edges import finer_edges, lowers, uppers, usual_uppers
from melcli.mel.options import FeatureOptions

__all__ = [
    "CEPSTRAL",
    "COARSE",
    "FINE",
    "Variations",
    "cepstral_spectra",
    "fft_lengths_of_the_window",
    "near_usual_edges",
    "nearby",
    "neighboring_lengths",
    "other_spectra",
    "spectra",
    "triangles",
    "varied",
]

MAX_FFT_PER_WINDOW = 6
MAX_UPPER_EDGE_CHANGE = 0.02  # of it
MAX_LOWER_EDGE_CHANGE_HZ = 20.0
ROUND_LOWER_HZ = 5.0
ROUND_HZ = 50.0  # edges that are in no list are mostly multiples of it

Variations = Callable[[FeatureOptions], Iterable[dict[str, Any]]]


def varied(options: FeatureOptions, **keys: Any) -> FeatureOptions | None:
    """Return the options with other keys, or None where that is illegal."""
    try:
        return replace(options, **keys)
    except ConfigError:
        return None


def nearby(options: FeatureOptions, keys: Mapping[str, Any]) -> FeatureOptions | None:
    """Return the options with other keys of frames, spectrum and filters, or None where that is illegal.

    The variations below have the right types and signs: to check those of all 40 keys took half of a search.
    """
    changed = object.__new__(FeatureOptions)
    for key in FeatureOptions.__slots__:
        object.__setattr__(changed, key, keys[key] if key in keys else getattr(options, key))
    try:
        changed.check_spectrum()
    except ConfigError:
        return None
    return changed


def spectra(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield the commonest FFT lengths, with and without the pre-emphasis of Kaldi.

    Frames that are not padded keep their window, whose length decides where they stand.
    """
    window, short = options.window_length, round(SHORT_WINDOW_S * options.sampling_rate)
    if options.padding == "valid":
        lengths = [(fft, window) for fft in {window, 2 ** (window - 1).bit_length()}]
    else:
        lengths = [(fft, fft) for fft in PROBED_FFT_LENGTHS] + [(2 ** (short - 1).bit_length(), short)]
    for (fft, length), emphasis, exponent in product(sorted(lengths), PROBED_PREEMPHASES, exponents(options)):
        yield {"fft_length": fft, "sequence_length": length, **emphasis, **exponent}


def fft_lengths(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield FFT lengths with the usual windows in them."""
    for window in _window_lengths(options):
        powers_of_two = [2**k for k in range(5, 14) if window <= 2**k <= MAX_FFT_PER_WINDOW * window]
        for fft in sorted({window, *powers_of_two, *(n for n in FFT_LENGTHS if window <= n <= 2 * window)}):
            yield {"fft_length": fft, "sequence_length": window}


def fft_lengths_of_the_window(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield all usual FFT lengths that the present window fits into."""
    for fft in FFT_LENGTHS:
        if options.window_length <= fft <= MAX_FFT_PER_WINDOW * options.window_length:
            yield {"fft_length": fft, "sequence_length": options.window_length}


def emphasized_spectra(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield all usual FFT lengths of the present window with all pre-emphases: each of them makes up for the other."""
    for spectrum, emphasis in product(fft_lengths_of_the_window(options), preemphases(options)):
        yield spectrum | emphasis


def _window_lengths(options: FeatureOptions) -> list[int]:
    shares = {options.fft_length * 3 // 4, options.fft_length * 5 // 8}
    return sorted({*WINDOW_LENGTHS, *shares, *(int(s * options.sampling_rate) for s in WINDOW_LENGTHS_S)})


def neighboring_lengths(options: FeatureOptions, step: int) -> Iterator[dict[str, Any]]:
    """Yield windows a step longer and shorter than the present one, under the same FFT."""
    for length in (options.window_length - step, options.window_length + step):
        yield {"sequence_length": length}


def windows(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield windows with lengths near the present one: a longer one of another shape is nearly the same."""
    length = options.window_length
    near = {length, *(other for other in _window_lengths(options) if 0.7 * length <= other <= 1.4 * length)}
    fits = options.fft_length > length
    for other in sorted(near):
        for fft in {options.fft_length, *(() if fits else (other,)), 2 ** (other - 1).bit_length()}:
            for window, periodic in WINDOWS:
                yield {"window": window, "window_periodic": periodic, "fft_length": fft, "sequence_length": other}


def triangles(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield scales, norms and slopes of filters."""
    for scale, norm, slopes in TRIANGLES:
        yield {"mel_scale": scale, "mel_norm": norm, "mel_triangles": slopes}


def exponents(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield power and magnitude."""
    yield {"mag_exp": 2.0}
    yield {"mag_exp": 1.0}


def preemphases(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield pre-emphases, with and without the frames' offset."""
    for factor, mode, without_offset in PREEMPHASES:
        yield {"preemphasis": factor, "preemphasis_mode": mode, "remove_dc_offset": without_offset}


def offsets(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield what is added under the logarithm, at full scale 1."""
    for offset in LOG_OFFSETS:
        yield {"log_offset": offset}


def shifts(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield paddings, which shift all frames by as much."""
    for padding in ("center", "same", "valid", "kaldi"):
        yield {"padding": padding}


def round_edges_near(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield round edges near the present ones with all filters and pre-emphases: a wrong edge makes up for others."""
    nyquist, upper = options.sampling_rate / 2, options.upper_edge_hz
    middle = round(upper / ROUND_HZ)
    round_ones = {ROUND_HZ * number for number in range(middle - 2, middle + 3) if ROUND_HZ * number <= nyquist}
    lowers = {options.min_freq, *(hz for hz in MIN_FREQS_HZ if abs(hz - options.min_freq) <= MAX_LOWER_EDGE_CHANGE_HZ)}
    lowers |= {max(0.0, ROUND_LOWER_HZ * (round(options.min_freq / ROUND_LOWER_HZ) + number)) for number in (-1, 0, 1)}
    for near in sorted(
        {hz for hz in usual_uppers(options) if abs(hz / upper - 1) < MAX_UPPER_EDGE_CHANGE} | round_ones
    ):
        for lower in sorted(lowers):
            for others in (*triangles(options), *preemphases(options)):
                yield {"max_freq": near, "min_freq": lower, **others}


def usual_edges_near(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield usual edges near the present ones under all FFTs of the window: one of them makes up for another."""
    uppers = {hz for hz in usual_uppers(options) if abs(hz / options.upper_edge_hz - 1) < MAX_UPPER_EDGE_CHANGE}
    lowers = {hz for hz in MIN_FREQS_HZ if abs(hz - options.min_freq) <= MAX_LOWER_EDGE_CHANGE_HZ}
    lengths = (options.fft_length, *(keys["fft_length"] for keys in fft_lengths_of_the_window(options)))
    for fft, upper, lower in product(
        dict.fromkeys(lengths), sorted({*uppers, options.upper_edge_hz}), sorted({*lowers, options.min_freq})
    ):
        yield {"fft_length": fft, "sequence_length": options.window_length, "max_freq": upper, "min_freq": lower}


def near_usual_edges(options: FeatureOptions) -> Iterator[FeatureOptions]:
    """Yield options with the usual edges that are nearest, and with slopes of both kinds."""
    lower = min(MIN_FREQS_HZ, key=lambda hz: abs(hz - options.min_freq))
    upper = min(sorted(usual_uppers(options)), key=lambda hz: abs(hz - options.upper_edge_hz))
    for slopes in ("hz", "mel"):
        changed = nearby(options, {"min_freq": lower, "max_freq": upper, "mel_triangles": slopes})
        if changed is not None and changed != options:
            yield changed


def mel_counts(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield numbers of mels, which the shape of cepstra does not tell, on both scales."""
    for count in MEL_COUNTS:
        for scale, norm in (("htk", None), ("slaney", "slaney")):
            for lower in (0.0, 20.0):
                edges = {"min_freq": lower, "max_freq": options.sampling_rate / 2}
                yield {"num_mel_bins": count, "mel_scale": scale, "mel_norm": norm, **edges}
        yield {"num_mel_bins": count}


def cepstral_spectra(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield the commonest spectra with the commonest windows and all usual numbers of mels under the cepstra.

    With one of the three wrong, the others say little of cepstra.
    """
    counts = [count for count in MEL_COUNTS if count >= CEPSTRAL_MELS[0]]
    for spectrum, window, count in product(spectra(options), CEPSTRAL_WINDOWS, counts):
        if spectrum["mag_exp"] == 2.0:
            yield {**spectrum, "window": window, "window_periodic": True, "num_mel_bins": count}


def cepstral_floors(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield floors, which change all coefficients of a frame."""
    yield from CEPSTRAL_FLOORS


def emphasized_floors(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield all of these floors with all pre-emphases."""
    for floor, emphasis in product(CEPSTRAL_FLOORS, preemphases(options)):
        yield floor | emphasis


def other_spectra(options: FeatureOptions) -> Iterator[dict[str, Any]]:
    """Yield what a descent can get stuck without: magnitudes for powers, and no offset."""
    other = 3.0 - options.mag_exp
    yield {"mag_exp": other, "log_offset": 0.0}
    if options.log_offset:
        yield {"log_offset": 0.0}


COARSE: tuple[Variations, ...] = (
    preemphases,
    triangles,
    uppers,
    lowers,
    fft_lengths,
    fft_lengths_of_the_window,
    triangles,
    exponents,
    preemphases,
    windows,
    emphasized_spectra,
    offsets,
    shifts,
)
CEPSTRAL: tuple[Variations, ...] = (
    mel_counts,
    cepstral_floors,
    *(emphasized_floors if group is offsets else group for group in COARSE),
)
FINE: tuple[Variations, ...] = (usual_edges_near, finer_edges, round_edges_near)
