"""File systems that promise less than trials show."""

from __future__ import annotations

import pytest

from melcli.run.doctor.file_system_notes import file_system_note


@pytest.mark.parametrize(
    "kind, words",
    [
        ("ext4", ""),
        ("xfs", ""),
        ("btrfs", ""),
        ("apfs", ""),
        ("nfs", "network"),
        ("nfs4", "network"),
        ("cifs", "network"),
        ("smb3", "network"),
        ("fuse.sshfs", "user space"),
        ("fuseblk", "user space"),
        ("9p", "host"),
        ("virtiofs", "host"),
        ("overlay", "container"),
        ("tmpfs", "memory"),
        ("vfat", "without a journal"),
    ],
)
def test_file_systems(kind: str, words: str) -> None:
    note = file_system_note(kind)
    assert words in note
    assert bool(words) == bool(note)
