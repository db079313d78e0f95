"""Headers of MP4, Matroska and ASF in bytes."""

from __future__ import annotations

__all__ = ["FTYP", "MDAT", "asf", "box", "edit_list", "matroska", "movie", "track"]


def box(kind: bytes, *content: bytes) -> bytes:
    joined = b"".join(content)
    return (8 + len(joined)).to_bytes(4, "big") + kind + joined


def track(
    *, ticks: int = 80_000, hz: int = 8000, handler: bytes = b"soun", coding: bytes = b"mp4a", edits: bytes = b""
) -> bytes:
    header = bytes(12) + hz.to_bytes(4, "big") + ticks.to_bytes(4, "big") + bytes(4)
    table = box(
        b"stbl",
        box(b"stsd", bytes(4), (1).to_bytes(4, "big"), box(coding, bytes(16), b"\0\2", bytes(6), b"\x1f\x40\0\0")),
    )
    media = box(b"mdia", box(b"mdhd", header), box(b"hdlr", bytes(8), handler, bytes(12)), box(b"minf", table))
    return box(b"trak", *([box(b"edts", box(b"elst", edits))] if edits else []), media)


def movie(*tracks: bytes, hz: int = 1000) -> bytes:
    return box(b"moov", box(b"mvhd", bytes(12), hz.to_bytes(4, "big"), bytes(84)), *tracks)


def edit_list(*entries: tuple[int, int]) -> bytes:
    return (
        bytes(4)
        + len(entries).to_bytes(4, "big")
        + b"".join(
            duration.to_bytes(4, "big") + start.to_bytes(4, "big", signed=True) + b"\0\1\0\0"
            for duration, start in entries
        )
    )


def matroska(size: int, *, unknown: bool = False) -> bytes:
    length = b"\x01" + (b"\xff" * 7 if unknown else size.to_bytes(7, "big"))
    return b"\x1a\x45\xdf\xa3\x84" + bytes(4) + b"\x18\x53\x80\x67" + length + bytes(size)


def asf(size: int, *, broadcast: bool = False, encrypted: bool = False) -> bytes:
    properties = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365") + (104).to_bytes(8, "little") + bytes(16)
    properties += size.to_bytes(8, "little") + bytes(40) + bool(broadcast).to_bytes(4, "little") + bytes(12)
    protection = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e") + (24).to_bytes(8, "little")
    objects = properties + (protection if encrypted else b"")
    head = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + (30 + len(objects)).to_bytes(8, "little")
    return (head + (1 + encrypted).to_bytes(4, "little") + b"\1\2" + objects).ljust(size, b"\0")


FTYP = box(b"ftyp", b"M4A ", bytes(4))
MDAT = box(b"mdat", bytes(1000))
