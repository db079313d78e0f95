"""What a worker needs does not grow with the length of a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from melcli.threads import ONE_THREAD
from tests.elapsed import run
from tests.run.corpus import RATE_HZ
from tests.tiers import full_but

SHORT_S, LONG_S = 600, 3000  # the shorter fills a chunk of features too
ALLOWED_MB = 30  # the features of the longer are 38 MB more, its samples 77
FEATURES = ("sampling_rate=8000", "sequence_stride=256", "output.shard_mb=1")
TIME_FIRST = ("mean=bin", "std=all", "time_major=true")


@pytest.fixture(scope="module")
def noises(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """A file for each length in seconds: the same minute of noise again and again."""
    folder = tmp_path_factory.mktemp("noises")
    minute = 0.1 * np.random.default_rng(0).standard_normal(60 * RATE_HZ)
    paths = {}
    for seconds in (SHORT_S, LONG_S):
        paths[seconds] = folder / f"{seconds}.wav"
        with soundfile.SoundFile(paths[seconds], "w", RATE_HZ, 1) as file:
            while file.frames < seconds * RATE_HZ:
                file.write(minute[: seconds * RATE_HZ - file.frames])
    return paths


def peak_mb(source: Path, out: Path, *sets: str) -> float:
    command = [sys.executable, "-m", "tests.run.one_batch", str(source), str(out), *sets]
    ended = run(command, env={**os.environ, **ONE_THREAD}, text=True, check=True)
    told = json.loads(ended.stdout)
    assert told["status"] == "ok"
    return float(told["peak_mb"])


@pytest.mark.full
@pytest.mark.parametrize(
    "sets",
    full_but(
        [
            (),
            TIME_FIRST,
            (*TIME_FIRST, "output.format=hdf5"),
            ("output.dtype=float16", "top_db=null", "ref_power=max"),
            ("sampling_rate=11025", "audio.resampler=polyphase"),
        ],
        (*TIME_FIRST, "output.format=hdf5"),
    ),
    ids=lambda sets: " ".join(sets) or "keras",
)
def test_a_long_file_takes_as_much_memory_as_a_short_one(
    tmp_path: Path, noises: dict[int, Path], sets: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    short_mb, long_mb = (peak_mb(noises[seconds], out, *FEATURES, *sets) for seconds in (SHORT_S, LONG_S))
    assert long_mb < short_mb + ALLOWED_MB
    assert long_mb < 250
    assert [path for path in out.rglob("*") if path.name.endswith(".tmp")] == []


@pytest.mark.full
def test_the_comparison_would_notice_a_signal_that_is_read_whole(tmp_path: Path, noises: dict[int, Path]) -> None:
    reads_whole = (
        "import sys, numpy, soundfile; from tests.run.one_batch import peak_mb;"
        "signal = soundfile.read(sys.argv[1], dtype='float32')[0]; print(peak_mb())"
    )
    short_mb, long_mb = (
        float(subprocess.check_output([sys.executable, "-c", reads_whole, str(noises[seconds])]))
        for seconds in (SHORT_S, LONG_S)
    )
    assert long_mb > short_mb + ALLOWED_MB
