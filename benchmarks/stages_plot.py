"""Draws where the time of whole commands goes, beside what cannot be avoided; needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["bars", "draw"]

COLORS = {
    "decode": "#4477aa",
    "resample": "#66ccee",
    "fft": "#228833",
    "mel": "#99cc66",
    "log": "#ccbb44",
    "write": "#ee6677",
    "other": "#aa3377",
    "wait": "#dddddd",
    "all stages": "#bbbbbb",
}


def bars(result: dict[str, Any]) -> list[tuple[str, dict[str, float]]]:
    """Return the bars, each a name and the seconds of its stages for an hour of audio.

    Where melcli did not tell its stages, its CPU seconds are one piece.
    """
    found = []
    for name, corpus in result["corpora"].items():
        per_hour = 3600 / corpus["audio_s"]
        for title, stages in (
            ("unavoidable", corpus["cpu"]["floor_wall_s"]),
            ("melcli", corpus["cpu"]["stages_wall_s"] or {"all stages": corpus["cpu"]["melcli_cpu_s"]}),
        ):
            found.append((f"{name}: {title}", {stage: per_hour * spent for stage, spent in stages.items()}))
    return found


def draw(result: dict[str, Any], path: Path) -> None:
    """Write the plot as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = bars(result)[::-1]
    figure, axes = plt.subplots(figsize=(9, 0.6 + 0.45 * len(rows)), layout="constrained")
    for place, (_, stages) in enumerate(rows):
        left = 0.0
        for stage, spent_s in stages.items():
            axes.barh(place, spent_s, left=left, color=COLORS.get(stage, "#888888"), edgecolor="white", linewidth=0.5)
            left += spent_s
    shown = [stage for stage in COLORS if any(stages.get(stage) for _, stages in rows)]
    handles = [plt.Rectangle((0, 0), 1, 1, color=COLORS[stage]) for stage in shown]
    axes.legend(
        handles,
        ["FFT" if stage == "fft" else stage for stage in shown],
        ncols=len(shown),
        fontsize="small",
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        frameon=False,
    )
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_xlabel("seconds for an hour of audio, over all workers")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
