"""Writes docs/decoding.md from decoding.template and decoding.json, which measure_decoding.py makes.

python docs/write_decoding.py

A test holds the page against what this script makes of them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

PAGE, JSON, TEXT = (Path(__file__).with_name(f"decoding.{ending}") for ending in ("md", "json", "template"))
MAX_SAME = 2e-5  # largest difference of two decoders that round otherwise

Group = dict[str, Any]


class Reason(NamedTuple):
    """Why a decoder differs: for codings that contain one of some words, and groups for which more holds."""

    text: str
    decoder: str
    codings: str  # separated by spaces; empty: all
    holds: Callable[[Group, dict[str, Any]], bool] = lambda group, other: True
    containers: str = ""


def _is_refused(group: Group, other: Any) -> bool:
    return isinstance(other, str)


def _is_longer(group: Group, other: Any) -> bool:
    return not isinstance(other, str) and other.get("longer", [0])[-1] > 0


def _has_order(group: Group, other: Any) -> bool:
    return "order" in other


# The first one that holds counts.
REASONS = (
    Reason("`soundfile.read` seeks, and libsndfile cannot in DWVW. ffmpeg does not know DWVW.", "", "dwvw"),
    Reason(
        "libsndfile writes damaged files of stereo 20-bit ALAC: ffmpeg refuses them, libsndfile decodes noise.",
        "ffmpeg",
        "alac_20",
        lambda group, other: group["alike"][0] < 0.5,
    ),
    Reason(
        "ffmpeg drops samples at the end of libsndfile's ALAC, and decodes six channels to something else. melcli "
        "returns what was written.",
        "ffmpeg",
        "alac",
    ),
    Reason("ffmpeg takes NMS ADPCM for another coding. melcli returns what was written.", "ffmpeg", "nms_adpcm"),
    Reason(
        "melcli is nearer to the source: a correlation of 0.999, against 0.78 to 0.94.",
        "ffmpeg",
        "g721",
        containers="wav",
    ),
    Reason(
        "The two decoders of G.721, G.723 and G.726 differ; each is nearer to the source for files of its own encoder.",
        "ffmpeg",
        "g721 g723 g726",
    ),
    Reason("Both are as near to the source; rounding adds up within a block.", "ffmpeg", "ms_adpcm ima_adpcm ima_qt"),
    Reason("ffmpeg does not drop the padding of the last block.", "ffmpeg", "gsm610", _is_longer),
    Reason(
        "libsndfile adds a block of noise for the byte of padding behind an odd number of blocks.",
        "soundfile",
        "gsm610",
        containers="wav",
    ),
    Reason(
        "libsndfile adds samples for an incomplete last block.",
        "soundfile",
        "g721 g723 g726 ms_adpcm ima_adpcm adpcm_ms adpcm_ima",
        _is_longer,
    ),
    Reason(
        "libsndfile refuses block codings in RF64. melcli shows it a header of WAV.", "soundfile", "", containers="rf64"
    ),
    Reason(
        "libsndfile does not look behind a header of the extensible form, as above 2 channels, and takes all for "
        "integers.",
        "soundfile",
        "f32le f64le mulaw alaw",
        containers="w64",
    ),
    Reason("ffmpeg decodes MP2 to 16 bits.", "ffmpeg", "mp2 libtwolame"),
    Reason(
        "The decoders differ in where a file of ffmpeg's own encoder ends, and not in the sound in common.",
        "ffmpeg",
        "(ffmpeg's",
    ),
    Reason(
        "The order of channels, see above; and ffmpeg keeps samples at the end that the last granule position drops.",
        "ffmpeg",
        "vorbis",
        lambda group, other: "order" in other and other["longer"][1] > 0,
    ),
    Reason("The order of channels, see above.", "ffmpeg", "vorbis opus", _has_order),
    Reason("ffmpeg keeps samples at the end that the last granule position drops.", "ffmpeg", "vorbis"),
    Reason(
        "ffmpeg's own decoder, which is its default, differs from libopus, most for speech. With `-c:a libopus` "
        "before the input, ffmpeg gives melcli's samples.",
        "ffmpeg's own",
        "opus",
    ),
)


def page(measured: dict[str, Any]) -> str:
    """Return the whole page."""
    groups = measured["groups"]
    rows = list(differences(groups))
    read = [group for group in groups if group["melcli"] == "read"]
    figures = {
        **measured["versions"],
        "num_files": f"{_count(groups):,}",
        "num_read": f"{_count(read):,}",
        "num_same": f"{_count(group for group in read if _is_same_everywhere(group)):,}",
        "differences": "\n".join(rows),
        "same": "\n".join(_same(read)),
        "refused": "\n".join(_refused(groups)),
    }
    text = Template(TEXT.read_text(encoding="utf-8")).substitute(figures)
    return f"<!-- Written by docs/write_decoding.py from decoding.template and decoding.json. -->\n\n{text}"


def differences(groups: list[Group]) -> Iterator[str]:
    """Yield a row of the table for each way in which another decoder differs from melcli.

    Raises
    ------
    LookupError
        No reason of `REASONS` holds.
    """
    rows: dict[tuple[str, str, str, bool], list[Group]] = defaultdict(list)
    for group in groups:
        for decoder in ("soundfile", "ffmpeg", "ffmpeg's own"):
            if group["melcli"] == "read" and decoder in group and not is_same(group[decoder]):
                is_refused = isinstance(group[decoder], str)
                rows[_place(group), decoder, why(group, decoder), is_refused].append(group)
    for (place, decoder, reason, is_refused), found in rows.items():
        name = "ffmpeg's own decoder" if decoder == "ffmpeg's own" else decoder
        what = "refuses it" if is_refused else _in_words([group[decoder] for group in found])
        yield f"| {place} | {_files(found)} | {name}: {what} | {reason} |"


def why(group: Group, decoder: str) -> str:
    """Return the first reason that holds."""
    for reason in REASONS:
        is_for_it = reason.decoder in ("", decoder) and group["container"] in (reason.containers or group["container"])
        named = any(word in group["coding"] for word in reason.codings.split(" "))
        if is_for_it and named and reason.holds(group, group[decoder]):
            return reason.text
    raise LookupError(f"{decoder} differs and REASONS does not say why: {group}")


def is_same(other: dict[str, Any] | str) -> bool:
    """Tell whether another decoder gave the same length and samples."""
    if isinstance(other, str):
        return False
    unmoved = other.get("longer") == [0, 0] and other.get("shift") == [0, 0]
    return unmoved and "order" not in other and other["largest"][1] <= MAX_SAME


def _is_same_everywhere(group: Group) -> bool:
    return is_same(group["soundfile"]) and is_same(group["ffmpeg"])


def _same(read: list[Group]) -> Iterator[str]:
    """Yield a row for each writer and container with the codings that are the same in all their files."""
    codings: dict[tuple[str, str], dict[str, bool]] = defaultdict(dict)
    for group in read:
        of_place = codings[group["writer"], group["container"]]
        of_place[group["coding"]] = of_place.get(group["coding"], True) and _is_same_everywhere(group)
    for (writer, container), found in codings.items():
        if names := [f"`{name}`" for name, same in found.items() if same]:
            yield f"| {writer} | {container} | {', '.join(names)} |"


def _refused(groups: list[Group]) -> Iterator[str]:
    """Yield a row for each coding that melcli refuses."""
    rows: dict[tuple[str, str, str], list[Group]] = defaultdict(list)
    for group in groups:
        if group["melcli"] != "read":
            others = [name for name in ("soundfile", "ffmpeg") if group[name] == "read"]
            said = group["melcli"].partition(": ")[2].removesuffix(", which melcli does not read")
            rows[_place(group), said, " and ".join(others) or "neither"].append(group)
    for (place, said, others), found in rows.items():
        yield f"| {place} | {_files(found)} | {said} | {others} |"


def _place(group: Group) -> str:
    return f"{group['writer']}: {group['container']}, `{group['coding']}`"


def _files(groups: Iterable[Group]) -> str:
    """Say how many files there are, and of which channels or rates if not of all."""
    files = [tuple(file) for group in groups for file in group["files"]]
    channels, rates = sorted({file[0] for file in files}), sorted({file[1] for file in files})
    of_channels = "" if len(channels) == 3 else f", {' and '.join(map(str, channels))} ch"
    of_rates = "" if len(rates) == 6 else f", {', '.join(f'{rate / 1000:g}' for rate in rates)} kHz"
    return f"{len(files)}{of_channels}{of_rates}"


def _count(groups: Iterable[Group]) -> int:
    return sum(len(group["files"]) for group in groups)


def _in_words(others: list[dict[str, Any]]) -> str:
    """Say how another decoder differs, over the groups of a row."""
    parts = [
        _signed(others, "longer", "longer", "shorter"),
        _signed(others, "shift", "later", "earlier"),
        "channels in another order" if any("order" in other for other in others) else "",
    ]
    largest = max(other["largest"][1] for other in others)
    parts.append("otherwise the same" if largest <= MAX_SAME else f"up to {largest:.2g} apart")
    return "; ".join(filter(None, parts))


def _signed(others: list[dict[str, Any]], name: str, more: str, less: str) -> str:
    """Say in which range a number of samples is; nothing where it is 0."""
    low, high = min(other[name][0] for other in others), max(other[name][1] for other in others)
    if low == high == 0:
        return ""
    if low < 0 < high:
        return f"{-low:,} samples {less} to {high:,} {more}"
    low, high, word = (low, high, more) if high > 0 else (-high, -low, less)
    return f"{low:,} samples {word}" if low == high else f"{low:,} to {high:,} samples {word}"


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(JSON.read_text(encoding="utf-8"))), encoding="utf-8")
