"""How many processes the system killed for memory: of the own control group, or else of the whole system."""

from __future__ import annotations

from pathlib import Path

import pytest

from melcli.run.engines.oom import count_oom_kills

VMSTAT = "nr_free_pages 9\noom_kill 70\noom_kill_x 8\n"


@pytest.mark.parametrize(
    "membership, files, expected",
    [
        ("0::/a/b\n", {"a/b/memory.events": "oom 3\noom_kill 2\n", "memory.events": "oom_kill 40\n"}, 2),
        ("4:memory:/a\n0::/\n", {"memory/a/memory.oom_control": "under_oom 0\noom_kill 5\n"}, 5),
        ("4:cpu,memory:/a\n", {"memory/a/memory.oom_control": "under_oom 0\n", "memory/memory.oom_control": ""}, 70),
        ("0::/a/b\n", {"a/memory.events": "oom_kill 6\n"}, 6),  # that of the parent, where the own one is not seen
        ("0::/a\n", {}, 70),
    ],
)
def test_the_own_group_is_asked_first(tmp_path: Path, membership: str, files: dict[str, str], expected: int) -> None:
    (tmp_path / "membership").write_text(membership)
    (tmp_path / "vmstat").write_text(VMSTAT)
    for name, content in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert count_oom_kills(tmp_path / "cgroup", tmp_path / "membership", tmp_path / "vmstat") == expected


def test_where_nothing_is_told_it_is_none(tmp_path: Path) -> None:
    assert count_oom_kills(tmp_path, tmp_path / "membership", tmp_path / "vmstat") == 0
