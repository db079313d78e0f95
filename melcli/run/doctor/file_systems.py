"""What kinds of file systems do not promise, whatever trials on one machine show."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["file_system_note"]

# By the beginning of the kind's name.
_FILE_SYSTEMS: Mapping[str, str] = {
    "nfs": "a network file system: locks between machines are the server's to keep; after an interrupted connection a "
    "flush or a rename can have failed though it was done, or the other way round",
    "cifs": "a network file system: locks and flushes are what the server and the mount's options make of them (nobrl "
    "and cache=loose weaken both)",
    "smb": "a network file system: locks and flushes are what the server and the mount's options make of them (nobrl "
    "and cache=loose weaken both)",
    "fuse": "a file system in user space: what flushes, locks and renames promise is up to the program behind it, and "
    "for object stores and sshfs that is often less than a disk does",
    "9p": "a share of the host (9p): locks and flushes end at what the host's program passes on",
    "virtiofs": "a share of the host (virtiofs): locks and flushes end at what the host's program passes on",
    "drvfs": "a share of the host: locks and flushes end at what the host's program passes on",
    "overlay": "a container's own layer: it goes when the container is removed; mount a volume for OUT",
    "tmpfs": "in memory: nothing of it survives a reboot or a power cut",
    "ramfs": "in memory: nothing of it survives a reboot or a power cut",
    "vfat": "no journal: a power cut can damage what stood there before, flushed or not",
    "exfat": "no journal: a power cut can damage what stood there before, flushed or not",
    "lustre": "a network file system: locks need the mount's option flock; with localflock they hold on one machine",
    "gpfs": "a network file system: that locks hold between machines is up to its settings",
    "ceph": "a network file system: that locks hold between machines is up to its settings",
    "beegfs": "a network file system: locks between machines need its option tuneUseGlobalFileLocks",
}


def file_system_note(kind: str) -> str:
    """Say what a kind of file system does not promise, whatever trials showed; empty for a plain disk."""
    return next((note for name, note in _FILE_SYSTEMS.items() if kind.startswith(name)), "")
