"""Write small corpora with the layout of the real ones, for the pages of docs/guides/corpora."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import soundfile

from tests.audio.sounds import music
from tests.elapsed import run

__all__ = ["CORPORA"]


def _write(path: Path, seconds: float, rate_hz: int = 16_000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, music(round(seconds * rate_hz), channels, rate_hz), rate_hz)


def _text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def librispeech(home: Path) -> None:
    """Folders of speakers and chapters, with a file of transcripts in each chapter."""
    for speaker, chapter in (("84", "121123"), ("174", "50561")):
        folder = home / "LibriSpeech" / "dev-clean" / speaker / chapter
        for number in range(2):
            _write(folder / f"{speaker}-{chapter}-{number:04d}.flac", 1.0 + number)
        _text(folder / f"{speaker}-{chapter}.trans.txt", *(f"{speaker}-{chapter}-{n:04d} GO" for n in range(2)))


def common_voice(home: Path) -> None:
    """A TSV beside the folder of clips; a sentence begins with a quotation mark that nothing closes."""
    folder = home / "cv-corpus" / "en"
    rows = [
        ("c1", "common_voice_en_1.mp3", "\"I can't, he said.", "2", "twenties"),
        ("c2", "common_voice_en_2.mp3", "Yes.", "2", ""),
    ]
    for row in rows:
        _write(folder / "clips" / row[1], 1.5, 32_000)
    _text(folder / "train.tsv", "client_id\tpath\tsentence\tup_votes\tage", *("\t".join(row) for row in rows))


def voxceleb(home: Path) -> None:
    """Folders of speakers and videos, and the list of the split for identification."""
    names = [f"id1000{speaker}/{video}/00001.wav" for speaker in (1, 2) for video in ("1zcIwhmdeo4", "7gWzIy6yIIk")]
    for name in names:
        _write(home / "voxceleb1" / "wav" / name, 1.0)
    _text(home / "voxceleb1" / "iden_split.txt", *(f"{n % 3 + 1} {name}" for n, name in enumerate(names)))
    aac = home / "voxceleb2" / "aac" / "id00012" / "21Uxsk56VDQ"
    _write(aac / "00001.wav", 1.0)
    _text(home / "voxceleb2" / "train_list.txt", "id00012 id00012/21Uxsk56VDQ/00001.wav")
    if program := shutil.which("ffmpeg"):  # otherwise the page does not use it
        run([program, "-v", "error", "-i", str(aac / "00001.wav"), str(aac / "00001.m4a")], check=True)
    (aac / "00001.wav").unlink()


def ljspeech(home: Path) -> None:
    """A list with bars and without a header."""
    folder = home / "LJSpeech-1.1"
    texts = ["Printing, in the only sense", '"in being comparatively modern."']
    for number in (1, 2):
        _write(folder / "wavs" / f"LJ001-000{number}.wav", 1.0, 22_050)
    _text(folder / "metadata.csv", *(f"LJ001-000{n}|{text}|{text}" for n, text in enumerate(texts, 1)))


def kaldi(home: Path) -> None:
    """A data folder with segments of stereo recordings, and one with commands."""
    _write(home / "audio" / "sw02001.wav", 6.0, 8_000, channels=2)
    _write(home / "audio" / "sw02005.wav", 4.0, 8_000, channels=2)
    train = home / "data" / "train"
    _text(train / "wav.scp", "sw02001 audio/sw02001.wav", "sw02005 audio/sw02005.wav")
    _text(
        train / "segments",
        "sw02001-A_000000-000250 sw02001 0.0 2.5 0",
        "sw02001-B_000250-000600 sw02001 2.5 -1 1",
        "sw02005-A_000100-000250 sw02005 1.0 2.5 0",
    )
    names = ("sw02001-A_000000-000250", "sw02001-B_000250-000600", "sw02005-A_000100-000250")
    _text(train / "utt2spk", *(f"{name} {name[:9]}" for name in names))
    _text(train / "text", *(f"{name} hi um yeah" for name in names))
    _text(home / "data" / "dev" / "wav.scp", "u1 cat audio/sw02001.wav |")


def nemo(home: Path) -> None:
    """Manifests in JSON lines, with and without offsets."""
    folder = home / "manifests"
    _write(folder / "audio" / "talk1.flac", 8.0)
    rows = [
        {"audio_filepath": "audio/talk1.flac", "offset": offset, "duration": 2.35, "text": text, "speaker": "s1"}
        for offset, text in ((0.0, "one"), (2.35, "two"), (5.1, "three"))
    ]
    _text(folder / "train.json", *map(json.dumps, rows))
    _text(folder / "test.json", json.dumps({"audio_filepath": "audio/talk1.flac", "duration": 8.0, "text": "all"}))


def fsd50k(home: Path) -> None:
    """A table of names without folder and extension."""
    folder = home / "FSD50K"
    for name in ("64760", "16399"):
        _write(folder / "FSD50K.dev_audio" / f"{name}.wav", 1.0, 44_100)
    _text(
        folder / "FSD50K.ground_truth" / "dev.csv",
        "fname,labels,mids,split",
        '64760,"Electric_guitar,Guitar,Music","/m/02sgy,/m/0342h,/m/04rlf",train',
        '16399,"Rain,Water","/m/06mb1,/m/0838f",val',
    )


def audiofolder(home: Path) -> None:
    """A folder with metadata beside the audio, and one with JSON lines."""
    for split in ("train", "test"):
        for number in range(2):
            _write(home / "dataset" / split / f"{number}.wav", 1.0)
    _text(home / "dataset" / "train" / "metadata.csv", "file_name,transcription", '0.wav,"one, two"', "1.wav,three")
    rows = [{"file_name": f"{number}.wav", "transcription": "four", "length": 1.5} for number in range(2)]
    _text(home / "dataset" / "test" / "metadata.jsonl", *map(json.dumps, rows))


def long_recordings(home: Path) -> None:
    """Recordings that are longer than a chunk, and a table of parts of them."""
    _write(home / "talks" / "keynote.flac", 70.0)
    _write(home / "talks" / "panel.wav", 31.0, 8_000)
    _text(home / "talks" / "parts.csv", "file,start,end,speaker", "keynote.flac,5,12.5,ann", "keynote.flac,12.5,,bob")


CORPORA: dict[str, Callable[[Path], None]] = {
    f"docs/guides/corpora/{maker.__name__}.md": maker
    for maker in (
        *(librispeech, common_voice, voxceleb, ljspeech, kaldi, nemo),
        *(fsd50k, audiofolder, long_recordings),
    )
}
