"""What is left of a FLAC file behind the samples that its header counts.

libFLAC stops there without an error: 70,000 of 196,605 samples came out of a file whose count was damaged, and of two
files one after the other (``cat a.flac b.flac``) the first.  Frames that are left give both away.  libFLAC reads up to
8 KiB ahead, so that what is less than that cannot be seen.
"""

from __future__ import annotations

from melcli.audio.ending import Read

__all__ = ["goes_on"]

READ_AHEAD_BYTES = 8192
WINDOW_BYTES = 65_536  # holds several frames: one of 4096 samples in stereo and 24 bits has 24 kB at most
FRAMES_THAT_PROVE = 2  # bytes at random look like the header of a frame once in 10 MB
_POLYNOMIAL = 0x07
_SYNC = (b"\xff\xf8", b"\xff\xf9")
_LONGEST_HEADER = 16


def goes_on(read: Read, offset: int, end: int) -> bool:
    """Tell whether more frames follow, or a second file.

    Parameters
    ----------
    read : callable
        See `melcli.audio.ending.Read`.
    offset : int
        Where the decoder stopped reading, bytes.
    end : int
        Of the file, bytes.
    """
    if end - offset <= READ_AHEAD_BYTES:
        return False
    window = read(offset, WINDOW_BYTES)
    return b"fLaC" in window or sum(_begins_frame(window, at) for at in _syncs(window)) >= FRAMES_THAT_PROVE


def _syncs(window: bytes) -> list[int]:
    found = []
    for sync in _SYNC:
        at = window.find(sync)
        while at >= 0:
            found.append(at)
            at = window.find(sync, at + 1)
    return found


def _begins_frame(window: bytes, at: int) -> bool:
    """Hold the header of a frame against its CRC-8."""
    header = window[at : at + _LONGEST_HEADER]
    if len(header) < _LONGEST_HEADER:
        return False
    block_code, rate_code = header[2] >> 4, header[2] & 15
    if block_code == 0 or rate_code == 15 or header[3] >> 4 > 10 or header[3] & 1:
        return False
    ones = f"{header[4]:08b}".find("0")  # of the number's first byte, as in UTF-8
    if ones in (1, -1):
        return False
    size = 4 + max(1, ones) + {6: 1, 7: 2}.get(block_code, 0) + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    return _crc_8(header[:size]) == header[size]


def _crc_8(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ _POLYNOMIAL) & 0xFF if value & 0x80 else value << 1
    return value
