"""How much memory may be used, from made-up control groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from melcli.run import memory_limit
from melcli.run.memory_limit import cgroup_memory, physical_memory_bytes, usable_memory_bytes
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


@pytest.mark.parametrize("limit, expected", [(None, 10**9), (5 * 10**8, 5 * 10**8), (10**10, 10**9)])
def test_the_smaller_of_both_may_be_used(monkeypatch: pytest.MonkeyPatch, limit: int | None, expected: int) -> None:
    monkeypatch.setattr(memory_limit, "cgroup_memory", lambda root, membership: limit)
    monkeypatch.setattr(memory_limit, "physical_memory_bytes", lambda: 10**9)
    assert usable_memory_bytes() == expected


def test_this_machine_has_some() -> None:
    assert 10**8 < usable_memory_bytes() <= physical_memory_bytes()
