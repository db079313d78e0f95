"""Equivalent calls of librosa and torchaudio: options as lines of Python.

The lines take a signal ``y`` (a NumPy array for librosa, a tensor for torchaudio, of one axis) and leave the features
in ``mel``.  Both libraries are told everything that changes numbers, their own defaults too, since these differ between
versions.  Where a key has no counterpart there are no lines, and the key is named with the reason.

Signals are taken to be longer than the padding, which PyTorch wants, and no deviation to be 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from melcli.explain.missing_arguments import (
    has_kaldi_levels,
    is_kaldi_mfcc,
    milliseconds,
    missing_in_kaldi,
    missing_in_librosa,
    missing_in_transforms,
    power_of_two,
)
from melcli.mel.options import FeatureOptions

__all__ = ["Equivalent", "in_librosa", "in_torchaudio"]

KALDI_WINDOWS = {"hann": "hanning", "hamming": "hamming", "povey": "povey", "blackman": "blackman", None: "rectangular"}
DB_PER_UNIT = {"db": 1.0, "log10": 10.0, "ln": 10.0 / math.log(10.0)}
NUMPY_WINDOWS = {"hann": "np.hanning({})", "hamming": "np.hamming({})", "blackman": "np.blackman({})"}


@dataclass(frozen=True, slots=True)
class Equivalent:
    """What a library would be told, or why it cannot be told.

    Attributes
    ----------
    library : "librosa" or "torchaudio"
    lines : tuple of str
        Python, after ``import librosa``, ``numpy as np``, or ``torch``, ``torchaudio``; empty where a key is missing.
    missing : tuple of str
        The keys that have no counterpart, each with its reason.
    """

    library: str
    lines: tuple[str, ...]
    missing: tuple[str, ...] = ()


def in_librosa(options: FeatureOptions) -> Equivalent:
    """Write what librosa 0.10 or later computes the same features by.

    Examples
    --------
    >>> print(*in_librosa(FeatureOptions(mel_triangles="hz", power_to_db=False)).lines, sep="\\n")
    mel = librosa.feature.melspectrogram(y=y, n_fft=2048, hop_length=512, pad_mode='reflect', power=2.0, sr=16000, \
n_mels=128, fmin=20.0, fmax=8000.0, htk=True, norm=None)
    """  # noqa: D301  its escapes are meant
    missing = tuple(missing_in_librosa(options))
    lines = () if missing else (*_signal_lines(options, "np"), *_librosa_mel(options), *_later_lines(options, "np", 1))
    return Equivalent("librosa", lines, missing)


def in_torchaudio(options: FeatureOptions) -> Equivalent:
    """Write what torchaudio 2 computes the same features by.

    Filters whose slopes are straight in hertz are those of ``torchaudio.transforms``; those whose slopes are straight
    in mels are Kaldi's, in ``torchaudio.compliance.kaldi``.
    """
    by_kaldi = options.mel_triangles == "mel"
    missing = tuple(missing_in_kaldi(options) if by_kaldi else missing_in_transforms(options))
    if missing:
        return Equivalent("torchaudio", (), missing)
    lines = (*_signal_lines(options, "torch"), *(_kaldi_mel(options) if by_kaldi else _transforms_mel(options)))
    return Equivalent("torchaudio", (*lines, *_later_lines(options, "torch", 0 if by_kaldi else 1)))


# the signal


def _signal_lines(options: FeatureOptions, module: str) -> Iterator[str]:
    """Write what happens before the frames are cut, but for what Kaldi does to each frame."""
    numpy = module == "np"
    if options.input_scale != 1:
        yield f"y = y * {options.input_scale!r}"
    if (size := options.num_samples) is not None:
        fix = f"librosa.util.fix_length(y, size={size})"
        yield f"y = {fix if numpy else f'torch.nn.functional.pad(y, (0, {size} - len(y)))'}"
    if options.pad_end > 0:
        yield f"y = {_padded(module, 0, options.pad_end, 'constant')}"
    elif options.pad_end < 0:
        yield f"y = y[:{options.pad_end}]"
    if options.preemphasis and options.preemphasis_mode != "frame":
        emphasized = f"y[1:] - {options.preemphasis!r} * y[:-1]"
        join = "np.concatenate" if numpy else "torch.cat"
        yield (
            f"y = {emphasized}" if options.preemphasis_mode == "signal_valid" else f"y = {join}([y[:1], {emphasized}])"
        )
    if options.mel_triangles == "hz":
        for left, right, mode in _explicit_padding(options):
            yield f"y = {_padded(module, left, right, mode)}"


def _explicit_padding(options: FeatureOptions) -> Iterator[tuple[int, int, str]]:
    """Yield the paddings that neither library does by itself: left, right, mode.

    Both cut frames as long as the FFT and put a shorter window into their middle, so a frame of melcli that begins
    with the window gets zeros around it that the window takes away again.
    """
    if options.padding == "same":
        half = (options.fft_length - options.sequence_stride) // 2
        yield half, half, options.pad_mode
    if options.padding in ("center", "same"):
        return
    around = options.fft_length - options.frame_length
    extra = (around // 2, around - around // 2)
    ours = options.padding if isinstance(options.padding, tuple) else (0, 0)
    if options.pad_mode == "constant":
        ours, extra = (ours[0] + extra[0], ours[1] + extra[1]), (0, 0)
    if any(ours):
        yield *ours, options.pad_mode
    if any(extra):
        yield *extra, "constant"


def _padded(module: str, left: int, right: int, mode: str) -> str:
    if module == "np":
        return f"np.pad(y, ({left}, {right}), mode={mode!r})"
    if mode == "constant":
        return f"torch.nn.functional.pad(y, ({left}, {right}))"
    return f"torch.nn.functional.pad(y[None], ({left}, {right}), mode={mode!r})[0]"  # two axes, or it does not mirror


# the mels


def _librosa_mel(options: FeatureOptions) -> Iterator[str]:
    frames = _arguments(
        n_fft=options.fft_length,
        hop_length=options.sequence_stride,
        win_length=options.frame_length if options.frame_length < options.fft_length else None,
    )
    if (window := _numpy_window(options)) is not None:
        frames += f", window={window}"
    frames += f", pad_mode={options.pad_mode!r}" if options.padding == "center" else ", center=False"
    filters = _arguments(
        sr=options.sampling_rate,
        n_mels=options.num_mel_bins,
        fmin=options.min_freq,
        fmax=options.upper_edge_hz,
        htk=options.mel_scale == "htk",
    )
    filters += f", norm={options.mel_norm!r}"
    if options.mag_floor or options.mag_eps:
        yield f"power = np.abs(librosa.stft(y, {frames})) ** 2"
        yield f"mel = librosa.feature.melspectrogram(S={_magnitudes(options)}, {filters})"
    else:
        yield f"mel = librosa.feature.melspectrogram(y=y, {frames}, power={options.mag_exp!r}, {filters})"


def _transforms_mel(options: FeatureOptions) -> Iterator[str]:
    frames = _arguments(
        n_fft=options.fft_length, win_length=options.frame_length, hop_length=options.sequence_stride
    ) + _torch_window(options)
    frames += f", pad_mode={options.pad_mode!r}" if options.padding == "center" else ", center=False"
    filters = _arguments(
        n_mels=options.num_mel_bins,
        sample_rate=options.sampling_rate,
        f_min=options.min_freq,
        f_max=options.upper_edge_hz,
        mel_scale=options.mel_scale,
    )
    filters += f", norm={options.mel_norm!r}"
    if options.mag_floor or options.mag_eps:
        yield f"power = torchaudio.transforms.Spectrogram({frames}, power=2.0)(y)"
        yield f"mel = torchaudio.transforms.MelScale({filters}, n_stft={options.num_bins})({_magnitudes(options)})"
    else:
        yield f"mel = torchaudio.transforms.MelSpectrogram({frames}, power={options.mag_exp!r}, {filters})(y)"


def _kaldi_mel(options: FeatureOptions) -> Iterator[str]:
    arguments = _arguments(
        sample_frequency=float(options.sampling_rate),
        frame_length=milliseconds(options.frame_length, options),
        frame_shift=milliseconds(options.sequence_stride, options),
        round_to_power_of_two=options.fft_length == power_of_two(options.frame_length),
        snip_edges=options.padding == "valid",
        dither=0.0,
        remove_dc_offset=options.remove_dc_offset,
        preemphasis_coefficient=options.preemphasis,
        window_type=KALDI_WINDOWS[options.window],  # type: ignore[index]  # lists of numbers are refused before
        num_mel_bins=options.num_mel_bins,
        low_freq=options.min_freq,
        high_freq=options.upper_edge_hz,
        energy_floor=0.0,
    )
    if is_kaldi_mfcc(options):
        cepstra = _arguments(
            num_ceps=options.num_ceps, cepstral_lifter=options.cepstral_lifter, use_energy=options.use_energy
        )
        yield f"mel = torchaudio.compliance.kaldi.mfcc(y[None], {arguments}, {cepstra})"
    else:
        kind = _arguments(use_power=options.mag_exp == 2, use_log_fbank=has_kaldi_levels(options))
        yield f"mel = torchaudio.compliance.kaldi.fbank(y[None], {arguments}, {kind})"


def _magnitudes(options: FeatureOptions) -> str:
    floored = f"power.clip({options.mag_floor!r})" if options.mag_floor else "power"
    return (
        f"({floored} + {options.mag_eps!r}) ** {options.mag_exp / 2!r}"
        if options.mag_eps
        else (f"{floored} ** {options.mag_exp / 2!r}")
    )


def _numpy_window(options: FeatureOptions) -> str | None:
    """Write the window, or None for librosa's own, a periodic Hann."""
    if options.window is None:
        return "'boxcar'"
    if isinstance(options.window, tuple):
        return f"np.array({list(options.window)!r})"
    length = options.frame_length
    if options.window == "povey":
        return (
            f"np.hanning({length}) ** 0.85" if not options.window_periodic else f"np.hanning({length + 1})[:-1] ** 0.85"
        )
    if options.window_periodic:
        return None if options.window == "hann" else repr(options.window)
    return NUMPY_WINDOWS[options.window].format(length)


def _torch_window(options: FeatureOptions) -> str:
    if options.window is None:
        return ", window_fn=torch.ones"
    if isinstance(options.window, tuple):
        return f", window_fn=lambda length: torch.tensor({list(options.window)!r})"
    if options.window == "povey":
        hann = f"torch.hann_window(length, periodic={options.window_periodic})"
        return f", window_fn=lambda length: {hann} ** 0.85"
    symmetric = "" if options.window_periodic else ", wkwargs={'periodic': False}"
    return f", window_fn=torch.{options.window}_window{symmetric}"


# what comes after the mels


def _later_lines(options: FeatureOptions, module: str, time_axis: int) -> Iterator[str]:
    """Write what happens to ``mel``, in words that NumPy and PyTorch share, but for their names of a few things."""
    if options.drop_last:
        yield "mel = mel[:, :-1]" if time_axis else "mel = mel[:-1]"
    by_kaldi = module == "torch" and time_axis == 0
    if not (by_kaldi and has_kaldi_levels(options)):
        yield from _level_lines(options, module)
    if options.num_ceps is not None and not (by_kaldi and is_kaldi_mfcc(options)):
        yield from _cepstrum_lines(options, module, time_axis)
    if (size := options.num_frames) is not None:
        if module == "np":
            yield f"mel = librosa.util.fix_length(mel, size={size}, axis=1)"
        else:
            behind = f"0, {size} - mel.shape[{time_axis}]"
            yield f"mel = torch.nn.functional.pad(mel, ({behind if time_axis else f'0, 0, {behind}'}))"
    yield from _normalization_lines(options, module, time_axis)
    if options.clip is not None:
        yield f"mel = mel.clip({options.clip[0]!r}, {options.clip[1]!r})"
    if options.time_axis != time_axis:
        yield "mel = mel.T"


def _level_lines(options: FeatureOptions, module: str) -> Iterator[str]:
    if options.logarithm is None:
        return
    offset = f" + {options.log_offset!r}" if options.log_offset else ""
    reference = options.ref_power
    if options.logarithm == "db" and module == "np":
        ref = "np.max" if reference == "max" else repr(reference)
        limits = f"amin={options.min_power!r}, top_db={options.top_db!r}"
        yield f"mel = librosa.power_to_db(mel{offset}, ref={ref}, {limits})"
        return
    log = "log" if options.logarithm == "ln" else "log10"
    factor = "10 * " if options.logarithm == "db" else ""
    floored = f"(mel{offset})" if offset else "mel"
    yield f"mel = {factor}{module}.{log}({floored}.clip({options.min_power!r}))"
    db_per_unit = DB_PER_UNIT[options.logarithm]
    if reference == "max":
        yield "mel = mel - mel.max()"
    elif level := 10 * math.log10(max(abs(reference), options.min_power)) / db_per_unit:
        yield f"mel = mel - {level!r}"
    if options.top_db is not None:
        yield f"mel = mel.clip(mel.max() - {options.top_db / db_per_unit!r})"


def _cepstrum_lines(options: FeatureOptions, module: str, time_axis: int) -> Iterator[str]:
    count, norm = options.num_ceps, "ortho" if options.cepstral_norm == "ortho" else None
    if module == "np":
        yield f"mel = librosa.feature.mfcc(S=mel, n_mfcc={count}, dct_type=2, norm={norm!r})"
    else:
        matrix = f"torchaudio.functional.create_dct({count}, {options.num_mel_bins}, norm={norm!r})"
        yield f"mel = {matrix}.T @ mel" if time_axis else f"mel = mel @ {matrix}"
    if options.cepstral_lifter:
        angles = f"{module}.pi * {module}.arange({count}) / {options.cepstral_lifter!r}"
        weights = f"(1 + {options.cepstral_lifter / 2!r} * {module}.sin({angles}))"
        yield f"mel = mel * {weights}{_column(time_axis)}"


def _normalization_lines(options: FeatureOptions, module: str, time_axis: int) -> Iterator[str]:
    """Write ``(mel - mean) / (std + std_eps)`` as one expression: both are taken from the same levels."""
    ddof = f"{'ddof' if module == 'np' else 'correction'}={options.std_ddof}"
    expression = "mel"
    if options.mean != 0:
        mean = _statistic("mean", options.mean, module, time_axis)
        expression = f"(mel + {mean[1:]})" if mean.startswith("-") else f"(mel - {mean})"
    if options.std != 1 or options.std_eps:
        std = _statistic("std", options.std, module, time_axis, ddof)
        expression += f" / ({std} + {options.std_eps!r})" if options.std_eps else f" / {std}"
    if expression != "mel":
        yield f"mel = {expression}"


def _statistic(name: str, value: object, module: str, time_axis: int, *arguments: str) -> str:
    """Write a number, an array of one for each feature, or what is taken from the levels."""
    if isinstance(value, str):
        axes = [f"axis={time_axis}", "keepdims=True"] if value == "bin" else []
        return f"mel.{name}({', '.join([*axes, *arguments])})"
    if isinstance(value, tuple):
        return f"{'np.array' if module == 'np' else 'torch.tensor'}({list(value)!r}){_column(time_axis)}"
    return repr(value)


# texts


def _arguments(**values: object) -> str:
    """Write keyword arguments; what is None is left out."""
    return ", ".join(f"{name}={value!r}" for name, value in values.items() if value is not None)


def _column(time_axis: int) -> str:
    return "[:, None]" if time_axis else ""
