"""Known problems of library versions and file systems."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["AS_OF", "Advisory", "advisories_on", "file_system_note"]

AS_OF = "2026-06"  # the newest of the sources; what became known later is not here


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """Something that is wrong with versions of a library.

    Attributes
    ----------
    library : str
        As `melcli.run.doctor.libraries.Library.versions` calls it.
    since : str
        The first version that has it; empty for all from the beginning.
    until : str
        The last version that has it.
    what : str
        What is wrong, and what it means for melcli.
    source : str
        Where that is written.
    """

    library: str
    since: str = ""
    until: str
    what: str
    source: str

    def holds_for(self, version: str) -> bool:
        """Tell whether a version has it."""
        return _numbers(self.since) <= _numbers(version) <= _numbers(self.until)


# Each was read at its source.  Of numpy, scipy and soxr nothing is known that would matter here.
_ADVISORIES = (
    Advisory(
        library="click",
        since="8.3.0",
        until="8.3.0",
        what="the defaults of flags are broken; melcli excludes this version",
        source="https://github.com/pallets/click/issues/3111",
    ),
    Advisory(
        library="filelock",
        until="3.20.0",
        what="CVE-2025-68146: whoever can write to OUT can have another file emptied, by a link in place of the lock",
        source="https://github.com/advisories/GHSA-w853-jp5j-5j7f",
    ),
    Advisory(
        library="libsndfile",
        until="1.0.31",
        what="it reads no MP3, and CVE-2021-3246: a hostile WAV writes beyond its buffer",
        source="https://github.com/libsndfile/libsndfile/issues/687",
    ),
    Advisory(
        library="libsndfile",
        until="1.2.2",
        what="CVE-2022-33065 and CVE-2026-37555: headers of hostile files overflow integers. A decoder that crashes "
        "costs its worker and that file; builds may have the fix without another version number",
        source="https://github.com/libsndfile/libsndfile/issues/1120",
    ),
    Advisory(
        library="HDF5",
        until="1.14.3",
        what="CVE-2026-26200: a hostile HDF5 file writes beyond its buffer; only read shards and compare files of "
        "people that you trust",
        source="https://nvd.nist.gov/vuln/detail/CVE-2026-26200",
    ),
)

# What trials on one machine cannot show, by the beginning of a file system's name.
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


def advisories_on(versions: Mapping[str, str]) -> Iterator[Advisory]:
    """Yield what is known against these versions; of two on one library the first, which says the worse.

    Parameters
    ----------
    versions : Mapping of str to str
        By library.
    """
    told = set()
    for advisory in _ADVISORIES:
        version = versions.get(advisory.library)
        if version is not None and advisory.library not in told and advisory.holds_for(version):
            told.add(advisory.library)
            yield advisory


def file_system_note(kind: str) -> str:
    """Say what a kind of file system does not promise, whatever trials showed; empty for a plain disk."""
    return next((note for name, note in _FILE_SYSTEMS.items() if kind.startswith(name)), "")


def _numbers(version: str) -> tuple[int, ...]:
    """Read ``1.14.4-2`` as numbers; a fourth and what follows it makes no difference."""
    return tuple(int(digits) for digits in re.findall(r"\d+", version)[:3])
