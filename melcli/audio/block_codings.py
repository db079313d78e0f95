"""Sample counts of block codings: ADPCM, GSM 6.10 and similar.

libsndfile counts an incomplete last block as a complete one.  It also rounds the size of the audio up to an even number
of bytes: a GSM 6.10 file of three blocks of 65 bytes decodes to 320 samples of noise after the 960 real ones.  It drops
an incomplete block of MS ADPCM.  The counts here are those of ffmpeg 9.0, which decodes all complete data: also part of
a block for IMA and MS ADPCM, and only complete blocks for GSM 6.10 and NMS ADPCM.
"""

from __future__ import annotations

from melcli.audio.wave_format import G721, GSM610, IMA_ADPCM, MS_ADPCM, NMS_ADPCM, WaveFormat

__all__ = ["GSM_BLOCK", "IMA4_BLOCK", "bit_samples", "whole_blocks", "wave_samples"]

GSM_BLOCK = (33, 160)  # bytes and samples of a block in AIFF; WAV packs two blocks into 65 bytes
IMA4_BLOCK = (34, 64)  # bytes and samples of a block of one channel
_NMS_SAMPLES = 160


def wave_samples(coding: WaveFormat, num_bytes: int) -> int | None:
    """Count the samples per channel in ``num_bytes`` of a WAV or W64 block coding.

    Returns
    -------
    int or None
        None for other codings, and if libsndfile does not accept the block size in the header.
    """
    size, channels = coding.block_bytes, coding.num_channels
    if coding.tag == G721:
        return bit_samples(num_bytes, 4) if channels == 1 else None
    if not size or not channels:
        return None
    whole, rest = divmod(num_bytes, size)
    if coding.tag == GSM610:
        return whole * 320 if size == 65 else None
    if coding.tag == NMS_ADPCM:
        return whole * _NMS_SAMPLES
    if coding.tag == IMA_ADPCM:
        return _with_part(coding, whole, _ima_part(rest, channels), _ima_part(size, channels))
    if coding.tag == MS_ADPCM:
        return _with_part(coding, whole, _ms_part(rest, channels), _ms_part(size, channels))
    return None


def whole_blocks(block: tuple[int, int], num_bytes: int, num_channels: int = 1) -> int:
    """Count the samples per channel in complete blocks; ``block`` is the bytes and samples of one channel's block."""
    size, samples = block
    return num_bytes // (size * num_channels) * samples


def bit_samples(num_bytes: int, bits: int) -> int:
    """Count the samples of G.721 and G.723, which libsndfile reads in blocks of 120."""
    return num_bytes * 8 // bits


def _with_part(coding: WaveFormat, whole: int, part: int, per_block: int) -> int | None:
    if coding.samples_per_block != per_block:
        return None
    return whole * per_block + part


def _ima_part(num_bytes: int, channels: int) -> int:
    """Count samples: each channel starts with a 4-byte header that holds one sample; then 4 bytes hold 8 samples."""
    return 1 + 8 * ((num_bytes - 4 * channels) // (4 * channels)) if num_bytes >= 4 * channels else 0


def _ms_part(num_bytes: int, channels: int) -> int:
    """Count samples: each channel starts with a 7-byte header that holds two samples; then a byte holds two."""
    return 2 + 2 * (num_bytes - 7 * channels) // channels if num_bytes >= 7 * channels else 0
