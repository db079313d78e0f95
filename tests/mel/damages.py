"""Deliberate small faults in the core; the comparisons must detect each of them.

A damage takes pytest's ``monkeypatch`` and breaks `melcli.mel` until the test ends.  `DAMAGES` has them by name, at
least one for every key, in the order of the stages.  Each has options with which it is detectable.  For the damages of
Keras's settings, `leaves_its_mark` tells which settings they affect.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from melcli.mel import (
    cepstra,
    filters,
    frames,
    log_compression,
    normalization,
    postprocess,
    scales,
    signals,
    spectrogram,
    stream,
    windows,
)
from melcli.mel.options import FeatureOptions

__all__ = ["DAMAGES", "KERAS_DAMAGES", "Damage", "leaves_its_mark"]


@dataclass(frozen=True)
class Damage:
    """What it breaks, the key that it affects, and options with which it must be detected."""

    breaks: Callable[[Any], None]
    key: str
    shown_by: dict[str, Any]

    def __call__(self, monkeypatch):
        self.breaks(monkeypatch)


DAMAGES: dict[str, Damage] = {}


def damage(key, **shown_by):
    """Register a damage under its function's name."""

    def enter(breaks):
        DAMAGES[breaks.__name__] = Damage(breaks, key, shown_by)
        return breaks

    return enter


def misread(monkeypatch, module, name, **keys):
    """Make one function or class of the core see other values of some keys."""
    right = getattr(module, name)

    def misreading(*arguments, **named):
        *arrays, options = arguments
        return right(*arrays, replace(options, **keys), **named)

    monkeypatch.setattr(module, name, misreading)


# signal


@damage("input_scale", input_scale=2.0)
def input_scale_forgotten(monkeypatch):
    misread(monkeypatch, stream, "SignalStream", input_scale=1.0)


@damage("num_samples", num_samples=260)
def zeros_in_front(monkeypatch):
    def fit_length(signal, num_samples):
        return np.pad(signal[:num_samples], (max(0, num_samples - len(signal)), 0))

    monkeypatch.setattr(signals, "fit_length", fit_length)


@damage("pad_end", num_samples=219, pad_end=-5)
def pad_end_before_num_samples(monkeypatch):
    class PadsFirst(signals.SignalStream):
        def push(self, block, *, last):
            padded = signals.fit_length(block, len(block) + self._options.pad_end)
            return signals.prepare_signal(padded, replace(self._options, pad_end=0))

    monkeypatch.setattr(stream, "SignalStream", PadsFirst)


@damage("preemphasis", preemphasis=0.5)
def preemphasis_added(monkeypatch):
    right = signals.preemphasize
    monkeypatch.setattr(signals, "preemphasize", lambda signal, factor, **keys: right(signal, -factor, **keys))


@damage("preemphasis", preemphasis=0.97, padding="valid", window="hamming")
def first_sample_of_the_signal_emphasized_too(monkeypatch):
    def preemphasize(signal, factor, *, keep_first):
        emphasized = signal - factor * np.concatenate([signal[:1], signal[:-1]])
        return emphasized if keep_first else emphasized[1:]

    monkeypatch.setattr(signals, "preemphasize", preemphasize)


@damage("preemphasis_mode", preemphasis=0.97, preemphasis_mode="signal_valid", num_samples=219)
def first_sample_of_the_signal_kept(monkeypatch):
    misread(monkeypatch, stream, "SignalStream", preemphasis_mode="signal", pad_end=-1)


@damage("preemphasis_mode", preemphasis=0.97, preemphasis_mode="frame", window="hamming")
def first_sample_of_the_frame_kept(monkeypatch):
    def preemphasize_frames(block, factor):
        block[:, 1:] -= factor * block[:, :-1]

    monkeypatch.setattr(frames, "preemphasize_frames", preemphasize_frames)


# frames


@damage("padding", padding="kaldi", sequence_length=51)
def kaldi_frames_one_sample_early(monkeypatch):
    def first_sample(options):
        return (options.sequence_stride - options.window_length) // 2

    monkeypatch.setattr(frames, "first_sample", first_sample)


@damage("padding", padding=[30, 10])
def left_and_right_exchanged(monkeypatch):
    misread(monkeypatch, stream, "FrameStream", padding=[10, 30])


@damage("padding", padding="same", sequence_stride=21)
def same_padded_one_sample_more(monkeypatch):
    right = frames.first_sample
    monkeypatch.setattr(frames, "first_sample", lambda options: right(options) - 1)


@damage("pad_mode")
def ends_repeated(monkeypatch):
    misread(monkeypatch, stream, "FrameStream", pad_mode="symmetric")


@damage("pad_mode")
def ends_of_zeros(monkeypatch):
    misread(monkeypatch, stream, "FrameStream", pad_mode="constant")


@damage("pad_mode", pad_mode="symmetric")
def ends_not_repeated(monkeypatch):
    misread(monkeypatch, stream, "FrameStream", pad_mode="reflect")


@damage("sequence_stride")
def frames_one_sample_late(monkeypatch):
    class Late(frames.FrameStream):
        def push(self, samples, *, last):
            return super().push(np.roll(samples, -1), last=last)

    monkeypatch.setattr(stream, "FrameStream", Late)


@damage("sequence_length", sequence_length=40)
def window_at_the_left(monkeypatch):
    right = frames.first_sample

    def first_sample(options):
        return right(options) - (options.fft_length - options.frame_length) // 2

    monkeypatch.setattr(frames, "first_sample", first_sample)


@damage("drop_last", drop_last=True)
def first_frame_dropped(monkeypatch):
    right = frames.first_sample
    monkeypatch.setattr(frames, "first_sample", lambda options: right(options) + options.sequence_stride)


@damage("drop_last", drop_last=True)
def last_frame_not_dropped(monkeypatch):
    misread(monkeypatch, stream, "FrameStream", drop_last=False)


@damage("remove_dc_offset", remove_dc_offset=True, preemphasis=0.97, preemphasis_mode="frame", window="hamming")
def offset_removed_after_preemphasis(monkeypatch):
    emphasize, remove = frames.preemphasize_frames, frames.remove_dc_offset

    def preemphasize_frames(block, factor):
        emphasize(block, factor)
        remove(block)

    monkeypatch.setattr(frames, "remove_dc_offset", lambda block: None)
    monkeypatch.setattr(frames, "preemphasize_frames", preemphasize_frames)


# window


@damage("window", window="hamming")
def hamming_of_equal_ripple(monkeypatch):
    monkeypatch.setitem(windows.COSINES, "hamming", (25 / 46, 21 / 46, 0.0))


@damage("window", window="blackman")
def blackman_with_exact_zeros(monkeypatch):
    monkeypatch.setitem(windows.COSINES, "blackman", (7938 / 18608, 9240 / 18608, 1430 / 18608))


@damage("window", window="povey", window_periodic=False)
def povey_without_its_exponent(monkeypatch):
    monkeypatch.setattr(windows, "POVEY_EXPONENT", 1.0)


@damage("window", window=None, sequence_length=40)
def rectangle_as_long_as_the_sequence(monkeypatch):
    monkeypatch.setattr(FeatureOptions, "frame_length", FeatureOptions.window_length)


@damage("window_periodic")
def symmetric_window(monkeypatch):
    misread(monkeypatch, spectrogram, "analysis_window", window_periodic=False)


@damage("window_periodic", window="blackman", window_periodic=False)
def periodic_window(monkeypatch):
    misread(monkeypatch, spectrogram, "analysis_window", window_periodic=True)


# spectrum


def spectrum_by(monkeypatch, formula):
    """Replace the spectrum by a formula of power and options."""

    def magnitude_spectrum(frames, options, *, out):
        out[:] = formula(np.abs(np.fft.rfft(frames)) ** 2, options)

    monkeypatch.setattr(stream, "magnitude_spectrum", magnitude_spectrum)


@damage("mag_floor", mag_floor=0.02, mag_eps=0.01)
def eps_before_the_floor(monkeypatch):
    def formula(power, options):
        return np.maximum(power + options.mag_eps, options.mag_floor) ** (options.mag_exp / 2)

    spectrum_by(monkeypatch, formula)


@damage("mag_floor", mag_floor=0.02, mag_exp=1.0)
def floor_under_the_magnitude(monkeypatch):
    def formula(power, options):
        return np.maximum(np.sqrt(power), options.mag_floor) ** options.mag_exp

    spectrum_by(monkeypatch, formula)


@damage("mag_eps", mag_eps=1e-6, mag_exp=1.0)
def eps_outside_of_the_root(monkeypatch):
    spectrum_by(monkeypatch, lambda power, options: (np.sqrt(power) + options.mag_eps) ** options.mag_exp)


@damage("mag_exp", mag_exp=1.5)
def exponent_on_the_power(monkeypatch):
    spectrum_by(monkeypatch, lambda power, options: power**options.mag_exp)


# filters


@damage("fft_length", fft_length=63)
def bins_of_an_odd_fft_at_multiples_of_rate_over_n(monkeypatch):
    right = filters._triangles

    def triangles(bins_hz, *arguments, **keys):
        fft_length = 2 * len(bins_hz) - 1
        return right(bins_hz * (fft_length - 1) / fft_length, *arguments, **keys)

    monkeypatch.setattr(filters, "_triangles", triangles)


@damage("sampling_rate")
def filters_one_bin_up(monkeypatch):
    right = filters.mel_filters
    monkeypatch.setattr(filters, "mel_filters", lambda options: np.roll(right(options), 1, axis=1))


def edges_by(monkeypatch, change):
    """Change the inputs of the edges: lowest and highest in hertz, number of filters, scale."""
    right = filters._edges_mel
    monkeypatch.setattr(filters, "_edges_mel", lambda *arguments: change(right, *arguments))


@damage("num_mel_bins")
def edges_for_one_more_filter(monkeypatch):
    edges_by(monkeypatch, lambda right, low, high, mels, scale: right(low, high, mels + 1, scale)[: mels + 2])


@damage("min_freq")
def filters_from_zero_hertz(monkeypatch):
    edges_by(monkeypatch, lambda right, low, high, mels, scale: right(0.0, high, mels, scale))


@damage("max_freq", sampling_rate=8001)
def top_of_an_odd_rate_not_truncated(monkeypatch):
    edges_by(monkeypatch, lambda right, low, high, mels, scale: right(low, 4000.5, mels, scale))


@damage("mel_scale", mel_scale="slaney", sampling_rate=16_000)
def slaney_with_the_factor_of_another_step(monkeypatch):
    monkeypatch.setattr(scales, "SLANEY_LOG_STEP", np.log(6.4) / 26)


@damage("mel_scale", mel_scale="htk")
def break_of_625_hz(monkeypatch):
    monkeypatch.setattr(scales, "HTK_BREAK_HZ", 625.0)


@damage("mel_norm", mel_norm="slaney")
def norm_forgotten(monkeypatch):
    monkeypatch.setattr(filters, "_slaney_norm", lambda edges_hz: np.ones(len(edges_hz) - 2))


@damage("mel_norm", mel_norm="slaney")
def norm_over_the_left_half(monkeypatch):
    monkeypatch.setattr(filters, "_slaney_norm", lambda edges_hz: 1.0 / (edges_hz[1:-1] - edges_hz[:-2]))


def slopes_straight_on(monkeypatch, axis):
    right = filters._triangles

    def triangles(*arguments, scale, straight_on):
        return right(*arguments, scale=scale, straight_on=axis)

    monkeypatch.setattr(filters, "_triangles", triangles)


@damage("mel_triangles")
def triangles_straight_in_hertz(monkeypatch):
    slopes_straight_on(monkeypatch, "hz")


@damage("mel_triangles", mel_triangles="hz")
def triangles_straight_in_mels(monkeypatch):
    slopes_straight_on(monkeypatch, "mel")


@damage("mel_triangles", mel_triangles="hz_symmetric")
def both_slopes_as_wide_as_the_right_one(monkeypatch):
    def triangles(bins_hz, edges_mel, *, scale, straight_on):
        edges = scales.mel_to_hertz(edges_mel, scale)[:, np.newaxis]
        return np.maximum(0.0, 1.0 - np.abs(bins_hz - edges[1:-1]) / (edges[2:] - edges[1:-1]))

    monkeypatch.setattr(filters, "_triangles", triangles)


# levels


@damage("power_to_db")
def natural_logarithm(monkeypatch):
    monkeypatch.setitem(log_compression.UNITS_PER_NEPER, "db", 10.0)


@damage("log", power_to_db=False, log="log10")
def logarithm_of_ten_rounded(monkeypatch):
    monkeypatch.setitem(log_compression.UNITS_PER_NEPER, "log10", 1.0 / 2.3026)


def before_levels(monkeypatch, change):
    """Change the powers before their logarithm; may also change the keys."""
    right = log_compression.to_levels

    def to_levels(powers, logarithm, **keys):
        change(powers, keys)
        right(powers, logarithm, **keys)

    monkeypatch.setattr(log_compression, "to_levels", to_levels)


@damage("log_offset", log_offset=0.1, min_power=0.1, top_db=None)
def offset_above_the_floor(monkeypatch):
    def change(powers, keys):
        np.maximum(powers, keys["min_power"], out=powers)

    before_levels(monkeypatch, change)


@damage("min_power", min_power=0.01, top_db=None)
def min_power_added(monkeypatch):
    def change(powers, keys):
        powers += keys["min_power"]

    before_levels(monkeypatch, change)


@damage("ref_power", ref_power=1e-3, min_power=0.01)
def reference_below_the_floor(monkeypatch):
    def change(powers, keys):
        np.maximum(powers, keys["min_power"], out=powers)
        keys["min_power"] = keys["ref_power"]

    before_levels(monkeypatch, change)


def relate_each(monkeypatch):
    """Use the loudest value of each signal instead of the call's."""
    right = postprocess._apply_loudest

    def relate(batch, options):
        for chunks in batch:
            right([chunks], options)

    monkeypatch.setattr(postprocess, "_apply_loudest", relate)


@damage("ref_power", ref_power="max", top_db=None)
def a_reference_for_each_signal(monkeypatch):
    relate_each(monkeypatch)


@damage("top_db", top_db=20.0)
def a_floor_for_each_signal(monkeypatch):
    relate_each(monkeypatch)


@damage("top_db", top_db=4.0, power_to_db=False, log="ln")
def top_db_in_the_unit_of_the_levels(monkeypatch):
    monkeypatch.setitem(log_compression.UNITS_PER_DB, "ln", 1.0)


# cepstra


@damage("num_ceps", num_ceps=4)
def coefficients_from_one_on(monkeypatch):
    def shifted(levels, num_ceps, **keys):
        return cepstra.cepstra(levels, num_ceps + 1, **keys)[..., 1:, :]

    monkeypatch.setattr(postprocess, "cepstra", shifted)


@damage("cepstral_lifter", num_ceps=4, cepstral_lifter=22.0)
def lifter_from_one_on(monkeypatch):
    right = cepstra.lifter
    monkeypatch.setattr(cepstra, "lifter", lambda num_ceps, quefrency: right(num_ceps + 1, quefrency)[1:])


@damage("cepstral_norm", num_ceps=4)
def coefficient_0_not_halved(monkeypatch):
    def loud(levels, num_ceps, **keys):
        coefficients = cepstra.cepstra(levels, num_ceps, **keys)
        coefficients[..., 0, :] *= np.sqrt(2.0)
        return coefficients

    monkeypatch.setattr(postprocess, "cepstra", loud)


@damage("use_energy", num_ceps=4, use_energy=True)
def energy_of_the_windowed_frame(monkeypatch):
    right = frames.frame_energies
    monkeypatch.setattr(frames, "frame_energies", lambda block: right(block * np.hanning(block.shape[1])))


@damage("use_energy", num_ceps=4, use_energy=True, cepstral_lifter=22.0, ref_power=2.0)
def energy_against_the_reference(monkeypatch):
    right = log_compression.to_levels

    def to_levels(powers, logarithm, *, min_power, ref_power=2.0, **keys):
        right(powers, logarithm, min_power=min_power, ref_power=ref_power, **keys)

    monkeypatch.setattr(postprocess, "to_levels", to_levels)


# normalization


@damage("num_frames", num_frames=15, mean="bin")
def frames_fitted_after_the_mean(monkeypatch):
    def fit(chunks, num_frames, most):
        normalization.standardize(chunks, FeatureOptions(mean="bin"))
        fit_frames(chunks, num_frames, most)

    fit_frames = postprocess._fit
    monkeypatch.setattr(postprocess, "_fit", fit)
    monkeypatch.setattr(postprocess, "standardize", lambda chunks, options: None)


@damage("mean", mean="bin")
def mean_over_the_bins(monkeypatch):
    monkeypatch.setattr(normalization, "_mean", lambda chunks, mean: chunks[0].mean(axis=0, keepdims=True))


def over_the_batch(monkeypatch, key, change):
    """Apply a key to the whole batch instead of each of its signals."""
    right = spectrogram.postprocess

    def postprocess_all(batch, options):
        right(batch, replace(options, **{key: getattr(FeatureOptions(), key)}))
        whole = np.array(batch)
        for chunks, changed in zip(batch, change(whole), strict=True):
            chunks[:] = changed

    monkeypatch.setattr(spectrogram, "postprocess", postprocess_all)


@damage("mean", mean="all")
def mean_over_the_batch(monkeypatch):
    over_the_batch(monkeypatch, "mean", lambda features: features - features.mean())


@damage("std", std="all")
def deviation_over_the_batch(monkeypatch):
    over_the_batch(monkeypatch, "std", lambda features: features / features.std(ddof=1))


@damage("std_ddof", std="bin")
def ddof_forgotten(monkeypatch):
    right = normalization._deviation
    monkeypatch.setattr(normalization, "_deviation", lambda chunks, std, ddof: right(chunks, std, 0))


@damage("std_eps", std="bin", std_eps=0.1)
def eps_on_the_variance(monkeypatch):
    right = normalization._deviation

    def deviation(chunks, std, ddof):
        return np.sqrt(right(chunks, std, ddof) ** 2 + 0.1) - 0.1  # std_eps is added later

    monkeypatch.setattr(normalization, "_deviation", deviation)


@damage("clip", clip=[-4.0, 4.0], mean=-20.0, std=5.0)
def clipped_before_the_mean(monkeypatch):
    def standardize(chunks, options):
        for chunk in chunks:
            np.clip(chunk, *options.clip, out=chunk)
        normalization.standardize(chunks, options)

    monkeypatch.setattr(postprocess, "standardize", standardize)


@damage("time_major", time_major=True)
def reshaped_and_not_transposed(monkeypatch):
    right = spectrogram.join_chunks

    def join_chunks(chunks, options):
        features = right(chunks, options)
        return np.ascontiguousarray(features.T).reshape(features.shape)

    monkeypatch.setattr(spectrogram, "join_chunks", join_chunks)


# Keras's settings

KERAS_DAMAGES = (
    "symmetric_window",
    "window_at_the_left",
    "triangles_straight_in_hertz",
    "filters_one_bin_up",
    "natural_logarithm",
    "ends_repeated",
    "ends_of_zeros",
    "frames_one_sample_late",
    "a_floor_for_each_signal",
)


def leaves_its_mark(damage, options, *, batch):
    """Return whether one of `KERAS_DAMAGES` changes the numbers of these options, on a batch or on one signal."""
    if damage == "symmetric_window":
        return options.window in ("hann", "hamming")
    if damage == "window_at_the_left":
        return options.frame_length < options.fft_length - 1
    if damage == "natural_logarithm":
        return options.power_to_db
    if damage in ("ends_repeated", "ends_of_zeros"):
        return options.top_db != 0.0  # a constant, whatever the ends are
    if damage == "a_floor_for_each_signal":
        return batch and options.power_to_db and options.top_db < 100.0  # min_power is the higher floor above that
    return True
