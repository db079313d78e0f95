"""Small files that libsndfile refuses or decodes wrongly, and some that melcli must refuse."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import soundfile

from tests.audio.flac_bytes import flac_of, frame
from tests.audio.mpeg_bytes import ID3V1, ID3V2, LYRICS3, NOISE, ape, bare, silence, tagged, uncounted, vbri
from tests.audio.ogg_builder import checked, later, page, pages_of
from tests.audio.sounds import frames_of, music
from tests.audio.waves import chunk, extensible, form, noise, wav

__all__ = ["OddSound", "readable", "refused"]


class OddSound(NamedTuple):
    """A test file.

    Attributes
    ----------
    label : str
        Container, coding and special property.
    extension : str
        With the dot.
    content : bytes
    num_samples : int
        Per channel; 0 if not counted.
    """

    label: str
    extension: str
    content: bytes
    num_samples: int = 0


def readable() -> list[OddSound]:
    """Return files of every family that melcli can read."""
    return [*_waves(), *_spheres(), *_mpegs(), *_flacs(), *_oggs()]


def refused() -> list[bytes]:
    """Return files of every family that are truncated, contradictory, change, or contain another coding."""
    return [*_refused_waves(), *_refused_mpegs(), *_refused_flacs(), *_refused_oggs()]


SAMPLES = noise(600)
DATA = chunk(b"data", SAMPLES.tobytes())


def _waves() -> Iterator[OddSound]:
    halves = [chunk(b"data", part.tobytes()) for part in (SAMPLES[:301], SAMPLES[301:])]
    padded = chunk(b"LIST", b"INFOISFT" + struct.pack("<I", 4) + b"abc\0" + bytes(2))
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 0, len(SAMPLES) * 2, 0, 0))
    wide = (SAMPLES.astype("<i4") << 16).tobytes()
    for what, content in (
        ("two chunks of audio", wav(form(), *halves)),
        ("padding inside LIST", wav(padded, form(), DATA)),
        ("a short smpl", wav(form(), chunk(b"smpl", bytes(10)), DATA)),
    ):
        yield OddSound(f"WAV PCM_16 {what}", ".wav", content, 600)
    bw64 = wav(ds64, form(), chunk(b"data", SAMPLES.tobytes(), 2**32 - 1), magic=b"BW64")
    yield OddSound("RF64 PCM_16 BW64", ".wav", bw64, 600)
    for describe in (form, extensible):
        yield OddSound(
            f"WAV PCM_24 in 32 bits, {describe.__name__}",
            ".wav",
            wav(describe(1, 1, 4, 24), chunk(b"data", wide)),
            600,
        )
    yield OddSound("WAV GSM610 of three blocks", ".wav", _written("WAV", "GSM610", music(960, 1, 8_000)), 960)
    yield OddSound("AIFF IMA_ADPCM of three blocks", ".aifc", _written("AIFF", "IMA_ADPCM", music(192, 1, 8_000)), 192)


def _written(container: str, subtype: str, signal: np.ndarray, rate_hz: int = 8_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, signal, rate_hz, format=container, subtype=subtype)
    return file.getvalue()


def _sphere(rate: str, coding: str = "") -> bytes:
    lines = ["NIST_1A", "   1024", "channel_count -i 1", "sample_count -i 600", rate]
    lines += ["sample_n_bytes -i 2", "sample_byte_format -s2 01", "sample_sig_bits -i 16", *filter(None, [coding])]
    return "\n".join([*lines, "end_head", ""]).encode().ljust(1024, b" ")


def _spheres() -> Iterator[OddSound]:
    content = _sphere("sample_rate -r 16000.0") + SAMPLES.tobytes()
    yield OddSound("NIST PCM_16 with a real number as its rate", ".sph", content, 600)


def _mpegs() -> Iterator[OddSound]:
    mp3 = tagged(0.4, 8_000)
    frames = bare(mp3)
    fourth = frames_of(frames)[4]
    for what, content in (
        ("VBRI", ID3V2 + vbri(mp3)),
        ("Xing without counts", uncounted(mp3)),
        ("a zero in front", b"\0" + mp3),
        ("zeros in front", bytes(700) + frames),
        ("noise in front", NOISE[:700] + frames),
        ("begun inside a frame", frames[50:]),
        ("zeros behind", frames + bytes(1500)),
        ("noise behind", frames + NOISE[:1500]),
        ("tags behind", frames + ape(9) + LYRICS3),
        ("twice with tags between", frames + ID3V1 + ID3V2 + frames),
        ("twice with a zero between", frames + b"\0" + frames),
        ("a frame cut short", frames[: fourth - 9] + frames[fourth:]),
        ("lyrics that claim more than the file", mp3 + b"999999LYRICS200" + ID3V1),
    ):
        yield OddSound(f"MP3 MPEG_LAYER_III {what}", ".mp3", content)
    for layer, header in (("II", b"\xff\xfd\x14\xc0"), ("I", b"\xff\xff\x14\xc0")):
        yield OddSound(f"MP3 MPEG_LAYER_III layer {layer}", ".mp2", b"\0" + silence(header, 12))


def _flacs() -> Iterator[OddSound]:
    yield OddSound("FLAC PCM_16 behind ID3", ".flac", ID3V2 + flac_of([(SAMPLES, 16_000)], block=200), 600)


def _oggs() -> Iterator[OddSound]:
    for subtype, rate_hz in (("VORBIS", 8_000), ("OPUS", 48_000)):
        ogg = _written("OGG", subtype, music(rate_hz // 8, 1, rate_hz), rate_hz)
        head, *rest = pages_of(ogg)
        skeleton = [page(flags, b"fishead\0", serial=b"\7\0\0\0") for flags in (2, 4)]
        behind = skeleton[0] + head + skeleton[1] + b"".join(rest)
        for what, content in (
            ("twice with one serial", ogg + ogg),
            ("behind ID3", ID3V2 + ogg),
            ("behind Skeleton", behind),
        ):
            yield OddSound(f"OGG {subtype} {what}", ".ogg", content)
    tags, *audio = rest
    moved = head + tags + b"".join(later(data, 100_000) for data in audio)
    yield OddSound("OGG OPUS that begins late", ".opus", moved)


def _refused_waves() -> Iterator[bytes]:
    for tag in (0x45, 0x50, 0x55, 0x161, 0x20, 0x65, 0x1FF):  # G.726, MP2, MP3, WMA, Yamaha ADPCM, G.722, AAC
        yield wav(form(tag, 1, 1, 4), DATA)
    yield from (wav(form(*odd), DATA) for odd in ((1, 1, 4, 16), (1, 2, 2, 16), (1, 1, 3, 16), (3, 1, 2, 32)))
    yield wav(form(), chunk(b"data", SAMPLES[:9].tobytes()), DATA)[:-100]
    yield wav(form(), DATA)[:-44]
    yield from (
        _sphere("sample_rate -i 16000", f"sample_coding -s26 pcm,embedded-{what}") for what in ("shorten-v2.00",)
    )
    yield from (_sphere(rate) + SAMPLES.tobytes() for rate in ("sample_rate -r 16000.5", "sample_rate -r nan", ""))
    for coding in (b"ima4", b"alac", b"aac "):
        description = struct.pack(">d4sIIIII", 8_000.0, coding, 0, 34, 64, 1, 0)
        yield b"caff\0\1\0\0desc" + struct.pack(">Q", 32) + description + b"data" + struct.pack(">q", 300) + bytes(300)


def _refused_mpegs() -> Iterator[bytes]:
    mp3 = tagged(0.4, 8_000)
    frames = bare(mp3)
    third = frames_of(frames)[3]
    yield from (vbri(mp3)[:145], vbri(mp3)[:-9], frames[:-9], b"\0" + mp3[:-9], frames + NOISE[:1100] + frames)
    yield frames[:third] + b"\0" + frames[third + 1 :]
    yield mp3[: frames_of(mp3)[4]] + bytes(1100) + mp3[frames_of(mp3)[4] :]
    yield from (frames + bare(tagged(0.4, *other)) for other in ((8_000, 2), (11_025, 1), (16_000, 1)))
    yield b"a.mp3".ljust(257, b"\0") + b"ustar".ljust(255, b"\0") + frames


def _refused_flacs() -> Iterator[bytes]:
    mono, stereo = noise(600), noise(200, 2)
    yield from (flac_of([(mono, 16_000), (mono, hz)], block=200) for hz in (48_000, 12_345))
    yield from (
        flac_of(parts, block=100) for parts in ([(mono, 8_000), (stereo, 8_000)], [(stereo, 8_000), (mono, 8_000)])
    )
    yield flac_of([(mono, 16_000)], block=200, tail=ID3V1 + frame(3, mono, 48_000))


def _refused_oggs() -> Iterator[bytes]:
    opus = _written("OGG", "OPUS", music(6_000, 1, 48_000), 48_000)
    vorbis = _written("OGG", "VORBIS", music(1_000, 1, 8_000))
    *first, last = pages_of(opus)
    yield b"".join(first)
    yield b"".join(first) + checked(last[:5] + b"\0" + last[6:])
    yield b"".join(first) + last[:-1] + bytes((last[-1] ^ 1,))
    yield from (opus + vorbis, vorbis + opus, vorbis[:-60] + opus)
    for magic in (b"\x7fFLAC\1\0", b"Speex   ", b"\x80theora", b"CELT    "):
        yield page(2, magic + bytes(60)) + page(4, bytes(300), granule=900, sequence=1)
    yield page(2, b"OpusHead\1\1" + bytes(9)) + page(4, b"OpusTags", sequence=1)
