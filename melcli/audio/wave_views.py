"""Views of WAV, RF64, BW64 and W64 files that libsndfile would refuse or decode wrongly as they are.

What is shown is either the file with a few bytes of its header replaced, or a small header of our own and the audio:
libsndfile ends its reading of a header at chunks that it does not expect (a LIST chunk with padding inside, a ``smpl``
chunk that is too short) and at a second chunk of audio, and a header of 32 bits counts no more than 4 GiB.
"""

from __future__ import annotations

import struct

import numpy as np

from melcli.audio.block_codings import wave_samples
from melcli.audio.chunked_containers import ChunkedEnding
from melcli.audio.ending import Ending, Read
from melcli.audio.view import Extent, Piece, View
from melcli.audio.wave_format import MOST_BYTES, MS_ADPCM, PCM, WaveFormat
from melcli.errors import AudioError

__all__ = ["plain_wave_views", "wave_views"]

_BITS_OFFSET = 14  # in the format chunk
_LOOKED_AT = 2**16  # bytes of audio that tell where in their containers samples are
_LARGEST_RIFF = 2**32 - 2**12


def wave_views(read: Read, file_size: int, ending: Ending) -> tuple[View, ...] | None:
    """Return what to show instead of the file; None where libsndfile decodes it rightly.

    Raises
    ------
    AudioError
        ``unsupported_format``: the header does not say how large a sample is.
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
        # libsndfile decodes no block codings in RF64, and those in WAV.
        return plain_wave_views(read, ending)
    return (View(pieces=(Extent(0, file_size),), num_samples=num_samples),)


def plain_wave_views(read: Read, ending: Ending) -> tuple[View, ...] | None:
    """Show a header with nothing but the format, and the audio; None for what is not a little-endian WAV or RF64."""
    if not isinstance(ending, ChunkedEnding) or ending.chunks.wave_format is None or _is_big_endian(read):
        return None
    chunks, coding, num_bytes = ending.chunks, ending.chunks.wave_format, ending.chunks.num_bytes
    form = read(chunks.form.offset, min(chunks.form.size, MOST_BYTES))
    num_samples = wave_samples(coding, num_bytes)
    # An incomplete block of MS ADPCM is decoded if it is made complete.
    padding = bytes(-num_bytes % coding.block_bytes if coding.tag == MS_ADPCM and num_samples is not None else 0)
    shown: tuple[Piece, ...] = (*chunks.audio, padding) if padding else chunks.audio
    return (View(pieces=(_header(form, num_bytes + len(padding)), *shown), num_samples=num_samples),)


def _header(form: bytes, num_bytes: int) -> bytes:
    """Make a header of WAV, or of RF64 where WAV does not count so far."""
    fmt = b"fmt " + struct.pack("<I", len(form)) + form + bytes(len(form) % 2)
    if num_bytes < _LARGEST_RIFF:
        rest = b"WAVE" + fmt + b"data" + struct.pack("<I", num_bytes)
        return b"RIFF" + struct.pack("<I", len(rest) + num_bytes) + rest
    large = struct.Struct("<4sIQQQI")
    size = 4 + large.size + len(fmt) + 8 + num_bytes
    ds64 = large.pack(b"ds64", large.size - 8, size, num_bytes, 0, 0)
    unknown = struct.pack("<I", 2**32 - 1)
    return b"RF64" + unknown + b"WAVE" + ds64 + fmt + b"data" + unknown


def _as_32_bits(read: Read, file_size: int, ending: ChunkedEnding, coding: WaveFormat) -> tuple[View, ...]:
    """Show samples of 24 bits in containers of 32 as 32 bits.

    WAVE has them in the upper bits.  Some writers leave them in the lower ones, as ALSA holds them in memory.  Those
    are shown from one byte before, which adds less than one step of 24 bits, 1.2e-7 of full scale.
    """
    chunks, big_endian = ending.chunks, _is_big_endian(read)
    place = _place_of_samples(read(chunks.audio[0].offset, _LOOKED_AT), big_endian=big_endian)
    if place == "float":
        raise AudioError("unsupported_format", "it holds floating-point numbers of Cool Edit")
    at = chunks.form.offset
    is_intact = len(chunks.audio) == 1 and not chunks.exceeds_header and not ending.shortfall
    if is_intact and place == "upper" and ending.format != "BW64":
        order = ">H" if big_endian else "<H"
        pieces = (Extent(0, at + _BITS_OFFSET), struct.pack(order, 32), _rest(at + _BITS_OFFSET + 2, file_size))
        return (View(pieces=pieces),)
    if big_endian:
        raise AudioError("unsupported_format", "it is RIFX with 24 bits in the lower part of 32")
    form = struct.pack("<HHIIHH", 1, *coding[1:5], 32)
    whole = chunks.num_bytes // 4 * 4
    if place == "upper":
        return (View(pieces=(_header(form, whole), *chunks.audio)),)
    return (View(pieces=(_header(form, whole), b"\0", *chunks.audio)),)


def _is_big_endian(read: Read) -> bool:
    return read(0, 4) == b"RIFX"


def _with_plain_tag(file_size: int, at: int, coding: WaveFormat) -> tuple[View, ...]:
    """Name the coding where a header of W64 leads to it: libsndfile takes float, A-law and u-law for PCM there.

    ffmpeg writes such headers for more than two channels and for rates above 48 kHz.
    """
    return (View(pieces=(Extent(0, at), struct.pack("<H", coding.tag), _rest(at + 2, file_size))),)


def _rest(offset: int, file_size: int) -> Extent:
    return Extent(offset, file_size - offset)


def _place_of_samples(audio: bytes, *, big_endian: bool) -> str:
    """Tell whether samples are in the ``upper`` or ``lower`` 24 bits of 32, or are a ``float``."""
    values = np.frombuffer(audio[: len(audio) // 4 * 4], ">i4" if big_endian else "<i4")
    values = values[values != 0].astype(np.int32)
    if not len(values) or not (values & 0xFF).any():
        return "upper"
    if (np.abs(values.astype(np.int64)) < 2**23).all():
        return "lower"
    sizes = np.abs(values.view(np.float32))
    # Cool Edit scales them to 2**15 or 2**23.
    return "float" if bool(((sizes > 2.0**-20) & (sizes < 2.0**25)).all()) else "upper"
