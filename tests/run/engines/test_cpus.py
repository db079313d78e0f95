"""The processors that may really be used, from made-up control groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from melcli.run.engines import cpus
from melcli.run.engines.cpus import cgroup_quota, usable_cpus


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize(
    "membership, files, expected",
    [
        pytest.param("0::/\n", {"cpu.max": "max 100000\n"}, None, id="v2 without a quota"),
        pytest.param("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5, id="v2 in a container: the root is our own"),
        pytest.param("0::/job\n", {"job/cpu.max": "50000 100000\n"}, 0.5, id="v2 below one processor"),
        pytest.param(
            "0::/slice/job\n",
            {"slice/cpu.max": "200000 100000\n", "slice/job/cpu.max": "max 100000\n"},
            2.0,
            id="v2 limited from above",
        ),
        pytest.param(
            "0::/slice/job\n",
            {"slice/cpu.max": "400000 100000\n", "slice/job/cpu.max": "300000 100000\n"},
            3.0,
            id="v2 the least of both",
        ),
        pytest.param("0::/other/view\n", {"cpu.max": "200000 100000\n"}, 2.0, id="v2 our group is not to be seen"),
        pytest.param(
            "4:cpu,cpuacct:/job\n",
            {"cpu/job/cpu.cfs_quota_us": "250000\n", "cpu/job/cpu.cfs_period_us": "100000\n"},
            2.5,
            id="v1",
        ),
        pytest.param(
            "4:cpu,cpuacct:/job\n",
            {"cpu/job/cpu.cfs_quota_us": "-1\n", "cpu/job/cpu.cfs_period_us": "100000\n"},
            None,
            id="v1 without a quota",
        ),
        pytest.param(
            "4:cpu:/slice/job\n",
            {
                "cpu/job/cpu.cfs_quota_us": "100000\n",
                "cpu/cpu.cfs_quota_us": "600000\n",
                "cpu/cpu.cfs_period_us": "200000\n",
            },
            3.0,
            id="v1 limited from above",
        ),
        pytest.param(
            "5:cpuset:/job\n4:memory:/job\n",
            {"cpu/job/cpu.cfs_quota_us": "100000\n", "cpu/job/cpu.cfs_period_us": "100000\n"},
            None,
            id="v1 of other controllers",
        ),
        pytest.param("0::/\n", {"cpu.max": "nonsense\n"}, None, id="not a quota"),
        pytest.param("0::/\n", {}, None, id="nothing there"),
    ],
)
def test_the_quota(tmp_path: Path, membership: str, files: dict[str, str], expected: float | None) -> None:
    root = tmp_path / "cgroup"
    write(root, files)
    # Above the file system's root nothing is ours.
    write(tmp_path, {"cpu.max": "1000 100000\n", "membership": membership})
    assert cgroup_quota(root, tmp_path / "membership") == expected


def test_no_control_groups(tmp_path: Path) -> None:
    assert cgroup_quota(tmp_path, tmp_path / "not there") is None


@pytest.mark.parametrize(
    "affinity, quota, expected", [(8, None, 8), (8, 2.0, 2), (8, 1.5, 2), (8, 0.1, 1), (2, 16.0, 2), (1, None, 1)]
)
def test_the_lesser_of_affinity_and_quota_rounded_up(
    monkeypatch: pytest.MonkeyPatch, affinity: int, quota: float | None, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(affinity)), raising=False)
    monkeypatch.setattr(cpus, "cgroup_quota", lambda root, membership: quota)
    assert usable_cpus() == expected


def test_without_affinity_the_processors_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    monkeypatch.setattr(cpus, "cgroup_quota", lambda root, membership: None)
    assert usable_cpus() == 1
