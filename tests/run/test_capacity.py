"""Which limits are named at the start of a run, and which advice is given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from melcli.run import execute
from melcli.run.capacity import Capacity, capacity_warnings, read_capacity
from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, plant

MB = 1_000_000


@pytest.mark.parametrize(
    "capacity, workers, format_, warning",
    [
        (
            Capacity(group_memory_bytes=120 * MB),
            4,
            "npy",
            "the memory limit of this control group is 120 MB; 4 workers need at least 170 MB: "
            "use -j 2, or raise the limit",
        ),
        (
            Capacity(group_memory_bytes=120 * MB),
            4,
            "hdf5",
            "the memory limit of this control group is 120 MB; 4 workers need at least 226 MB: "
            "use -j 1, or raise the limit",
        ),
        (
            Capacity(group_memory_bytes=50 * MB),
            1,
            "npy",
            "the memory limit of this control group is 50 MB; 1 worker needs at least 59 MB: raise the limit",
        ),
        (
            Capacity(address_space_bytes=300 * MB),
            1,
            "npy",
            "the limit on address space (ulimit -v) is 300 MB; a worker needs about 345 MB: raise the limit",
        ),
        (
            Capacity(data_bytes=130 * MB),
            1,
            "npy",
            "the limit on data (ulimit -d) is 130 MB; a worker needs about 172 MB: raise the limit",
        ),
        (
            Capacity(group_free_tasks=7),
            4,
            "npy",
            "too few processes and threads: the control group allows only 7 more; 4 workers need 10: "
            "use -j 2, or raise the limit",
        ),
        (
            Capacity(user_tasks=3),
            8,
            "npy",
            "too few processes and threads: the limit of this user (ulimit -u) is 3; 8 workers need 18: "
            "raise the limit",
        ),
    ],
)
def test_what_is_short_is_named(
    capacity: Capacity, workers: int, format_: Literal["npy", "hdf5"], warning: str
) -> None:
    assert capacity_warnings(capacity, workers=workers, format_=format_) == [warning]


@pytest.mark.parametrize(
    "capacity",
    [
        Capacity(),
        Capacity(
            group_memory_bytes=170 * MB,
            address_space_bytes=345 * MB,
            data_bytes=172 * MB,
            group_free_tasks=10,
            user_tasks=10,
        ),
    ],
)
def test_enough_is_no_warning(capacity: Capacity) -> None:
    assert capacity_warnings(capacity, workers=4, format_="npy") == []


def test_this_machine_is_enough() -> None:
    assert capacity_warnings(read_capacity(), workers=1, format_="npy") == []


def test_the_warning_is_told_once_and_changes_nothing_else(
    melcli: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plant(tmp_path / "in", "a.wav", "b.wav")
    monkeypatch.setattr(execute, "read_capacity", lambda: Capacity(group_memory_bytes=70 * MB))
    ended = melcli("extract", tmp_path / "in", *LIGHT, "-j", "8", "-o", tmp_path / "out", "--json", "-q")
    warning = (
        "the memory limit of this control group is 70 MB; 2 workers need at least 96 MB: use -j 1, or raise the limit"
    )
    assert (ended.code, ended.err) == (0, f"warning: {warning}\n")  # two inputs need no more than two workers
    assert json.loads(ended.out)["warnings"] == [warning]
