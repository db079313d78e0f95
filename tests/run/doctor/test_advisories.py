"""Known-bad versions, and file systems that promise less than trials show."""

from __future__ import annotations

import re

import pytest

from melcli.run.doctor import advisories
from melcli.run.doctor.advisories import advisories_on, file_system_note


@pytest.mark.parametrize(
    "library, version, words",
    [
        ("click", "8.2.1", ""),
        ("click", "8.3.0", "defaults of flags"),
        ("click", "8.3.1", ""),
        ("filelock", "3.20.0", "CVE-2025-68146"),
        ("filelock", "3.20.1", ""),
        ("filelock", "4.3.1", ""),
        ("libsndfile", "1.0.28", "no MP3"),
        ("libsndfile", "1.0.31", "no MP3"),
        ("libsndfile", "1.1.0", "CVE-2026-37555"),
        ("libsndfile", "1.2.2", "CVE-2026-37555"),
        ("libsndfile", "1.2.3", ""),
        ("HDF5", "1.14.3", "CVE-2026-26200"),
        ("HDF5", "1.14.3-1", "CVE-2026-26200"),
        ("HDF5", "1.14.4-2", ""),
        ("HDF5", "2.0.0", ""),
        ("numpy", "2.0.0rc1", ""),
        ("libsndfile", "unknown", "no MP3"),
    ],
)
def test_versions(library: str, version: str, words: str) -> None:
    found = list(advisories_on({library: version}))
    assert len(found) == bool(words)
    assert all(words in advisory.what for advisory in found)


def test_every_advisory_names_its_source() -> None:
    assert all(advisory.source.startswith("https://") for advisory in advisories._ADVISORIES)
    assert re.fullmatch(r"20\d\d-[01]\d", advisories.AS_OF)


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
        ("vfat", "no journal"),
    ],
)
def test_file_systems(kind: str, words: str) -> None:
    note = file_system_note(kind)
    assert words in note
    assert bool(words) == bool(note)
