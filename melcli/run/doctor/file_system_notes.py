"""Limits of kinds of file systems that tests on one machine cannot find."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["file_system_note"]

_SMB = (
    "a network file system: locks and flushes depend on the server and the mount options (nobrl and cache=loose "
    "weaken both)"
)
_HOST_SHARE = "locks and flushes depend on the host's program"
_MEMORY = "in memory: its files do not survive a reboot or a power cut"
_NO_JOURNAL = "a file system without a journal: a power cut can damage older files, flushed or not"
_SETTINGS = "a network file system: whether locks work between machines depends on its settings"
# By the first letters of the kind.
_NOTES: Mapping[str, str] = {
    "nfs": "a network file system: locks between machines depend on the server; after an interrupted connection, a "
    "successful flush or rename may be reported as failed, and a failed one as successful",
    "cifs": _SMB,
    "smb": _SMB,
    "fuse": "a file system in user space: flushes, locks and renames depend on its program; object stores and sshfs "
    "often guarantee less than a disk",
    "9p": f"a share of the host (9p): {_HOST_SHARE}",
    "virtiofs": f"a share of the host (virtiofs): {_HOST_SHARE}",
    "drvfs": f"a share of the host: {_HOST_SHARE}",
    "overlay": "the writable layer of a container: it is deleted with the container; mount a volume for OUT",
    "tmpfs": _MEMORY,
    "ramfs": _MEMORY,
    "vfat": _NO_JOURNAL,
    "exfat": _NO_JOURNAL,
    "lustre": "a network file system: locks need the mount option flock; with localflock they work on one machine only",
    "gpfs": _SETTINGS,
    "ceph": _SETTINGS,
    "beegfs": "a network file system: locks between machines need its option tuneUseGlobalFileLocks",
}


def file_system_note(kind: str) -> str:
    """Return a warning about a kind of file system, as a predicate; empty for a local disk."""
    return next((note for name, note in _NOTES.items() if kind.startswith(name)), "")
