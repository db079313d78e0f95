"""How many processes may be started, from made-up control groups."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from melcli.run.process_limit import free_tasks, soft_limit, user_task_limit
from tests.run.engines.test_cpus import write


@pytest.mark.parametrize(
    "membership, files, expected",
    [
        pytest.param("0::/\n", {"pids.max": "max\n", "pids.current": "3\n"}, None, id="without a limit"),
        pytest.param("0::/\n", {"pids.max": "10\n", "pids.current": "3\n"}, 7, id="v2"),
        pytest.param(
            "0::/a/b\n",
            {"a/pids.max": "9\n", "a/pids.current": "8\n", "a/b/pids.max": "9\n", "a/b/pids.current": "1\n"},
            1,
            id="v2 limited from above",
        ),
        pytest.param("5:pids:/j\n", {"pids/j/pids.max": "4\n", "pids/j/pids.current": "5\n"}, 0, id="v1, over it"),
        pytest.param("5:cpu:/j\n", {"pids/j/pids.max": "4\n", "pids/j/pids.current": "1\n"}, None, id="v1, of another"),
        pytest.param("0::/\n", {"pids.max": "10\n"}, None, id="current cannot be read"),
        pytest.param("0::/\n", {"pids.max": "ten\n", "pids.current": "1\n"}, None, id="no number"),
        pytest.param("0::/\n", {}, None, id="nothing there"),
    ],
)
def test_the_free_tasks_of_a_control_group(
    tmp_path: Path, membership: str, files: dict[str, str], expected: int | None
) -> None:
    write(tmp_path / "cgroup", files)
    write(tmp_path, {"membership": membership})
    assert free_tasks(tmp_path / "cgroup", tmp_path / "membership") == expected


def test_limits_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {resource.RLIMIT_AS: 10**9, resource.RLIMIT_NPROC: 50, resource.RLIMIT_CORE: resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "getrlimit", lambda which: (limits[which], resource.RLIM_INFINITY))
    assert (soft_limit(resource.RLIMIT_AS), soft_limit(resource.RLIMIT_CORE)) == (10**9, None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert user_task_limit() == 50
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert user_task_limit() is None
