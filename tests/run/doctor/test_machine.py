"""What may be used of the machine, from made-up control groups and real limits."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from melcli.run.doctor import machine
from melcli.run.doctor.machine import cgroup_memory, examine_machine
from tests.run.engines.test_cpus import write


@pytest.mark.parametrize(
    "membership, files, expected",
    [
        pytest.param("0::/\n", {"memory.max": "max\n"}, None, id="v2 without a limit"),
        pytest.param("0::/\n", {"memory.max": "1000000\n"}, 1_000_000, id="v2 in a container"),
        pytest.param("0::/a/b\n", {"a/memory.max": "5\n", "a/b/memory.max": "7\n"}, 5, id="v2 limited from above"),
        pytest.param("4:memory:/j\n", {"memory/j/memory.limit_in_bytes": "9\n"}, 9, id="v1"),
        pytest.param(
            "4:memory:/j\n", {"memory/j/memory.limit_in_bytes": "9223372036854771712\n"}, None, id="v1 without a limit"
        ),
        pytest.param("4:cpu:/j\n", {"memory/j/memory.limit_in_bytes": "9\n"}, None, id="v1 of another controller"),
        pytest.param("0::/\n", {}, None, id="nothing there"),
    ],
)
def test_the_memory_of_a_control_group(
    tmp_path: Path, membership: str, files: dict[str, str], expected: int | None
) -> None:
    write(tmp_path / "cgroup", files)
    write(tmp_path, {"membership": membership})
    assert cgroup_memory(tmp_path / "cgroup", tmp_path / "membership") == expected


def test_without_control_groups(tmp_path: Path) -> None:
    assert cgroup_memory(tmp_path, tmp_path / "not there") is None


def test_this_machine() -> None:
    found = examine_machine()
    assert 1 <= found.usable_cpus <= found.affinity_cpus <= found.cpus == os.cpu_count()
    assert found.memory_bytes > 10**8
    assert found.open_files == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_limits_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {resource.RLIMIT_AS: 10**9, resource.RLIMIT_FSIZE: 4096, resource.RLIMIT_CORE: 0}
    monkeypatch.setattr(
        resource, "getrlimit", lambda which: (limits.get(which, resource.RLIM_INFINITY), resource.RLIM_INFINITY)
    )
    monkeypatch.setattr(machine, "cgroup_memory", lambda root, membership: 2 * 10**9)
    found = examine_machine()
    assert found.memory_limit_bytes == 10**9
    assert (found.open_files, found.file_size_bytes, found.core_bytes) == (None, 4096, 0)
