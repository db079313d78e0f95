"""Writes the table of docs/guides/formats.md: which decoder reads which format.

python docs/write_formats.py

It encodes a second of noise in each format with the ffmpeg on PATH, and decodes it with each decoder.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from melcli.audio.decode import AudioFile  # noqa: E402
from melcli.audio.open_decoder import DecoderName  # noqa: E402
from melcli.errors import AudioError  # noqa: E402
from tests.audio.ffmpeg.media import FILES, MEDIA, make  # noqa: E402
from tests.audio.ffmpeg.shorten_bytes import shorten  # noqa: E402

PAGE = ROOT / "docs" / "guides" / "formats.md"
SECTION = re.compile(r"(<!-- written by docs/write_formats.py -->\n).*?(<!-- end -->)", re.S)
DECODERS: tuple[DecoderName, ...] = ("libsndfile", "ffmpeg", "auto")
PLAIN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("pcm.wav", ("-c:a", "pcm_s16le")),
    ("pcm.w64", ("-c:a", "pcm_s16le")),
    ("pcm.aiff", ("-c:a", "pcm_s16be")),
    ("pcm.au", ("-c:a", "pcm_s16be")),
    ("pcm.caf", ("-c:a", "pcm_s16be")),
    ("flac.flac", ("-c:a", "flac")),
    ("vorbis.ogg", ("-c:a", "libvorbis")),
    ("opus.opus", ("-c:a", "libopus")),
    ("mp3.mp3", ("-c:a", "libmp3lame")),
    ("mp2.mp2", ("-c:a", "mp2")),
)


def table() -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| file | format in the manifest, by `auto` | libsndfile | ffmpeg |"
    yield "|---|---|---|---|"
    with tempfile.TemporaryDirectory() as folder:
        for path in files(Path(folder)):
            formats = {decoder: format_of(path, decoder) for decoder in DECODERS}
            reads = " | ".join("yes" if formats[decoder] else "no" for decoder in DECODERS[:2])
            yield f"| `{path.suffix}` ({path.stem}) | `{formats['auto']}` | {reads} |"


def files(folder: Path) -> Iterator[Path]:
    """Make the files, one after another."""
    for name, arguments in (*PLAIN, *((name, arguments) for name, arguments, _ in MEDIA)):
        yield make(folder / name, *arguments)
    yield from sorted(FILES.glob("tone.*"))
    signal = np.random.default_rng(0).integers(-3000, 3000, 2560).astype(np.int16)
    (folder / "shorten.shn").write_bytes(shorten(signal, rate_hz=16_000))
    yield folder / "shorten.shn"


def format_of(path: Path, decoder: DecoderName) -> str:
    """Return the format in a row's terms; empty if the decoder refuses the file."""
    try:
        with AudioFile(str(path), decoder=decoder) as file:
            for _ in file.blocks():
                pass
    except AudioError:
        return ""
    return file.format


if __name__ == "__main__":
    text = "\n".join(table())
    PAGE.write_text(SECTION.sub(rf"\g<1>{text}\n\g<2>", PAGE.read_text(encoding="utf-8")), encoding="utf-8")
