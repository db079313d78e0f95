"""What the header of a file promises, for containers that libsndfile does not read: MP4, Matroska, ASF, AVI, WavPack.

ffmpeg decodes a truncated file up to its end, in some containers without an error.
"""

from __future__ import annotations

from melcli.audio.end_of_audio import Read
from melcli.audio.ffmpeg.iso_media import is_iso_media, iso_media_end
from melcli.audio.ffmpeg.media_end import MediaEnd

__all__ = ["MediaEnd", "media_end"]

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
_MAX_EBML_HEADER_BYTES = 4096
_WAVPACK = b"wvpk"
_MAX_WAVPACK_BLOCKS = 1_000_000  # 5 days at the usual half second
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_ENCRYPTION = (
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),  # content encryption
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),  # extended content encryption
)
_ASF_MAX_OBJECTS = 1000
_ASF_BROADCAST = 1  # a flag: the size is not valid


def media_end(read: Read, file_size: int) -> MediaEnd:
    """Describe the end of a file from its container.

    Parameters
    ----------
    read : callable
        See `melcli.audio.end_of_audio.Read`.
    file_size : int
        In bytes.
    """
    head = read(0, 16)
    if is_iso_media(head):
        return iso_media_end(read, file_size)
    if head.startswith(_EBML):
        return _matroska_end(read, file_size)
    if head == _ASF:
        return _asf_end(read, file_size)
    if head.startswith(_WAVPACK):
        return _wavpack_end(read, file_size)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        claimed = 8 + int.from_bytes(head[4:8], "little")
        return MediaEnd(shortfall=_shortfall("AVI", claimed, file_size))
    return MediaEnd()


def _shortfall(container: str, claimed: int, file_size: int) -> str:
    """Return the sentence about a file that is shorter than its header claims; ``""`` if it is not."""
    if claimed <= file_size:
        return ""
    return f"its {container} header claims {claimed:,} bytes, but the file has {file_size:,}"


def _matroska_end(read: Read, file_size: int) -> MediaEnd:
    """Compare the size of the segment, which contains all audio, with that of the file."""
    size, start = _ebml_size(read(4, 8), 4)
    if size is None or size > _MAX_EBML_HEADER_BYTES:
        return MediaEnd()
    segment = start + size
    if read(segment, 4) != _SEGMENT:
        return MediaEnd(shortfall="it ends inside the header of Matroska" if segment + 12 > file_size else "")
    size, start = _ebml_size(read(segment + 4, 8), segment + 4)
    if size is None:  # as live streams have it
        return MediaEnd(is_open_ended=True)
    return MediaEnd(shortfall=_shortfall("Matroska", start + size, file_size))


def _wavpack_end(read: Read, file_size: int) -> MediaEnd:
    """Follow the blocks, each of which has its size, to the end of the file."""
    start = 0
    for _ in range(_MAX_WAVPACK_BLOCKS):
        head = read(start, 8)
        if len(head) < 8 or not head.startswith(_WAVPACK):  # damage, or tags, which ffmpeg finds
            break
        start += 8 + int.from_bytes(head[4:], "little")
        if start > file_size:
            return MediaEnd(shortfall="it ends inside a block of WavPack")
    return MediaEnd()


def _ebml_size(data: bytes, offset: int) -> tuple[int | None, int]:
    """Return a size of variable length, and the offset after it; None for an unknown size."""
    if not data or not data[0]:
        return None, offset
    length = 9 - data[0].bit_length()
    value = int.from_bytes(data[:length], "big") & ((1 << 7 * length) - 1)
    return (None if value == (1 << 7 * length) - 1 else value), offset + length


def _asf_end(read: Read, file_size: int) -> MediaEnd:
    """Compare the size in the properties of the file with its size, and look for objects of encryption."""
    header_bytes, count = int.from_bytes(read(16, 8), "little"), int.from_bytes(read(24, 4), "little")
    offset, claimed, is_encrypted = 30, 0, False
    for _ in range(min(count, _ASF_MAX_OBJECTS)):
        head = read(offset, 24)
        size = int.from_bytes(head[16:24], "little")
        if size < 24 or offset + size > header_bytes:
            break
        if head[:16] == _ASF_FILE_PROPERTIES:
            properties = read(offset, 92)
            is_valid = len(properties) == 92 and not int.from_bytes(properties[88:92], "little") & _ASF_BROADCAST
            claimed = int.from_bytes(properties[40:48], "little") if is_valid else 0
        is_encrypted = is_encrypted or head[:16] in _ASF_ENCRYPTION
        offset += size
    if header_bytes > file_size:
        claimed = max(claimed, header_bytes)
    return MediaEnd(
        shortfall=_shortfall("ASF", claimed, file_size), encryption="Windows Media DRM" if is_encrypted else ""
    )
