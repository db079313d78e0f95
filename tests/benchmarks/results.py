"""An artificial result of every benchmark, small and complete."""

from __future__ import annotations

from typing import Any

from benchmarks.core import DURATIONS_S
from benchmarks.settings import SETTINGS

STAGES = {"decode": 2.0, "resample": 0.5, "fft": 1.0, "write": 0.5}


def result() -> dict[str, Any]:
    """Return a result of ``python -m benchmarks``: the peer `slow` takes twice melcli's time, `quick` half."""
    return {
        "date": "2026-01-02 03:04 UTC",
        "machine": {"cpu": "Abacus", "cores": 2, "ram_gb": 8.0, "kernel": "Linux 6", "python": "3.11.7"},
        "versions": {"melcli": "0.1.0", "numpy": "2.4.6"},
        "absent": ["essentia"],
        "elapsed_s": {"core": 60.0, "pipeline": 120.0},
        "large": False,
        "core": _core(),
        "pipeline": {"jobs": 2, "rounds": 3, "corpora": {"hour": _corpus()}},
        "scaling": _scaling(),
        "memory": {"jobs": 2, "cases": {"a long file": _case()}},
    }


def _core() -> dict[str, Any]:
    timed = {
        "num_frames": 100,
        "best_s": {"melcli": 0.001, "slow": 0.002, "quick": 0.0005, "bare FFT": 0.0004},
        "peer_over_melcli": {
            "slow": {"median": 2.0, "rounds": [2.0]},
            "quick": {"median": 0.5, "rounds": [0.5]},
            "level": {"median": 0.99, "rounds": [0.99]},
        },
        "melcli_over_fft": {"median": 2.5, "rounds": [2.5]},
    }
    settings = {setting.name: {str(length): timed for length in DURATIONS_S} for setting in SETTINGS}
    return {
        "durations_s": list(DURATIONS_S),
        "rounds": 5,
        "groups": {"libraries": {"settings": settings}},
        "absent": {"Essentia": "not installed", "broken": "failed with ImportError('no MKL')"},
    }


def _corpus() -> dict[str, Any]:
    pairs = {"melcli_wall_s": [2.0], "melcli_cpu_s": [3.0], "wall_s": [4.0], "cpu_s": [9.0]}
    return {
        "about": "an hour",
        "num_files": 360,
        "audio_s": 3600.0,
        "ours": ["-c", "lhotse"],
        "peers": {
            "slow script": {"wall_ratio": 2.0, "cpu_ratio": 3.0, "ours": [], **pairs},
            "bare loop": {"wall_ratio": 0.7, "cpu_ratio": 0.8, "ours": [], **pairs},
        },
        "absent": {"Keras in tf.data": "not installed"},
        "cpu": {
            "melcli_cpu_s": 5.0,
            "start_up_cpu_s": 1.0,
            "floor_cpu_s": STAGES,
            "floor_wall_s": STAGES,
            "stages_wall_s": {**STAGES, "mel": 0.25, "wait": 0.125},
            "ratio": 1.25,
            "ratio_without_start_up": 1.0,
        },
    }


def _scaling() -> dict[str, Any]:
    return {
        "rounds": 3,
        "processes": {"wall_s": {}, "ratio": 1.9, "machine": 1.95},
        "long_among_short": {"wall_s": {"the long file, -j 1": [8.0], "together, -j 2": [8.4]}, "ratio": 1.05},
        "files": {"1000": {"wall_s": [2.0], "us_per_file": [1000.0], "over_fewest": 1.0, "no_op_s": [0.2]}},
        "known": {"1000": {"status": {"cpu_s": 0.6, "parent_mb": 31.0}}},
        "start_up": {
            "wall_s": {"import click": [0.1], "help": [0.12], "imports": [0.4], "one": [0.9]},
            "help": 1.2,
            "extract": 2.25,
        },
    }


def _case() -> dict[str, Any]:
    sizes = {"resident": 100.0, "anonymous": 60.0}
    return {"wall_s": 9.0, "peaks_mb": {"parent": sizes, "worker": sizes}, "pss_mb": 150.0}
