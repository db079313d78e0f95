"""Options in words: the steps of a front end, in order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from melcli.mel.options import FeatureOptions

__all__ = ["in_words"]

WINDOWS = {"hann": "Hann", "hamming": "Hamming", "povey": "Povey", "blackman": "Blackman"}
PREEMPHASIS = {
    "signal": "on the signal, whose first sample stays",
    "signal_valid": "on the signal, whose first sample goes",
    "frame": "inside each frame",
}
PLACES = {
    "center": "frame t centered on sample {stride} t",
    "same": "{margin} samples added on both sides",
    "valid": "whole frames only",
    "kaldi": "frame t centered on sample {stride} t + {half}",
}
OUTSIDE = {
    "reflect": "ends mirrored",
    "constant": "zeros beyond the ends",
    "symmetric": "ends mirrored with the end sample twice",
}
TRIANGLES = {
    "mel": "slopes straight in mels",
    "hz": "slopes straight in hertz",
    "hz_symmetric": "both slopes as wide as the left one in hertz",
}


def in_words(options: FeatureOptions) -> dict[str, str]:
    """Say what options come to.

    Returns
    -------
    words : dict of str to str
        For ``signal``, ``frames``, ``mels``, ``levels`` and ``result`` a line each; what does nothing is not named.

    Examples
    --------
    >>> in_words(FeatureOptions())["mels"]
    '128 htk mels (slopes straight in mels, peaks of 1) from 20 to 8000 Hz of powers'
    """
    stages = {
        "signal": _signal(options),
        "frames": _frames(options),
        "mels": _mels(options),
        "levels": chain(_levels(options), _cepstra(options)),
        "result": _result(options),
    }
    return {stage: ", ".join(clauses) for stage, clauses in stages.items()}


def _signal(options: FeatureOptions) -> Iterator[str]:
    yield f"{options.sampling_rate} Hz"
    if options.input_scale != 1:
        yield f"samples times {_number(options.input_scale)}"
    if options.num_samples is not None:
        yield f"cut or filled with zeros to {_samples(options.num_samples, options)}"
    if options.pad_end:
        yield f"zeros appended: {options.pad_end}" if options.pad_end > 0 else f"last samples cut: {-options.pad_end}"
    if options.preemphasis and options.preemphasis_mode != "frame":
        yield _preemphasis(options)


def _frames(options: FeatureOptions) -> Iterator[str]:
    yield f"{_window(options)} of {_samples(options.frame_length, options)}"
    if options.frame_length < options.fft_length:
        yield f"FFT of {options.fft_length}"
    stride = options.sequence_stride
    yield f"every {_samples(stride, options)}"
    if isinstance(options.padding, tuple):
        yield f"{options.padding[0]} samples added before and {options.padding[1]} behind"
    else:
        margin = (options.fft_length - stride) // 2
        yield PLACES[options.padding].format(stride=stride, half=stride // 2, margin=margin)
    if options.padding != "valid":
        yield OUTSIDE[options.pad_mode]
    if options.drop_last:
        yield "the last one dropped"
    if options.remove_dc_offset:
        yield "the mean of each subtracted"
    if options.preemphasis and options.preemphasis_mode == "frame":
        yield _preemphasis(options)


def _window(options: FeatureOptions) -> str:
    if options.window is None:
        return "rectangles"
    if isinstance(options.window, tuple):
        return "windows of their own numbers"
    return f"{'' if options.window_periodic else 'symmetric '}{WINDOWS[options.window]} windows"


def _preemphasis(options: FeatureOptions) -> str:
    return f"pre-emphasis {_number(options.preemphasis)} {PREEMPHASIS[options.preemphasis_mode]}"


def _mels(options: FeatureOptions) -> Iterator[str]:
    norm = "peaks of 1" if options.mel_norm is None else "area-normalized"
    edges = f"from {_number(options.min_freq)} to {_number(options.upper_edge_hz)} Hz"
    kind = f"({TRIANGLES[options.mel_triangles]}, {norm})"
    yield f"{options.num_mel_bins} {options.mel_scale} mels {kind} {edges} of {_magnitudes(options)}"


def _magnitudes(options: FeatureOptions) -> str:
    named = {1.0: "magnitudes", 2.0: "powers"}
    words = named.get(options.mag_exp, f"magnitudes to the power {_number(options.mag_exp)}")
    if options.mag_floor:
        words += f", squares of at least {_number(options.mag_floor)}"
    if options.mag_eps:
        words += f", {_number(options.mag_eps)} added to the squares"
    return words


def _levels(options: FeatureOptions) -> Iterator[str]:
    if options.logarithm is None:
        yield "linear"
        return
    logarithm = "10 log10" if options.logarithm == "db" else options.logarithm
    inner = f"x + {_number(options.log_offset)}" if options.log_offset else "x"
    yield f"{logarithm}(max({inner}, {_number(options.min_power)}))"
    if options.ref_power == "max":
        yield "0 is the loudest"
    elif options.ref_power != 1:
        yield f"0 is {_number(max(abs(options.ref_power), options.min_power))}"
    if options.top_db is not None:
        yield f"no more than {_number(options.top_db)} dB below the loudest"


def _cepstra(options: FeatureOptions) -> Iterator[str]:
    if options.num_ceps is None:
        return
    norm = "orthonormal" if options.cepstral_norm == "ortho" else "unscaled"
    yield f"{options.num_ceps} coefficients of their {norm} cosine transform"
    if options.cepstral_lifter:
        yield f"liftered by {_number(options.cepstral_lifter)}"
    if options.use_energy:
        yield "the first one the log energy of the frame"


def _result(options: FeatureOptions) -> Iterator[str]:
    if options.num_frames is not None:
        yield f"cut or filled with zeros to {options.num_frames} frames"
    yield from _normalization(options)
    if options.clip is not None:
        yield f"limited to {_number(options.clip[0])} .. {_number(options.clip[1])}"
    features = "mels" if options.num_ceps is None else "coefficients"
    yield f"(time, {features})" if options.time_major else f"({features}, time)"


def _normalization(options: FeatureOptions) -> Iterator[str]:
    """Write ``(x + 4) / 4``, or with words where there are no numbers."""
    mean, std = options.mean, options.std
    if mean == 0 and std == 1 and not options.std_eps:
        return
    words = {"bin": "{} of each over time", "all": "{} of all"}
    if isinstance(mean, float):
        numerator = f"(x {'-' if mean >= 0 else '+'} {_number(abs(mean))})" if mean else "x"
    else:
        numerator = f"(x - {words[mean].format('mean') if isinstance(mean, str) else 'mean as listed'})"
    if isinstance(std, float):
        divisor = _number(std + options.std_eps)
    else:
        deviation = "deviation" if options.std_ddof else "deviation (of N, not N - 1)"
        divisor = words[std].format(deviation) if isinstance(std, str) else "deviation as listed"
        divisor = f"({divisor} + {_number(options.std_eps)})" if options.std_eps else divisor
    yield numerator if divisor == "1" else f"{numerator} / {divisor}"


def _samples(count: int, options: FeatureOptions) -> str:
    """Write a number of samples with its time: seconds from one second on, else milliseconds."""
    seconds = count / options.sampling_rate
    return f"{count} samples ({seconds:.4g} s)" if seconds >= 1 else f"{count} samples ({seconds * 1000:.4g} ms)"


def _number(value: float) -> str:
    """Write a number in full, but without digits that say nothing: 80 for 80.0, 1e-5 for 1e-05."""
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e6 else repr(value).replace("e-0", "e-")
