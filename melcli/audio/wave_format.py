"""The format chunk of WAV, W64 and RF64: the coding, and the size of its samples and blocks."""

from __future__ import annotations

import struct
from typing import NamedTuple

from melcli.audio.coding_names import READ_WAVE, READ_WAVEX, wave_name

__all__ = [
    "ALAW",
    "FLOAT",
    "G721",
    "GSM610",
    "IMA_ADPCM",
    "MAX_FORMAT_BYTES",
    "MS_ADPCM",
    "NMS_ADPCM",
    "PCM",
    "ULAW",
    "WaveFormat",
]

PCM, MS_ADPCM, FLOAT, ALAW, ULAW, IMA_ADPCM = 0x01, 0x02, 0x03, 0x06, 0x07, 0x11
GSM610, NMS_ADPCM, G721 = 0x31, 0x38, 0x40
_PLAIN = (PCM, FLOAT, ALAW, ULAW)
_EXTENSIBLE = 0xFFFE
# The bytes after the format tag in the GUIDs of Microsoft and of Ambisonic B format.
_LITTLE_GUIDS = (bytes.fromhex("000000001000800000aa00389b71"), bytes.fromhex("00002107d3118644c8c1ca000000"))
_BIG_GUIDS = (bytes.fromhex("00000010800000aa00389b71"),)
_LITTLE, _BIG = struct.Struct("<HHIIHH"), struct.Struct(">HHIIHH")
MAX_FORMAT_BYTES = 512  # of a format chunk; ordinary ones have up to 40


class WaveFormat(NamedTuple):
    """The fields of a format chunk.

    Attributes
    ----------
    tag : int
        Format tag of the coding; for WAVE_FORMAT_EXTENSIBLE, the tag in its GUID.
    num_channels, sampling_rate, bytes_per_second, block_bytes, bits : int
        ``block_bytes`` is the block align: bytes of one sample of all channels, or of one block of a block coding.
    is_extensible, is_known : bool
        Whether it is WAVE_FORMAT_EXTENSIBLE, and whether its GUID is a known one.
    extra : bytes
        The rest of the chunk.
    """

    tag: int
    num_channels: int
    sampling_rate: int
    bytes_per_second: int
    block_bytes: int
    bits: int
    is_extensible: bool
    is_known: bool
    extra: bytes

    @classmethod
    def read(cls, content: bytes, *, big_endian: bool = False) -> WaveFormat | None:
        """Parse the content of a format chunk; None if it is too short."""
        if len(content) < 16:
            return None
        tag, channels, rate, per_second, block, bits = (_BIG if big_endian else _LITTLE).unpack_from(content)
        is_extensible = tag == _EXTENSIBLE and len(content) >= 40
        is_known = True
        if is_extensible:
            at = 26 if big_endian else 24
            tag = int.from_bytes(content[at : at + 2], "big" if big_endian else "little")
            is_known = content[at + 2 : 40] in (_BIG_GUIDS if big_endian else _LITTLE_GUIDS)
        return cls(tag, channels, rate, per_second, block, bits, is_extensible, is_known, content[16:])

    @property
    def samples_per_block(self) -> int:
        """Samples per block of a block coding, from the header; 0 if not stated."""
        return int.from_bytes(self.extra[2:4], "little")

    @property
    def undecoded(self) -> str:
        """The name of a coding that libsndfile does not decode; otherwise empty."""
        if not self.is_known:
            return "a coding with an unknown GUID"
        if self.is_extensible:
            where = " in WAVE_FORMAT_EXTENSIBLE" if self.tag in READ_WAVE else ""
            return "" if self.tag in READ_WAVEX else f"{wave_name(self.tag)}{where}"
        return "" if self.tag in READ_WAVE else wave_name(self.tag)

    @property
    def is_plain(self) -> bool:
        """Whether samples are stored one after another, without gaps."""
        return self.tag in _PLAIN and self.block_bytes == self.num_channels * -(-self.bits // 8)

    @property
    def contradiction(self) -> str:
        """Why the size of a sample is unknown, as a sentence; empty if it is known."""
        if self.tag not in _PLAIN or self.is_plain or not self.block_bytes or self.is_24_in_32:
            return ""
        channels = f"{self.num_channels} channel{'s' * (self.num_channels != 1)} of {self.bits} bits"
        return f"its header contradicts itself: {channels} and a block align of {self.block_bytes} bytes"

    @property
    def is_24_in_32(self) -> bool:
        """Whether samples of up to 24 bits are in 32-bit containers, which libsndfile reads as packed 24 bits."""
        return self.tag == PCM and 16 < self.bits <= 24 and self.block_bytes == 4 * self.num_channels
