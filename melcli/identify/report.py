"""The report of an identification, as a config with comments and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from melcli.audio.options import AudioOptions
from melcli.config.config import yaml_value
from melcli.identify.naming import Answer
from melcli.identify.search import Identification
from melcli.options import to_plain
from melcli.printable import printable

__all__ = ["lines", "plain"]

WIDTH = 100
NOT_TRIED = "Filters with edges at whole bins of the FFT, deltas and stacked frames are in no config."
CLOSING = {
    "same": "It gives these very numbers.",
    "exact": "It agrees up to rounding: the residual is {p999:.1e} at the 99.9th percentile of a range of {range:.3g}.",
    "undecided": (
        "It agrees with this file to rounding ({p999:.1e} at the 99.9th percentile, on a range of {range:.3g}), but it "
        "may be wrong about other files. A second pair of audio and features decides."
    ),
    "close": (
        "Not quite: {p999:.1e} is left at the 99.9th percentile, on a range of {range:.3g}. Another decoder or dither "
        "leaves as much, and so does a value that was not tried."
    ),
    "none": (
        "Not found: the nearest leaves {p999:.1e} at the 99.9th percentile, on a range of {range:.3g}. "
        f"{NOT_TRIED} What follows is the nearest, not the answer."
    ),
}


def lines(identification: Identification, audio_paths: Sequence[str], features_paths: Sequence[str]) -> Iterator[str]:
    """Write the answers, and the nearest one as a config.

    All but the config are comments, so that the whole can be saved and used.
    """
    for audio, features in zip(audio_paths, features_paths, strict=True):
        yield f"# {printable(features)} from {printable(audio)}"
    if not identification.answers:
        yield from _comment(f"Not found: no config gives features of this shape from this audio. {NOT_TRIED}")
        return
    best = identification.answers[0]
    yield from _comment(f"{_told(best)}.")
    figures = {"p999": best.difference.p999, "range": best.difference.range}
    certainty = identification.certainty
    outcome = "same" if best.difference.maximum == 0 and certainty == "exact" else certainty
    yield from _comment(CLOSING[outcome].format(**figures))
    if identification.other_resampler is not None:
        yield from _comment(
            f"The audio was resampled to {best.options.sampling_rate} Hz by {identification.other_resampler}, which no "
            f"config has; the nearest is {identification.resampler}. With the former the keys below agree."
        )
    for doubt in identification.doubts if outcome == "undecided" else ():
        yield from _comment(f"Undecided: {doubt}.")
    yield from _comment(_lead(identification))
    yield "#"
    yield from _table(identification)
    left = identification.untold
    if left.values and identification.certainty != "none":
        yield "#"
        joined = "" if len(left.values) == 1 else ", in any combination" if left.together else ", one key at a time"
        yield from _comment(f"This clip cannot tell{joined}: {'; '.join(_untold(best, left.values))}.")
    yield from _config(best, identification)


def plain(identification: Identification) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    return {
        "certainty": identification.certainty,
        "doubts": list(identification.doubts),
        "answers": [
            {
                "base": answer.base,
                "features": {key: to_plain(answer.options)[key] for key in answer.changed},
                "max": answer.difference.maximum,
                "p999": answer.difference.p999,
                "mean": answer.difference.mean,
                "range": answer.difference.range,
            }
            for answer in identification.answers
        ],
        "undetermined": {key: list(values) for key, values in identification.untold.values.items()},
        "undetermined_together": identification.untold.together,
        "audio": {"channels": identification.channels, "resampler": identification.resampler},
        "other_resampler": identification.other_resampler,
    }


def _lead(identification: Identification) -> str:
    """Say how far behind the next answer is."""
    first, *others = identification.answers
    if identification.certainty == "none" or not others:
        return ""
    if not first.difference.p999:
        return ""
    times = others[0].difference.p999 / first.difference.p999
    return f"The next, {_told(others[0])}, is {times:,.0f} times as far." if times >= 2 else ""


def _table(identification: Identification) -> Iterator[str]:
    yield "#       max     p99.9      mean"
    for number, answer in enumerate(identification.answers, start=1):
        apart = answer.difference
        figures = "  ".join(f"{figure:8.1e}" for figure in (apart.maximum, apart.p999, apart.mean))
        first, *rest = textwrap.wrap(_told(answer), WIDTH - 36)
        yield f"# {number}  {figures}  {first}"
        yield from (f"#{'':35}{line}" for line in rest)


def _told(answer: Answer) -> str:
    """Name an answer: ``librosa with num_mel_bins=64, sequence_stride=320``."""
    changed = to_plain(answer.options)
    keys = ", ".join(f"{key}={_short(changed[key])}" for key in answer.changed)
    return f"{answer.base} with {keys}" if keys else answer.base


def _untold(answer: Answer, untold: Mapping[str, list[Any]]) -> Iterator[str]:
    values = to_plain(answer.options)
    for key, others in untold.items():
        would = ", ".join(_short(list(other) if isinstance(other, tuple) else other) for other in others)
        yield f"{key} ({_short(values[key])}; also {would})"


def _config(answer: Answer, identification: Identification) -> Iterator[str]:
    """Write an answer as a config."""
    yield f"base: {answer.base}"
    audio = {"channels": identification.channels, "resampler": identification.resampler}
    changed = [key for key, value in audio.items() if value != getattr(AudioOptions(), key)]
    if changed:
        yield "audio:"
        yield from (f"  {key}: {yaml_value(audio[key])}" for key in changed)
    if answer.changed:
        values = to_plain(answer.options)
        yield "features:"
        yield from (f"  {key}: {yaml_value(values[key])}" for key in answer.changed)


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else yaml_value(value)


def _comment(text: str) -> Iterator[str]:
    return (f"# {line}" for line in textwrap.wrap(text, WIDTH - 2, break_on_hyphens=False))
