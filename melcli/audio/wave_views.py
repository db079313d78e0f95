"""Views of WAV, RF64, BW64 and W64 files that libsndfile would refuse or decode wrongly.

A view is either the file with a few header bytes replaced, or a minimal new header and the audio.  libsndfile stops
reading a header at a second audio chunk, and at chunks that it does not expect: a LIST chunk with padding inside, or a
``smpl`` chunk that is too short.  A 32-bit header counts at most 4 GiB.
"""

from __future__ import annotations

import struct

import numpy as np

from melcli.audio.block_codings import wave_samples
from melcli.audio.chunked_containers import ChunkedEnding
from melcli.audio.end_of_audio import Ending, Read
from melcli.audio.view import Extent, Piece, View
from melcli.audio.wave_format import MAX_FORMAT_BYTES, MS_ADPCM, PCM, WaveFormat
from melcli.errors import AudioError

__all__ = ["plain_wave_views", "wave_views"]

_BITS_OFFSET = 14  # in the format chunk
_PROBE_BYTES = 2**16  # of audio, to detect where in their containers samples are
_MAX_RIFF_BYTES = 2**32 - 2**12


def wave_views(read: Read, file_size: int, ending: Ending) -> tuple[View, ...] | None:
    """Return the view of the file; None if libsndfile decodes the file correctly as it is.

    Raises
    ------
    AudioError
        ``unsupported_format``: the header does not determine the size of a sample.
    """
    if not isinstance(ending, ChunkedEnding) or ending.chunks.wave_format is None:
        return None
    chunks, coding = ending.chunks, ending.chunks.wave_format
    if coding.contradiction:
        raise AudioError("unsupported_format", coding.contradiction)
    if coding.is_24_in_32:
        return _as_32_bits(read, file_size, ending, coding)
    if ending.format == "W64" and coding.is_extensible and coding.tag != PCM:
        return _with_plain_tag(file_size, chunks.form.offset, coding)
    if len(chunks.audio) > 1 or chunks.exceeds_header or ending.shortfall:
        return plain_wave_views(read, ending)
    num_samples = wave_samples(coding, chunks.num_bytes)
    if ending.format == "BW64":
        return (View(pieces=(b"RF64", Extent(4, file_size - 4))),)
    if num_samples is None:
        return None
    if ending.format == "RF64" or (coding.tag == MS_ADPCM and chunks.num_bytes % coding.block_bytes):
        # libsndfile decodes block codings in WAV, but not in RF64.
        return plain_wave_views(read, ending)
    return (View(pieces=(Extent(0, file_size),), num_samples=num_samples),)


def plain_wave_views(read: Read, ending: Ending) -> tuple[View, ...] | None:
    """Return a minimal header and the audio; None if the file is not a little-endian WAV or RF64."""
    if not isinstance(ending, ChunkedEnding) or ending.chunks.wave_format is None or _is_big_endian(read):
        return None
    chunks, coding, num_bytes = ending.chunks, ending.chunks.wave_format, ending.chunks.num_bytes
    form = read(chunks.form.offset, min(chunks.form.size, MAX_FORMAT_BYTES))
    num_samples = wave_samples(coding, num_bytes)
    # libsndfile decodes an incomplete block of MS ADPCM only if it is padded.
    padding = bytes(-num_bytes % coding.block_bytes if coding.tag == MS_ADPCM and num_samples is not None else 0)
    shown: tuple[Piece, ...] = (*chunks.audio, padding) if padding else chunks.audio
    return (View(pieces=(_header(form, num_bytes + len(padding)), *shown), num_samples=num_samples),)


def _header(form: bytes, num_bytes: int) -> bytes:
    """Build a WAV header, or an RF64 header if the size exceeds the limit of WAV."""
    fmt = b"fmt " + struct.pack("<I", len(form)) + form + bytes(len(form) % 2)
    if num_bytes < _MAX_RIFF_BYTES:
        rest = b"WAVE" + fmt + b"data" + struct.pack("<I", num_bytes)
        return b"RIFF" + struct.pack("<I", len(rest) + num_bytes) + rest
    large = struct.Struct("<4sIQQQI")
    size = 4 + large.size + len(fmt) + 8 + num_bytes
    ds64 = large.pack(b"ds64", large.size - 8, size, num_bytes, 0, 0)
    unknown = struct.pack("<I", 2**32 - 1)
    return b"RF64" + unknown + b"WAVE" + ds64 + fmt + b"data" + unknown


def _as_32_bits(read: Read, file_size: int, ending: ChunkedEnding, coding: WaveFormat) -> tuple[View, ...]:
    """Declare 24-bit samples in 32-bit containers as 32 bits.

    WAVE stores them in the upper bits.  Some writers leave them in the lower bits, as ALSA does in memory.  The view
    shifts those by one byte, which adds less than one 24-bit step, 1.2e-7 of full scale.
    """
    chunks, big_endian = ending.chunks, _is_big_endian(read)
    place = _place_of_samples(read(chunks.audio[0].offset, _PROBE_BYTES), big_endian=big_endian)
    if place == "float":
        raise AudioError("unsupported_format", "it contains floating-point numbers of Cool Edit")
    at = chunks.form.offset
    is_intact = len(chunks.audio) == 1 and not chunks.exceeds_header and not ending.shortfall
    if is_intact and place == "upper" and ending.format != "BW64":
        order = ">H" if big_endian else "<H"
        pieces = (Extent(0, at + _BITS_OFFSET), struct.pack(order, 32), _rest(at + _BITS_OFFSET + 2, file_size))
        return (View(pieces=pieces),)
    if big_endian:
        raise AudioError("unsupported_format", "it is RIFX with 24-bit samples in the lower bits of 32-bit containers")
    form = struct.pack("<HHIIHH", 1, *coding[1:5], 32)
    whole = chunks.num_bytes // 4 * 4
    if place == "upper":
        return (View(pieces=(_header(form, whole), *chunks.audio)),)
    return (View(pieces=(_header(form, whole), b"\0", *chunks.audio)),)


def _is_big_endian(read: Read) -> bool:
    return read(0, 4) == b"RIFX"


def _with_plain_tag(file_size: int, at: int, coding: WaveFormat) -> tuple[View, ...]:
    """Replace WAVE_FORMAT_EXTENSIBLE in W64 by the coding's own tag: libsndfile reads float, A-law and u-law as PCM.

    ffmpeg writes such headers for more than two channels and for rates above 48 kHz.
    """
    return (View(pieces=(Extent(0, at), struct.pack("<H", coding.tag), _rest(at + 2, file_size))),)


def _rest(offset: int, file_size: int) -> Extent:
    return Extent(offset, file_size - offset)


def _place_of_samples(audio: bytes, *, big_endian: bool) -> str:
    """Return ``upper`` or ``lower`` for samples in these 24 of 32 bits, or ``float``."""
    values = np.frombuffer(audio[: len(audio) // 4 * 4], ">i4" if big_endian else "<i4")
    values = values[values != 0].astype(np.int32)
    if not len(values) or not (values & 0xFF).any():
        return "upper"
    if (np.abs(values.astype(np.int64)) < 2**23).all():
        return "lower"
    sizes = np.abs(values.view(np.float32))
    # Cool Edit scales them to 2**15 or 2**23.
    return "float" if bool(((sizes > 2.0**-20) & (sizes < 2.0**25)).all()) else "upper"
