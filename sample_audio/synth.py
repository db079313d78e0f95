"""A small synthesiser and the three pieces that it plays.

Nothing here knows files.  Every pitched sound but the whistle is modal: a sum of sines that die away, whose ratios
make it a string, a bar or a bell.  A part is a text of notes on an even grid; a piece is some parts in one room.
The generator is seeded, so each call of a piece gives the same samples.

Conventions
-----------
============  ==================================================  ================
``sound``     one voice, before it has a place                    ``(samples,)``
``mix``       left and right, at any level                        ``(samples, 2)``
============  ==================================================  ================

Everything runs at `RATE_HZ`.  Pitches are equal-tempered with A4 = 440 Hz and written as in "F#5"; "." is a rest.
``pan`` is -1 for left and 1 for right.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["RATE_HZ", "Signal", "panned", "silence", "night_train", "tempo_canon", "church_bell"]

Signal: TypeAlias = NDArray[np.float64]
Instrument: TypeAlias = Callable[[float, np.random.Generator], Signal]

RATE_HZ = 44_100
SEED = 1863  # the year of Helmholtz's "On the Sensations of Tone"
TOP_PARTIAL_HZ = 16_000.0  # above it a lossy encoder spends bits on what few can hear
FALL_60_DB = math.log(1000.0)  # exp(-FALL_60_DB) is -60 dB
TOUCH_S = 0.004  # standard deviation of when a player strikes
TOUCH_DB = 1.0  # and of how hard
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
A4_SEMITONES = 57  # above C0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timbre:
    """What rings when a string, a bar or a bell is struck.

    Attributes
    ----------
    ratios, levels : tuple of float
        Frequency of each partial over the note's, and its amplitude.
    t60_s : float
        Seconds in which a very low partial falls by 60 dB.
    damping_hz : float
        A partial at this frequency falls twice as fast, one at twice this frequency three times as fast.
    attack_s : float
        Length of the rise.
    """

    ratios: tuple[float, ...]
    levels: tuple[float, ...]
    t60_s: float
    damping_hz: float
    attack_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One instrument's notes.

    Attributes
    ----------
    play : callable
        Takes a pitch in hertz and a generator; returns the sound of one note.
    notes : str
        Pitches and rests, split by blanks.
    start_s, step_s : float
        When the first note sounds, and the time from each to the next: 0 makes a chord.
    pan, level : float
        The place, and a linear gain.
    """

    play: Instrument
    notes: str
    start_s: float
    step_s: float
    pan: float
    level: float


def plucked(*, pick: float, stiffness: float, num_partials: int) -> Timbre:
    """Describe a string plucked at the fraction ``pick`` of its length; stiffness stretches the upper partials."""
    order = np.arange(1, num_partials + 1)
    ratios = order * np.sqrt(1.0 + stiffness * order**2)
    levels = np.sin(np.pi * order * pick) / order
    return Timbre(ratios=tuple(ratios), levels=tuple(levels), t60_s=2.5, damping_hz=500.0, attack_s=0.004)


HARP = plucked(pick=0.23, stiffness=1e-4, num_partials=12)
BASS = plucked(pick=0.35, stiffness=4e-5, num_partials=8)
MARIMBA = Timbre(ratios=(1.0, 3.93, 9.6), levels=(1.0, 0.3, 0.12), t60_s=1.4, damping_hz=500.0, attack_s=0.002)
CHIME = Timbre(  # a free bar: the ratios are those of its bending modes
    ratios=(1.0, 2.756, 5.404, 8.933), levels=(1.0, 0.45, 0.25, 0.1), t60_s=3.5, damping_hz=5_000.0, attack_s=0.001
)
BELL = Timbre(  # hum, prime, tierce, quint, nominal and above; close pairs warble, as no bell is quite round
    ratios=(0.5, 0.5022, 1.0, 1.004, 1.2, 1.206, 1.5, 2.0, 2.011, 2.52, 2.66, 3.01, 4.17, 5.43, 6.79, 8.21),
    levels=(0.5, 0.4, 0.5, 0.35, 0.5, 0.4, 0.2, 0.6, 0.45, 0.2, 0.2, 0.3, 0.25, 0.2, 0.15, 0.1),
    t60_s=9.0,
    damping_hz=500.0,
    attack_s=0.001,
)


def pitch_hz(name: str) -> float:
    """Return the frequency of a pitch such as "A4" or "F#5"."""
    semitones = SEMITONES[name[0]] + name.count("#") + 12 * int(name[-1])
    return 440.0 * math.pow(2.0, (semitones - A4_SEMITONES) / 12.0)


def sample_times(duration_s: float) -> Signal:
    """Return the time of each sample, in seconds."""
    return np.arange(round(duration_s * RATE_HZ)) / RATE_HZ


def release(time_s: Signal, fall_s: float) -> Signal:
    """Return a gain of one that falls to zero over the last ``fall_s``."""
    gain: Signal = np.clip((time_s[-1] - time_s) / fall_s, 0.0, 1.0)
    return gain


def band_noise(num_samples: int, low_hz: float, high_hz: float, rng: np.random.Generator) -> Signal:
    """Return white noise between two frequencies, with a variance of one."""
    spectrum = np.fft.rfft(rng.standard_normal(num_samples))
    frequency_hz = np.fft.rfftfreq(num_samples, 1.0 / RATE_HZ)
    spectrum[(frequency_hz < low_hz) | (frequency_hz > high_hz)] = 0.0
    noise: Signal = np.fft.irfft(spectrum, num_samples)
    return noise / float(noise.std())


def ringing(timbre: Timbre, duration_s: float, fall_s: float = 0.08) -> Instrument:
    """Turn a timbre into an instrument whose notes last ``duration_s`` and are damped over the last ``fall_s``."""

    def play(note_hz: float, rng: np.random.Generator) -> Signal:
        time_s = sample_times(duration_s)
        sound = np.zeros_like(time_s)
        for ratio, level in zip(timbre.ratios, timbre.levels, strict=True):
            partial_hz, phase = note_hz * ratio, rng.uniform(0.0, 2.0 * np.pi)
            if partial_hz < TOP_PARTIAL_HZ:
                t60_s = timbre.t60_s / (1.0 + partial_hz / timbre.damping_hz)
                decay = level * np.exp(-FALL_60_DB / t60_s * time_s)
                sound += decay * np.sin(2.0 * np.pi * partial_hz * time_s + phase)
        attack: Signal = np.sin(np.pi / 2.0 * np.minimum(1.0, time_s / timbre.attack_s)) ** 2
        return sound * attack * release(time_s, fall_s)

    return play


def shaker(_: float, rng: np.random.Generator) -> Signal:
    """Play one stroke of a shaker, which has no pitch: noise from 5 to 12 kHz that swells and falls."""
    time_s = sample_times(0.12)
    stroke: Signal = np.minimum(1.0, time_s / 0.012) * np.exp(-time_s / 0.022)
    return stroke * band_noise(time_s.size, 5_000.0, 12_000.0, rng)


def drum(note_hz: float, _: np.random.Generator) -> Signal:
    """Play a soft drum: a sine that drops to its note from two octaves above."""
    time_s = sample_times(0.4)
    swept_hz = note_hz * (1.0 + 3.0 * np.exp(-time_s / 0.03))
    tone: Signal = np.sin(2.0 * np.pi * np.cumsum(swept_hz) / RATE_HZ)
    return tone * np.exp(-time_s / 0.09) * release(time_s, 0.08)


def whistle(tune: str, step_s: float, rng: np.random.Generator) -> Signal:
    """Whistle a tune in one breath; the pitch glides from note to note, and long notes begin to sway.

    Parameters
    ----------
    tune : str
        One word for each step: a pitch, or "-" to hold the one before.
    step_s : float
        Seconds for each step.
    rng : np.random.Generator
        For the breath.
    """
    words = tune.split()
    onsets_s = np.array([step * step_s for step, word in enumerate(words) if word != "-"])
    octaves = np.log2([pitch_hz(word) for word in words if word != "-"])

    time_s = sample_times(len(words) * step_s)
    note = np.searchsorted(onsets_s, time_s, side="right") - 1
    age_s = time_s - onsets_s[note]
    glide = (octaves[np.maximum(note - 1, 0)] - octaves[note]) * np.exp(-age_s / 0.025)
    sway = 0.045 * np.clip((age_s - 0.18) / 0.5, 0.0, 1.0) * np.sin(2.0 * np.pi * 5.6 * time_s)  # octaves

    phase = 2.0 * np.pi * np.cumsum(2.0 ** (octaves[note] + glide + sway)) / RATE_HZ
    tone: Signal = np.sin(phase) + 0.12 * np.sin(2.0 * phase) + 0.05 * np.sin(3.0 * phase)
    breath = 0.008 * band_noise(time_s.size, 800.0, 6_000.0, rng)
    loudness: Signal = (0.55 + 0.45 * np.exp(-age_s / 0.35)) * np.minimum(1.0, time_s / 0.08)
    return (tone + breath) * loudness * release(time_s, 0.9)


def panned(sound: Signal, pan: float) -> Signal:
    """Place one voice between left and right, equally loud wherever it stands; return ``(samples, 2)``."""
    angle = (pan + 1.0) * math.pi / 4.0
    sides: Signal = np.array([math.cos(angle), math.sin(angle)])
    return sound[:, np.newaxis] * sides


def lay(mix: Signal, sound: Signal, *, start_s: float, pan: float, level: float) -> None:
    """Add a voice to a mix, in place; what reaches over the end is cut off."""
    start = max(0, round(start_s * RATE_HZ))
    span = mix[start : start + sound.size]
    span += level * panned(sound[: len(span)], pan)


def perform(parts: list[Part], mix: Signal, rng: np.random.Generator) -> None:
    """Add parts to a mix, in place, with a player's small unevenness of time and loudness."""
    for part in parts:
        for step, word in enumerate(part.notes.split()):
            if word != ".":
                start_s = part.start_s + step * part.step_s + TOUCH_S * rng.standard_normal()
                level = part.level * 10.0 ** (TOUCH_DB * rng.standard_normal() / 20.0)
                lay(mix, part.play(pitch_hz(word), rng), start_s=start_s, pan=part.pan, level=level)


def in_room(mix: Signal, *, t60_s: float, wet: float, rng: np.random.Generator) -> Signal:
    """Return a mix with reverberation: each side runs through a decaying noise of its own."""
    time_s = sample_times(t60_s)
    size = len(mix) + time_s.size
    heard = mix.copy()
    for side in range(2):
        response = band_noise(time_s.size, 200.0, 7_000.0, rng) * np.exp(-FALL_60_DB / t60_s * time_s)
        response *= wet / np.sqrt(np.sum(response**2))
        tail = np.fft.irfft(np.fft.rfft(mix[:, side], size) * np.fft.rfft(response, size), size)
        heard[:, side] += tail[: len(mix)]
    return heard


def silence(duration_s: float) -> Signal:
    """Return an empty mix."""
    return np.zeros((round(duration_s * RATE_HZ), 2))


def night_train() -> Signal:
    """Play 5.6 s for whistle, harp, bass, drum, shaker and chimes: D minor that comes home in D major."""
    step_s = 0.12  # a sixteenth at 125 beats a minute
    begin_s, second_bar_s, home_s = (0.1 + bar * 16 * step_s for bar in range(3))
    tune = "A5 - - - - - C6 - D6 - - - E6 - - - F6 - - - E6 - D6 - E6 - - - G6 - E6 - F#6 - - - - - - A6 - - - -"
    harp = "D3 A3 D4 E4 F4 A4 C5 E5 F5 E5 C5 A4 F4 E4 D4 A3 G3 D4 F4 A4 B4 D5 F5 A5 A3 E4 G4 A4 D5 E5 C#5 A4"
    bass = "D2 . . . . . D2 . . . . . A2 . . . G2 . . . . . G2 . A2 . . . A2"
    home_harp, home_chimes = "D3 A3 D4 F#4 A4 C#5 E5 A5", "D6 F#6 A6 D7 C#7 F#7"
    parts = [
        Part(play=ringing(HARP, 0.9), notes=harp, start_s=begin_s, step_s=step_s, pan=-0.5, level=0.36),
        Part(play=ringing(BASS, 0.8), notes=bass, start_s=begin_s, step_s=step_s, pan=0.0, level=0.42),
        Part(play=drum, notes="D2 . D2 D2 D2", start_s=second_bar_s, step_s=4 * step_s, pan=0.0, level=0.5),
        Part(play=shaker, notes=4 * ". . A4 . ", start_s=second_bar_s, step_s=step_s, pan=0.6, level=0.08),
        Part(play=ringing(HARP, 1.6), notes=home_harp, start_s=home_s, step_s=0.05, pan=-0.3, level=0.3),
        Part(play=ringing(BASS, 1.6), notes="D2", start_s=home_s, step_s=step_s, pan=0.0, level=0.5),
        Part(play=ringing(CHIME, 1.5), notes=home_chimes, start_s=home_s + 0.1, step_s=step_s, pan=0.7, level=0.1),
    ]
    rng, mix = np.random.default_rng(SEED), silence(5.6)
    perform(parts, mix, rng)
    lay(mix, whistle(tune, step_s, rng), start_s=begin_s, pan=0.25, level=0.2)
    return in_room(mix, t60_s=1.2, wet=0.25, rng=rng)


def tempo_canon() -> Signal:
    """Play 3.7 s for two marimbas: to four themes on the left there are five on the right, and they end as one."""
    low_theme, high_theme = "D4 A4 C5 E5 G4 B4 ", "D5 A5 C6 E6 G5 B5 "
    begin_s, end_s = 0.05, 3.05
    left_step_s, right_step_s = ((end_s - begin_s) / (6 * themes) for themes in (4, 5))
    marimba = ringing(MARIMBA, 0.9)
    parts = [
        Part(play=marimba, notes=4 * low_theme, start_s=begin_s, step_s=left_step_s, pan=-0.8, level=0.5),
        Part(play=marimba, notes=5 * high_theme, start_s=begin_s, step_s=right_step_s, pan=0.8, level=0.4),
        Part(play=marimba, notes="D3 A3 D4", start_s=end_s, step_s=0.0, pan=-0.8, level=0.4),
        Part(play=marimba, notes="E5 A5 D6", start_s=end_s, step_s=0.0, pan=0.8, level=0.3),
    ]
    rng, mix = np.random.default_rng(SEED + 1), silence(3.7)
    perform(parts, mix, rng)
    return in_room(mix, t60_s=0.7, wet=0.15, rng=rng)


def church_bell() -> Signal:
    """Strike one bell on A4 and listen for 1.5 s."""
    rng, mix = np.random.default_rng(SEED + 2), silence(1.5)
    lay(mix, ringing(BELL, 1.45, fall_s=0.9)(pitch_hz("A4"), rng), start_s=0.05, pan=0.0, level=1.0)
    return mix
