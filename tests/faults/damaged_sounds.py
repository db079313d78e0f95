"""Sounds in every supported format, and ways to damage their bytes, with a seed."""

from __future__ import annotations

import contextlib
import io
import os
import random
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import soundfile

from tests.audio.odd_sounds import OddSound, readable
from tests.audio.sounds import untagged
from tests.run.corpus import noise

__all__ = ["BASES", "DAMAGES", "Sound", "base", "damaged", "flac_frames", "in_memory", "silent_flac", "with_length"]


@dataclass(frozen=True, kw_only=True)
class Sound:
    """An intact file.

    Attributes
    ----------
    label : str
        Container, coding and special properties.
    extension : str
        With the dot.
    content : bytes
    head_bytes : int
        Approximate size of the header.
    frames : int
        Samples per channel.
    counted : bool
        Uncompressed, so that damage to the body does not change the length.
    """

    label: str
    extension: str
    content: bytes
    head_bytes: int
    frames: int
    counted: bool


# Container and coding as soundfile calls them, extension.
_CODINGS = [
    *(("WAV", subtype, ".wav") for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
    *(("WAV", subtype, ".wav") for subtype in ("ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610", "G721_32")),
    *(("WAVEX", subtype, ".wav") for subtype in ("PCM_16", "PCM_24", "FLOAT")),
    *(("RF64", subtype, ".wav") for subtype in ("PCM_16", "FLOAT")),
    *(("W64", subtype, ".w64") for subtype in ("PCM_16", "PCM_24", "MS_ADPCM")),
    *(("AIFF", subtype, ".aiff") for subtype in ("PCM_S8", "PCM_16", "PCM_24", "PCM_32")),
    *(("AIFF", subtype, ".aifc") for subtype in ("FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM")),
    *(("AU", subtype, ".au") for subtype in ("PCM_16", "PCM_24", "FLOAT", "ULAW", "G721_32")),
    *(("CAF", subtype, ".caf") for subtype in ("PCM_16", "FLOAT", "ALAC_16", "ALAC_24")),
    *(("NIST", subtype, ".wav") for subtype in ("PCM_16", "ULAW")),
    *(("FLAC", subtype, ".flac") for subtype in ("PCM_S8", "PCM_16", "PCM_24")),
    ("OGG", "VORBIS", ".ogg"),
    ("OGG", "OPUS", ".opus"),
    ("MP3", "MPEG_LAYER_III", ".mp3"),
]
_ONE_CHANNEL = {"GSM610", "G721_32"}
_MANY_CHANNELS = {"WAV PCM_16", "WAVEX FLOAT", "CAF PCM_16", "AIFF PCM_16", "AU PCM_16"}
_COMPRESSED = {"GSM610", "G721_32", "IMA_ADPCM", "MS_ADPCM", "ALAC_16", "ALAC_24", "VORBIS", "OPUS", "MPEG_LAYER_III"}
# Opus supports five rates and MP3 nine.
_RATES_HZ = {"OPUS": (8_000, 48_000), "MPEG_LAYER_III": (8_000, 44_100)}
_SECONDS = 0.12


def base(
    container: str,
    subtype: str,
    extension: str,
    *,
    channels: int = 1,
    rate_hz: int = 8_000,
    frames: int = 0,
    seed: int = 0,
    bitrate_mode: str | None = None,
) -> Sound:
    """Create an intact file with the given number of frames, or about a tenth of a second."""
    frames = frames or max(1, min(4_000, round(_SECONDS * rate_hz)))
    signal = noise(seed, seconds=frames / rate_hz, rate_hz=rate_hz, channels=channels)
    file = io.BytesIO()
    more = {"bitrate_mode": bitrate_mode, "compression_level": 0.5} if bitrate_mode else {}
    soundfile.write(file, signal, rate_hz, format=container, subtype=subtype, **more)
    content = file.getvalue()
    label = f"{container} {subtype}" + (f" {bitrate_mode.lower()}" if bitrate_mode else "")
    found = content.find(b"SSND" if container == "AIFF" else b"data", 12)
    head_bytes = 1024 if container == "NIST" else found + 20 if 0 < found < 4200 else 128
    counted = subtype not in _COMPRESSED and container != "FLAC"
    return Sound(
        label=label,
        extension=extension,
        content=content,
        head_bytes=min(head_bytes, len(content) - 1),
        frames=len(signal),
        counted=counted,
    )


@lru_cache
def _bases() -> tuple[Sound, ...]:
    made = []
    for number, (container, subtype, extension) in enumerate(_CODINGS):
        rates_hz = _RATES_HZ.get(subtype, (8_000, 16_000))
        if container == "MP3":
            for mode in ("CONSTANT", "VARIABLE"):
                made += [
                    base(container, subtype, extension, channels=channels, rate_hz=hz, seed=number, bitrate_mode=mode)
                    for channels, hz in zip((1, 2), rates_hz, strict=True)
                ]
            continue
        widths: tuple[int, ...] = (1, 2, 100) if f"{container} {subtype}" in _MANY_CHANNELS else (1, 2)
        widths = (1,) if subtype in _ONE_CHANNEL else widths
        made += [
            base(container, subtype, extension, channels=channels, rate_hz=rate_hz, seed=number)
            for channels, rate_hz in zip(widths, (*rates_hz, 8_000), strict=False)
        ]
    for sound in [sound for sound in made if sound.label.startswith("MP3")]:
        bare = untagged(sound.content)
        made.append(Sound(**{**vars(sound), "label": f"{sound.label} untagged", "content": bare}))
    made += [_odd(sound) for sound in readable()]
    for rate_hz in (1, 7, 50, 192_000, 384_000, 768_000):
        made.append(base("WAV", "PCM_16", ".wav", rate_hz=rate_hz, frames=max(2, rate_hz // 100), seed=rate_hz))
    return tuple(made)


def _odd(sound: OddSound) -> Sound:
    content, frames = sound.content, sound.num_samples
    head_bytes = min(128, len(content) - 1)
    return Sound(
        label=sound.label,
        extension=sound.extension,
        content=content,
        head_bytes=head_bytes,
        frames=frames,
        counted=False,
    )


class _Bases(Sequence[Sound]):
    """All intact files; created on first access."""

    def __getitem__(self, number):
        return _bases()[number]

    def __len__(self) -> int:
        return len(_bases())


BASES: Sequence[Sound] = _Bases()

Damage = Callable[[random.Random, Sound], bytes]


def _flip(chance: random.Random, content: bytes, first: int, end: int, most: int) -> bytes:
    damaged = bytearray(content)
    for _ in range(chance.randint(1, most)):
        damaged[chance.randrange(first, max(first + 1, end))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def _few_bits(chance: random.Random, sound: Sound) -> bytes:
    return _flip(chance, sound.content, 0, len(sound.content), 4)


def _many_bits(chance: random.Random, sound: Sound) -> bytes:
    return _flip(chance, sound.content, 0, len(sound.content), 300)


def _header_bits(chance: random.Random, sound: Sound) -> bytes:
    return _flip(chance, sound.content, 0, sound.head_bytes, 3)


def _body_bits(chance: random.Random, sound: Sound) -> bytes:
    return _flip(chance, sound.content, min(sound.head_bytes, len(sound.content) - 1), len(sound.content), 20)


def _cut(chance: random.Random, sound: Sound) -> bytes:
    return sound.content[: chance.randrange(len(sound.content))]


def _head_cut_off(chance: random.Random, sound: Sound) -> bytes:
    return sound.content[chance.randint(1, 200) :]


def _inserted(chance: random.Random, sound: Sound) -> bytes:
    at = chance.randrange(len(sound.content) + 1)
    return sound.content[:at] + chance.randbytes(chance.choice((1, 2, 3, 4, 16, 1000))) + sound.content[at:]


def _removed(chance: random.Random, sound: Sound) -> bytes:
    at = chance.randrange(len(sound.content))
    return sound.content[:at] + sound.content[at + chance.choice((1, 2, 3, 4, 16, 1000)) :]


def _in_front(chance: random.Random, sound: Sound) -> bytes:
    return _junk(chance) + sound.content


def _behind(chance: random.Random, sound: Sound) -> bytes:
    return sound.content + _junk(chance)


def _junk(chance: random.Random) -> bytes:
    size = chance.choice((1, 2, 128, 1_000, 1_100, 5_000))
    return chance.choice((bytes(size), chance.randbytes(size), b"\xff" * size, (b"TAG" + bytes(125)) * 2))


def _garbage(chance: random.Random, sound: Sound) -> bytes:
    return chance.randbytes(chance.choice((0, 1, 2, 3, 4, 7, 12, 44, 100, 1_000, 20_000)))


def _garbage_behind_a_magic(chance: random.Random, sound: Sound) -> bytes:
    return sound.content[: chance.randint(2, 40)] + chance.randbytes(chance.randint(0, 2_000))


def _body_of_another(chance: random.Random, sound: Sound) -> bytes:
    other = chance.choice(_bases())
    return sound.content[: sound.head_bytes] + other.content[other.head_bytes :]


def _wrong_length(chance: random.Random, sound: Sound) -> bytes:
    """Set a header field of two, four or eight bytes to an extreme value."""
    damaged = bytearray(sound.content)
    extremes = (0, 1, 2, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 0x7FFFF000, 2**62, 2**63 - 1, 2**64 - 1)
    for _ in range(chance.randint(1, 2)):
        width = chance.choice((2, 4, 4, 4, 8))
        at = chance.randrange(0, max(1, min(sound.head_bytes, len(damaged) - 8)))
        value = chance.choice((*extremes, chance.getrandbits(width * 8))) % 2 ** (8 * width)
        damaged[at : at + width] = value.to_bytes(width, chance.choice(("little", "big")))
    return bytes(damaged)


def _doubled(chance: random.Random, sound: Sound) -> bytes:
    return sound.content + chance.choice(_bases()).content


def _nonfinite(chance: random.Random, sound: Sound) -> bytes:
    """Write NaN or infinity into the body, in either size and byte order; this is noise for integer formats."""
    value = chance.choice((float("nan"), float("inf"), float("-inf"), 1e38, 1e300))
    form = chance.choice(("<f", ">f", "<d", ">d")) if abs(value) != 1e300 else chance.choice(("<d", ">d"))
    width = struct.calcsize(form)
    room = max(1, (len(sound.content) - sound.head_bytes) // width)
    at = sound.head_bytes + width * chance.randrange(room)
    return sound.content[:at] + struct.pack(form, value) + sound.content[at + width :]


def _all_one_byte(chance: random.Random, sound: Sound) -> bytes:
    byte = chance.choice((b"\0", b"\xff"))
    keep = chance.choice((0, 4, sound.head_bytes))
    return sound.content[:keep] + byte * (len(sound.content) - keep)


@lru_cache(maxsize=256)
def _short(label: str, frames: int) -> bytes:
    container, subtype, *_ = label.split()
    signal = noise(1, seconds=1)[:frames]
    file = io.BytesIO()
    soundfile.write(file, signal, 8_000, format=container, subtype=subtype)
    return file.getvalue()


def _hardly_any_frames(chance: random.Random, sound: Sound) -> bytes:
    return _short(sound.label, chance.choice((0, 1, 2)))


def _intact(chance: random.Random, sound: Sound) -> bytes:
    """Change nothing, except the name at times."""
    return sound.content


DAMAGES: tuple[Damage, ...] = (
    *(_few_bits, _many_bits, _header_bits, _header_bits, _body_bits, _cut, _head_cut_off, _inserted, _removed),
    *(
        _in_front,
        _behind,
        _garbage,
        _garbage_behind_a_magic,
        _body_of_another,
        _wrong_length,
        _wrong_length,
        _doubled,
        _nonfinite,
    ),
    *(_all_one_byte, _hardly_any_frames, _intact),
)
LENGTH_STAYS = {_body_bits, _nonfinite, _intact}  # for uncompressed files


def damaged(chance: random.Random) -> tuple[Sound, Damage, str, bytes]:
    """Choose a file, a damage and an extension; return these and the damaged bytes."""
    sound, damage = chance.choice(_bases()), chance.choice(DAMAGES)
    extension = sound.extension if chance.random() < 0.85 else chance.choice(_CODINGS)[2]
    return sound, damage, extension, damage(chance, sound)


# Bombs: FLAC of silence, built here because libsndfile takes 16 times as many bytes for it.


def flac_frames(number_of_frames: int, block_samples: int = 65_535) -> bytes:
    """Return frames of silence, mono, 16 bits: 13 to 15 bytes each."""
    frames = []
    for number in range(number_of_frames):
        coded = chr(number).encode("utf-8") if number < 0xD800 else _utf8(number)
        # Sync and fixed block size; block size in 16 bits, rate from the header; mono, 16 bits.
        head = b"\xff\xf8" + bytes((0x70, 0x08)) + coded + struct.pack(">H", block_samples - 1)
        head += bytes((_crc(head, 8, 0x07),)) + b"\0\0\0"  # a constant subframe of 0
        frames.append(head + struct.pack(">H", _crc(head, 16, 0x8005)))
    return b"".join(frames)


def silent_flac(
    number_of_frames: int, *, rate_hz: int = 8_000, claim: int | None = None, blocks: int = 65_535
) -> bytes:
    """Return a FLAC file of silence.

    Parameters
    ----------
    number_of_frames : int
        Number of frames of `blocks` samples.
    rate_hz : int
    claim : int
        Number of samples in the header; by default the true one.
    blocks : int
        Samples per frame.
    """
    claim = number_of_frames * blocks if claim is None else claim
    packed = rate_hz << 44 | 0 << 41 | 15 << 36 | claim
    info = struct.pack(">HH", blocks, blocks) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    return b"fLaC" + bytes((0x80, 0, 0, 34)) + info + flac_frames(number_of_frames, blocks)


def with_length(content: bytes, at: int, width: int, value: int, order: str) -> bytes:
    """Overwrite a number in a header."""
    return content[:at] + value.to_bytes(width, "little" if order == "<" else "big") + content[at + width :]


def _utf8(number: int) -> bytes:
    """Encode like UTF-8, as in FLAC: any number, including surrogates."""
    if number < 0x10000:
        return bytes((0xE0 | number >> 12, 0x80 | number >> 6 & 0x3F, 0x80 | number & 0x3F))
    return bytes((0xF0 | number >> 18, *(0x80 | number >> shift & 0x3F for shift in (12, 6, 0))))


@lru_cache
def _crc_table(bits: int, polynomial: int) -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> bits - 1 & 1 else 0)
        table.append(value & (1 << bits) - 1)
    return tuple(table)


def _crc(data: bytes, bits: int, polynomial: int) -> int:
    table, value, mask = _crc_table(bits, polynomial), 0, (1 << bits) - 1
    for byte in data:
        value = (value << 8 & mask) ^ table[value >> bits - 8 ^ byte]
    return value


# Folders.


@contextlib.contextmanager
def in_memory() -> Iterator[Path]:
    """Yield a temporary folder, on a file system in memory if there is one."""
    shared = "/dev/shm"
    where = shared if os.access(shared, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="melcli-faults-", dir=where) as folder:
        yield Path(folder)
