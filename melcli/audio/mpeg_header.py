"""Headers of MPEG audio frames (MP3, MP2, MP1)."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MPEG_1", "Header"]

MPEG_1 = 3  # version bits; 2 is MPEG-2, 0 is MPEG-2.5
MONO = 3  # mode bits
_KBPS_1 = {  # by layer; the index is in the header
    1: (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_KBPS_2 = {  # MPEG-2 and MPEG-2.5
    1: (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = (44_100, 48_000, 32_000)  # MPEG-1; halved for MPEG-2 and again for MPEG-2.5


class Header(NamedTuple):
    """The parsed header of a frame, its first four bytes."""

    version: int
    layer: int
    sampling_rate: int
    num_channels: int
    frame_bytes: int

    @classmethod
    def read(cls, data: bytes, offset: int = 0) -> Header | None:
        """Read a header; None if it is invalid or incomplete, or leaves the bit rate open (free format)."""
        if len(data) < offset + 4 or data[offset] != 0xFF or data[offset + 1] < 0xE0:
            return None
        version, layer = data[offset + 1] >> 3 & 3, 4 - (data[offset + 1] >> 1 & 3)
        kbps_index, rate_index = data[offset + 2] >> 4, data[offset + 2] >> 2 & 3
        if version == 1 or layer == 4 or rate_index == 3 or kbps_index in (0, 15):
            return None
        kbps = (_KBPS_1 if version == MPEG_1 else _KBPS_2)[layer][kbps_index]
        sampling_rate = _RATES_HZ[rate_index] >> {MPEG_1: 0, 2: 1, 0: 2}[version]
        frame_bytes = _frame_bytes(version, layer, sampling_rate, kbps, data[offset + 2] >> 1 & 1)
        num_channels = 1 if data[offset + 3] >> 6 == MONO else 2
        return cls(version, layer, sampling_rate, num_channels, frame_bytes)

    @property
    def stream(self) -> tuple[int, int, int, int]:
        """The fields that are the same in all frames of a stream."""
        return self[:4]

    @property
    def num_samples(self) -> int:
        """Samples per channel in a frame."""
        if self.layer == 1:
            return 384
        return 576 if self.layer == 3 and self.version != MPEG_1 else 1152

    @property
    def possible_frame_bytes(self) -> set[int]:
        """All sizes that a frame of this stream can have."""
        rates_kbps = (_KBPS_1 if self.version == MPEG_1 else _KBPS_2)[self.layer][1:]
        return {
            _frame_bytes(self.version, self.layer, self.sampling_rate, kbps, padding)
            for kbps in rates_kbps
            for padding in (0, 1)
        }


def _frame_bytes(version: int, layer: int, sampling_rate: int, kbps: int, padding: int) -> int:
    if layer == 1:
        return (12_000 * kbps // sampling_rate + padding) * 4
    samples_by_8 = 72 if layer == 3 and version != MPEG_1 else 144
    return samples_by_8 * 1000 * kbps // sampling_rate + padding
