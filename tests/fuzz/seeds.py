"""The seeds of a corpus: one small good input of every kind that a target reads."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from melcli.config.config import Config
from melcli.config.named_configs import named_configs
from melcli.normalizers.kaldi_matrices import encode_matrices
from tests.audio.ffmpeg.media_bytes import FTYP, MDAT, asf, box, edit_list, matroska, movie, track
from tests.audio.ffmpeg.message_texts import INPUT, MAPPING, VIDEO
from tests.audio.odd_sounds import readable, refused
from tests.audio.sounds import LOSSLESS, LOSSY, music, untagged, write
from tests.fuzz.edits import TELLING
from tests.fuzz.targets import STORED_SHAPE
from tests.store.rows import ODD_IDS, make_row
from tests.store.stores import STORES

__all__ = ["seeds"]

NUMBERS = np.arange(12, dtype="<f4").reshape(STORED_SHAPE)


def seeds(target: str) -> list[bytes]:
    """Return the seeds of a target."""
    return list(_KINDS[target]())


def _media() -> Iterator[bytes]:
    yield FTYP + movie(track(edits=edit_list((2_000, -1), (9_000, 0))), track(coding=b"enca")) + MDAT
    yield FTYP + movie(track(ticks=0)) + box(b"moof", bytes(8)) + MDAT[:-1]
    yield from (matroska(300), matroska(300, unknown=True), matroska(300)[:-1])
    yield from (asf(500), asf(500, broadcast=True), asf(500, encrypted=True)[:-1])
    yield (b"wvpk" + (92).to_bytes(4, "little") + bytes(92)) * 2
    yield b"RIFF" + (92).to_bytes(4, "little") + b"AVI " + bytes(80)
    yield (INPUT + VIDEO + MAPPING).encode()
    for line in ("[aac @ 0x5] [error] \x1b bad", "[fatal] Stream map '0:a:0' matches no streams.", "[error] moov atom"):
        yield (INPUT + line + "\n").encode()


def _sounds() -> Iterator[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        for name, subtype in [*LOSSLESS, *LOSSY]:
            yield write(Path(folder) / name, music(400, 1, 8_000), 8_000, subtype).read_bytes()
        stereo = write(Path(folder) / "b.mp3", music(8_000, 2, 16_000), 16_000, bitrate_mode="VARIABLE").read_bytes()
    wav = write_wav()
    yield from (stereo, untagged(stereo), b"ID3\4\0\0\0\0\0\4abcd" + stereo[:2000])
    yield from (stereo[:2000] + b"TAG" + bytes(125), wav[:40] + b"\xff\xff\xff\xff" + wav[44:], wav[:30], b"")
    yield from (b"<html>", b"PK\3\4", bytes(600), b"text\n")
    yield from (sound.content for sound in readable())
    yield from refused()


def write_wav() -> bytes:
    """Return a small WAV file."""
    file = io.BytesIO()
    import soundfile

    soundfile.write(file, music(100), 8_000, format="WAV")
    return file.getvalue()


def _configs() -> Iterator[bytes]:
    yield from (path.read_bytes() for path in named_configs().values())
    yield Config().to_yaml().encode()
    yield b"base: keras\naudio: {channels: each}\noutput:\n  format: hdf5\n"
    yield b"features: {window: [0.5, 1, 1e-3], sequence_length: 3, top_db: .nan, min_freq: 1e400}\n"
    yield b"a: &a [1]\nb: *a\nc: !!python/object 1\n"


def _sets() -> Iterator[bytes]:
    yield b"num_mel_bins=80\0FEATURES_FFT_LENGTH=512\0features.window=[1, 2]\0AUDIO_CHANNELS=each"
    yield b"sampling_rate=16000\0\0sequence_stride=160\0\0min_freq=20\0\0max_freq=7600\0\0log=ln"
    yield b"nonsense=1\0OUTPUT_NONSENSE=2"
    yield from (b"features.window=" + text for text in TELLING)


def _programs() -> Iterator[bytes]:
    yield from (b"\0\0\1\0", b"\1\0\xff\0", b"\2\0\0\1\n", b"\0\4\x10\x10" + b'"rows":[],"shar', b"\xff\xff\0\1\n")


def _lines() -> Iterator[bytes]:
    rows = [make_row(name) for name in ODD_IDS[:6]]
    rows += [make_row("x.ch1", channel=1, num_frames=9, min=-80.0, path="features-00003.h5", flags=("clipped",))]
    rows += [make_row("b", status="failed", reason="empty", message="no sample")]
    texts = [row.to_json().encode() for row in rows]
    yield b"\n".join(texts) + b"\n"
    yield from texts
    yield texts[0] + b"\n" + texts[0] + b"\n"


def _odd_rows() -> Iterator[bytes]:
    """Yield rows that are valid JSON but that melcli never writes."""
    row = json.loads(make_row("a").to_json())
    for key, value in (
        *(("id", 5), ("id", [1]), ("id", None), ("id", ""), ("id", "\x1b[2J"), ("path", 7), ("path", "../../x.npy")),
        *(("path", "features-" + "9" * 5000 + ".h5"), ("path", "features-٣٣٣٣٣.h5"), ("status", []), ("min", 1e999)),
        *(("channel", "1"), ("channel", 2**40), ("channel", -3), ("channel", 1.5), ("flags", 5), ("source_size", "x")),
        *(("num_frames", -1), ("num_features", 2**70), ("\x1b[2J", 1), ("start", "0")),
    ):
        yield json.dumps({**row, key: value}).encode()
    yield json.dumps({**row, "flags": 0}).replace('"flags": 0', '"flags": ' + "[" * 3000 + "]" * 3000).encode()
    yield from (b"[" * 3000, b"5", b"[1]", b'"x"')


def _manifests() -> Iterator[bytes]:
    yield from _lines()
    yield from _odd_rows()


def _sealed() -> Iterator[bytes]:
    texts = [text for text in _manifests() if b"\n" not in text]
    shard = {"number": 0, "first": "a", "last": "b", "digest": "0123456789abcdef"}
    for odd in ({"number": "x"}, {"number": 10**4000}, {"number": -5}, {"first": 1}, {"\x1b[2J": 1}):
        yield b'"rows":[],"shards":[%b]}' % json.dumps({**shard, **odd}).encode()
    yield from (b'"rows":[],"shards":%b}' % odd for odd in (b"[" * 3000, b"5", b"null", b"", b"[[]]"))
    yield b'"rows":[%b],"shards":[]}' % b",".join(texts)
    yield b'"rows":[],"shards":[{"number":0,"first":"a","last":"b","digest":"0123456789abcdef"}]}'
    yield from (b'"rows":[%b],"shards":[]}' % text for text in texts)


def _npy() -> Iterator[bytes]:
    for array in (NUMBERS, NUMBERS.T, np.asfortranarray(NUMBERS), NUMBERS.astype(">f8"), np.array([{}, None])):
        for version in ((1, 0), (2, 0)):
            file = io.BytesIO()
            np.lib.format.write_array(file, array, version=version)
            yield file.getvalue()


def _npz() -> Iterator[bytes]:
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, a=NUMBERS, b=np.arange(3))
        yield file.getvalue()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as zipped:
        zipped.writestr("a.npy", next(_npy()))
        zipped.writestr("notes.txt", "nothing")
    yield file.getvalue()


def _shards() -> Iterator[bytes]:
    import h5py

    for name in ("hdf5", "hdf5-time-first"):
        with tempfile.TemporaryDirectory() as folder:
            STORES[name].write(folder, {"a": STORES[name].features(3), "b": STORES[name].features(1)})
            yield (Path(folder) / "features-00000.h5").read_bytes()
    file = io.BytesIO()
    with h5py.File(file, "w") as shard:
        shard["a/b"] = NUMBERS
        shard["outside"] = h5py.ExternalLink("/etc/passwd", "/")
        shard["round"] = h5py.SoftLink("/")
    yield file.getvalue()


def _tables() -> Iterator[bytes]:
    csv = b'path,start,end,duration,channel,id,text\na.wav,1,2.5,,0,x/y,"a ""b""\nc"\n/b.wav,,,,,,\n'
    yield b"csv\n" + csv
    yield b"\n" + csv.replace(b",", b"\t")
    yield b"csv\n\xef\xbb\xbf" + csv.replace(b",", b";").replace(b"\n", b"\r\n")
    yield b"csv\t\tpath=clip\tstart=\ttext=x\nclip,start,x\na.wav,z,1\n"
    yield b"\n" + gzip.compress(csv.replace(b",", b"|"), mtime=0)
    yield b'pipe\twavs/{id}.wav\tid=1\ttext=2\nLJ1|"a|b\nLJ2|c|d\n'
    yield b"space\t{2}\n1 a.wav\n2  b.wav\n"
    yield b'tsv\n"path"\t"onset"\t"offset"\n"a.wav"\t0.5\t1e0\n'
    yield b'\n{"audio_filepath": "a.wav", "offset": 0.5, "duration": 1.25, "x": [1, {"y": NaN}]}\n\n{"Path": "b"}'
    yield b'\n{"wav": "a.wav", "z": 1e999, "channel": 1.0, "id": 7}'
    yield b"csv\na.wav,b.wav\n"
    yield from (b"\n" + magic for magic in (b"PAR1", b"\xff\xfea\0", b"\x1f\x8b", b"[\n"))


def _kaldi() -> Iterator[bytes]:
    yield b"a a.wav\nb /x/b 1.wav\nc sph2pipe -f wav c.sph |\n\0\0a s1\nb s1\nc s2\0a hello\nc x y\n"
    yield b"r r.wav\n\0a r 0 1.5\nb r 0.25 -1 1\n\0a s\nb s\n\0b text\n"
    yield b"r x.ark:12\n"
    yield b"b b.wav\na a.wav\n\0\0b x\na y\n"


def _normalizers() -> Iterator[bytes]:
    mean, std = np.array([1.0, -2.0]), np.array([0.5, 2.0])
    sums = np.array([[4.0, -8.0, 4.0], [5.0, 32.0, 0.0]])
    for arrays in ({"mean": mean, "std": std}, {"count": 4, "sum": sums[0, :2], "sum_square": sums[1, :2]}):
        file = io.BytesIO()
        np.savez(file, **arrays)
        yield b"\0" + file.getvalue()
    for array in (np.stack([mean, std]), sums):
        file = io.BytesIO()
        np.save(file, array)
        yield b"\1" + file.getvalue()
    yield b'\2{"mean": [1, 2], "variance": [0.25, 0], "by": "x", "groups": {"a": {"mean": 0, "std": 1}}}'
    yield b'\2{"mean_stat": [4, -8], "var_stat": [5, 32], "frame_num": 4}'
    yield b"\3" + encode_matrices({"a": sums, "b/c": sums})
    yield b"\3" + encode_matrices({"": sums.astype(np.float32)})[1:]
    yield b"\3a [\n 4 -8 4\n 5 32 0 ]\n"
    yield b"\4<Nnet>\n<Splice> 2 2\n[ 0 ]\n<AddShift> 2 2\n<LearnRateCoef> 0 [ -1 2 ]\n<Rescale> 2 2\n[ 2 .5 ]\n</Nnet>"


def _lists() -> Iterator[bytes]:
    yield from (b"a.wav\nb.wav\n", b"a.wav\0b\xff\nc.wav\0", b"\xef\xbb\xbfa.wav\r\nb.wav\r\n", b"\n\n", b"a\0\0b")


def _names() -> Iterator[bytes]:
    yield from (name.encode("utf-8", "surrogateescape") for name in ODD_IDS)
    yield from (b"../../etc/passwd", b"/a/./b/../c.wav", b".melcli/lock.wav", b"manifest.jsonl/a.wav", b"a.npy/b.wav")


def _globs() -> Iterator[bytes]:
    yield from (
        b"a/b/c.wav\n*.wav\n/a/**\n**/b/*\n[!a]?\n",
        b"train/x.wav\n**/train/**\n*noise*",
        b".wav\n[",
        b"a\n..\n/",
    )


_KINDS = {
    "containers": _sounds,
    "decode": _sounds,
    "media": _media,
    "document": _configs,
    "config": _configs,
    "sets": _sets,
    "journal_damage": _programs,
    "journal": _sealed,
    "manifest": _manifests,
    "stored_npy": _npy,
    "npy": _npy,
    "npz": _npz,
    "normalizers": _normalizers,
    "hdf5": _shards,
    "lists": _lists,
    "tables": _tables,
    "kaldi": _kaldi,
    "names": _names,
    "globs": _globs,
}
