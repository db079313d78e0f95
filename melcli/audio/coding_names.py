"""Names of codings that libsndfile does not decode."""

from __future__ import annotations

__all__ = ["AIFF_CODINGS", "CAF_CODINGS", "READ_AIFF", "READ_CAF", "READ_WAVE", "READ_WAVEX", "code_name", "wave_name"]

# Format tags that libsndfile decodes: PCM, MS ADPCM, float, A-law, u-law, IMA ADPCM, GSM 6.10, NMS ADPCM, G.721, and
# WAVE_FORMAT_EXTENSIBLE, whose GUID then names one of the second list.
READ_WAVE = frozenset({0x01, 0x02, 0x03, 0x06, 0x07, 0x11, 0x31, 0x38, 0x40, 0xFFFE})
READ_WAVEX = frozenset({0x01, 0x03, 0x06, 0x07})

_AAC, _WMA, _G722, _G726, _VORBIS = "AAC", "Windows Media Audio", "G.722 ADPCM", "G.726 ADPCM", "Vorbis"
_WAVE_NAMES = {
    **dict.fromkeys((0x45, 0x64, 0x85, 0x8B, 0x140, 0x215), _G726),
    **dict.fromkeys((0x65, 0x28F, 0xA112), _G722),
    **dict.fromkeys((0xFF, 0x1600, 0x1601, 0x1602, 0x1610, 0x706D, 0x4143, 0xA106), _AAC),
    **dict.fromkeys((0x160, 0x161), _WMA),
    0x162: "Windows Media Audio Professional",
    0x163: "Windows Media Audio Lossless",
    0x0A: "Windows Media Audio Voice",
    0x55: "MP3",
    0x50: "MPEG layer 1 or 2",
    0x02: "MS ADPCM",
    0x11: "IMA ADPCM",
    0x20: "Yamaha ADPCM",
    0x10: "OKI ADPCM",
    0x17: "Dialogic OKI ADPCM",
    0x14: "G.723 ADPCM",
    0x22: "TrueSpeech",
    **dict.fromkeys((0x41, 0x42, 0x59, 0x111, 0x123, 0xA100), "G.723.1"),
    0x61: "Duck DK4 ADPCM",
    0x62: "Duck DK3 ADPCM",
    **dict.fromkeys((0x83, 0x133, 0x134, 0x14C), "G.729"),
    0x200: "Creative ADPCM",
    0x216: "G.726 ADPCM of Ingenient",
    0x5346: "Flash ADPCM",
    0x69: "IMA ADPCM of Xbox",
    0x30: "Dolby AC-2",
    **dict.fromkeys((0x92, 0x2000), "AC-3"),
    0x2001: "DTS",
    0x2004: "Cook",
    **dict.fromkeys((0x566F, 0x674F, 0x6750, 0x6751, 0x676F, 0x6770, 0x6771), _VORBIS),
    0x704F: "Opus",
    0xA109: "Speex",
    0xF1AC: "FLAC",
    0x270: "ATRAC3",
    0xFFFD: "WavPack",
    0x5756: "WavPack",
    0x101: "IBM u-law",
    0x102: "IBM A-law",
    0x103: "IBM ADPCM",
    0x0: "an unknown coding",
}

READ_CAF = frozenset({b"lpcm", b"ulaw", b"alaw", b"alac"})
CAF_CODINGS = {
    b"alac": "ALAC",
    b"ima4": "IMA4 ADPCM",
    b"flac": "FLAC",
    b"opus": "Opus",
    b".mp1": "MPEG layer 1",
    b".mp2": "MPEG layer 2",
    b".mp3": "MP3",
    b"ac-3": "AC-3",
    b"ec-3": "E-AC-3",
    b"agsm": "GSM 6.10",
    b"ms\0\x02": "MS ADPCM",
    b"ms\0\x11": "IMA ADPCM",
    b"ms\0\x31": "GSM 6.10",
    b"MAC3": "MACE 3:1",
    b"MAC6": "MACE 6:1",
    b"QDM2": "QDesign Music 2",
    b"QDMC": "QDesign Music",
    b"Qclp": "QUALCOMM PureVoice",
    b"ilbc": "iLBC",
    b"samr": "AMR",
    b"sawb": "AMR wideband",
    b"cook": "Cook",
}

READ_AIFF = frozenset(
    {
        *(b"NONE", b"twos", b"sowt", b"raw ", b"in24", b"in32", b"ni23", b"ni24", b"42ni", b"23ni", b"24ni"),
        *(b"fl32", b"FL32", b"fl64", b"FL64", b"ulaw", b"ULAW", b"alaw", b"ALAW"),
        *(b"GSM ", b"agsm", b"ima4", b"DWVW", b"dwvw"),
    }
)
AIFF_CODINGS = {
    **CAF_CODINGS,
    b"G722": _G722,
    b"G726": _G726,
    b"ACE2": "ACE 2:1",
    b"ACE8": "ACE 8:3",
    b"MP3 ": "MP3",
}


def wave_name(tag: int) -> str:
    """Name the coding of a format tag of WAV, W64 and RF64."""
    return _WAVE_NAMES.get(tag, f"the coding 0x{tag:04X}")


def code_name(coding: bytes, names: dict[bytes, str]) -> str:
    """Name the coding of a four-character code of CAF or AIFF."""
    if coding.startswith(b"aac"):  # aacl, aach, aacp, ...
        return _AAC
    return names.get(coding, f"the coding {coding.decode('ascii', 'backslashreplace')!r}")
