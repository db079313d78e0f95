"""Writes docs/benchmarks.md and its plot from the JSON of a run and the text in page.md.

    python -m benchmarks.page RESULT.json    # which is kept as docs/benchmarks.json
    python -m benchmarks.page                # from docs/benchmarks.json

A test fails where the page says something else than this script.  The plot needs the extra ``plot``.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from string import Template
from typing import Any

from benchmarks import core, memory, pipeline, scaling
from benchmarks.settings import SETTINGS
from benchmarks.tables import markdown

__all__ = ["JSON", "PAGE", "ahead_in_commands", "ahead_in_the_core", "page"]

DOCS = Path(__file__).parents[1] / "docs"
PAGE, JSON, PLOT = (DOCS / name for name in ("benchmarks.md", "benchmarks.json", "benchmarks-stages.png"))
TEXT = Path(__file__).with_name("page.md")
MODULES = {"core": core, "pipeline": pipeline, "scaling": scaling, "memory": memory}
LEVEL = 0.97  # ratios between this and 1 are level: runs differ by as much

# Why a peer is ahead where it is.
WHY = {
    "Keras on JAX, jitted": "XLA compiles the whole layer for this one length of signal, around ducc's FFT, which is "
    "faster than that of SciPy below 1.18. Another length is compiled again, which is not counted here.",
    "Keras on TensorFlow, graph": "The graph is made for this one length of signal, around ducc's FFT, which is faster "
    "than that of SciPy below 1.18.",
    "audioflux": "It is C around MKL's FFT; it computes an FFT of 256 instead of 400, which is less work.",
    "torchaudio": "Its FFT and its products are MKL's.",
    "torchaudio script": "It flushes and checks nothing and keeps no manifest, and resamples with a shorter filter.",
    "lhotse, jobs": "It flushes and checks nothing, and computes with MKL.",
    "bare loop": "It is here to show what melcli's care for each file costs: the look at its header and end, the "
    "manifest's figures and checksum, the flush before the file has its name.",
}


def main(result_path: Path) -> None:
    """Keep the result, write the page, draw the plot."""
    from benchmarks.stages_plot import draw

    result = json.loads(result_path.read_text(encoding="utf-8"))
    if result_path.resolve() != JSON.resolve():
        shutil.copyfile(result_path, JSON)
    PAGE.write_text(page(result), encoding="utf-8")
    draw(result["pipeline"], PLOT)


def page(result: dict[str, Any]) -> str:
    """Return the whole page: the text with its figures, and what stands for its markers."""
    text = Template(TEXT.read_text(encoding="utf-8")).substitute(_figures(result))
    for name, block in _blocks(result).items():
        marker = f"<!-- {name} -->\n"
        if text.count(marker) != 1:
            raise ValueError(f"{TEXT.name} must have {marker.strip()!r} once")
        text = text.replace(marker, block)
    if "<!--" in text:
        raise ValueError(f"{TEXT.name} has a marker that nothing stands for")
    return text


def _figures(result: dict[str, Any]) -> dict[str, str]:
    figures = {
        **result["machine"],
        "date": result["date"],
        "minutes": f"{sum(result['elapsed_s'].values()) / 60:.0f}",
        "core_rounds": result["core"]["rounds"],
        "pipeline_rounds": result["pipeline"]["rounds"],
        "jobs": result["pipeline"]["jobs"],
        "versions": ", ".join(f"{name} {version}" for name, version in result["versions"].items()),
        "spent": ", ".join(f"{name} {elapsed:.0f}" for name, elapsed in result["elapsed_s"].items()),
    }
    return {name: str(figure) for name, figure in figures.items()}


def _blocks(result: dict[str, Any]) -> dict[str, str]:
    """Return what stands for each marker."""
    tables = [table for name, module in MODULES.items() for table in module.tables(result[name])]
    return {table.name: markdown(table) for table in tables} | {
        "ahead in the core": _said_of_ahead(ahead_in_the_core(result["core"])),
        "ahead in commands": _said_of_ahead(ahead_in_commands(result["pipeline"])),
        "corpora": "".join(_corpus(name, found) for name, found in result["pipeline"]["corpora"].items()),
        "absent": _absent(result),
    }


def ahead_in_the_core(result: dict[str, Any]) -> dict[str, list[str]]:
    """Return the peers that were faster than melcli's core somewhere, and where and by how much."""
    places: dict[str, list[str]] = {}
    for group in result["groups"].values():
        for setting in SETTINGS:
            for length, found in group["settings"][setting.name].items():
                for peer, figures in found["peer_over_melcli"].items():
                    if figures["median"] < LEVEL:
                        where = f"{setting.fft_length}, {length} s ({figures['median']:.2f})"
                        places.setdefault(peer, []).append(where)
    return places


def ahead_in_commands(result: dict[str, Any]) -> dict[str, list[str]]:
    """Return the peers whose command was faster than melcli's, and where and by how much."""
    places: dict[str, list[str]] = {}
    for name, found in result["corpora"].items():
        for peer, figures in found["peers"].items():
            if figures["wall_ratio"] < LEVEL:
                places.setdefault(peer, []).append(f"{name} ({figures['wall_ratio']:.2f})")
    return places


def _said_of_ahead(places: dict[str, list[str]]) -> str:
    if not places:
        return f"Nobody was ahead of melcli here by more than {100 * (1 - LEVEL):.0f} %.\n"
    lines = [f"* {peer}, at {'; '.join(where)}. {WHY.get(peer, '')}".rstrip() for peer, where in places.items()]
    return "\n".join([f"Ahead of melcli by more than {100 * (1 - LEVEL):.0f} %:\n", *lines, ""])


def _corpus(name: str, found: dict[str, Any]) -> str:
    ours = f"`{' '.join(found['ours'])}`" if found["ours"] else "its defaults"
    hours = found["audio_s"] / 3600
    return f"* `{name}`: {found['about']}; {found['num_files']:,} files, {hours:.2f} h; melcli with {ours}\n"


def _absent(result: dict[str, Any]) -> str:
    places = [("", result["core"]["absent"])]
    places += [(f" ({name})", found["absent"]) for name, found in result["pipeline"]["corpora"].items()]
    lines = [f"{package}: not installed" for package in result["absent"]]
    lines += [
        f"{peer}{where}: {' '.join(reason.split())[:200]}"
        for where, peers in places
        for peer, reason in peers.items()
        if reason != "not installed"  # whose package is named above
    ]
    return "".join(f"* {line}\n" for line in lines) or "Nothing: every peer was installed and worked.\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else JSON)
