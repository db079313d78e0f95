"""Draws docs/mel.png from the program's own output.

    melcli extract sample_audio -o features -c keras_speech
    python docs/draw_mel.py features

Needs the extra ``plot``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import melcli

ITEM = "speech/english"
PICTURE = Path(__file__).with_name("mel.png")


def draw(out: str) -> None:
    """Draw one item of OUT over time and mels."""
    features = melcli.open_features(out)
    row = features.rows[ITEM]
    figure, axes = plt.subplots(figsize=(9, 3), layout="constrained")
    picture = axes.imshow(
        features[ITEM],
        origin="lower",
        aspect="auto",
        cmap="magma",
        extent=(0, row.num_frames * row.frame_shift, 0, row.num_features),
    )
    axes.set(xlabel="seconds", ylabel="mel bin", title=f"{ITEM}: {row.num_features} mels, {row.num_frames} frames")
    figure.colorbar(picture, label="dB")
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    draw(*sys.argv[1:])
