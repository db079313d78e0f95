"""What may be used of the machine, from real limits."""

from __future__ import annotations

import os
import resource

import pytest

from melcli.run.doctor import machine
from melcli.run.doctor.machine import inspect_machine


def test_this_machine() -> None:
    found = inspect_machine()
    assert 1 <= found.usable_cpus <= found.affinity_cpus <= found.cpus == os.cpu_count()
    assert found.memory_bytes > 10**8
    assert found.open_files == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_limits_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {resource.RLIMIT_AS: 10**9, resource.RLIMIT_FSIZE: 4096, resource.RLIMIT_CORE: 0}
    monkeypatch.setattr(
        resource, "getrlimit", lambda which: (limits.get(which, resource.RLIM_INFINITY), resource.RLIM_INFINITY)
    )
    monkeypatch.setattr(machine, "cgroup_memory", lambda root, membership: 2 * 10**9)
    found = inspect_machine()
    assert found.memory_limit_bytes == 10**9
    assert (found.open_files, found.file_size_bytes, found.core_bytes) == (None, 4096, 0)
