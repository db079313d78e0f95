"""Thousands of hostile names, and trees that lead astray: links in circles, links out of the tree, OUT inside INPUT.

Rows of the faults: names (not UTF-8, newline, tab, ESC sequences, 255 bytes, leading dash, dots, CON, NFC and NFD
twins, case twins), and link loops, links out of the tree, OUT inside INPUT.
"""

from __future__ import annotations

import os
import random
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from melcli import open_features
from tests.cli.shell import Ended, run_alone
from tests.faults.damaged_sounds import in_memory
from tests.faults.loops import Tally, loop
from tests.run.corpus import LIGHT, encode, noise, plant, rows, times
from tests.run.invariants import check_finished, check_printed
from tests.tiers import full_but

CHUNK = 2_000  # names of one folder
LONGEST_BYTES = 255 - len(b".wav")  # of a stem; `.npy` takes no more
EXTENSIONS = (b".wav", b".wav", b".WAV", b".flac", b".au")

FRAGMENTS = [
    *(b"\x1b[2J", b"\x1b]0;owned\x07", b"\x1b[31m", b"\x9b31m", b"\x08\x08\x08", b"\r", b"\n", b"\t", b"\x7f", b"\x0b"),
    *(
        text.encode()
        for text in ("\u202e", "\u2066", "\u200f", "\u2028", "\u0085", "\u061c", "\ufeff", "\u00ad", "\U000e0041")
    ),
    *(b"\xff", b"\xfe", b"\xc3", b"\xed\xa0\x80", b"\xed\xb3\xbf", b"\xf4\x90\x80\x80", b"\xc0\xaf"),  # no UTF-8
    *("é".encode(), "e\u0301".encode(), "Å".encode(), "Ω".encode(), "日本".encode(), "🎵".encode(), "ﬁ".encode()),
    *(
        b"-",
        b"--out",
        b"-o",
        b"..",
        b".",
        b" ",
        b"~",
        b"*",
        b"?",
        b"[",
        b"]",
        b"\\",
        b'"',
        b"'",
        b"`",
        b"$(id)",
        b";",
        b"|",
    ),
    *(
        b"CON",
        b"NUL",
        b"aux",
        b"COM1",
        b"{}",
        b"%s",
        b"%n",
        b"{0}",
        b"\\x1b",
        b"\\u202e",
        b"&amp;",
        b"manifest",
        b".npy",
    ),
    *(b"failed: passwd [empty]", b".ch0", b"features-00000", b".melcli", b"#", b":", b"\\", b"a" * 60),
]
WHOLE = [
    b"CON",
    b"NUL",
    b"..a",
    b"...",
    b"-",
    b"--",
    b"-o",
    b" ",
    b"\\",
    b"~",
    b"\n",
    b"\xff",
    b"*",
    b"%",
    b"manifest.jsonl",
]


def _names(chance: random.Random) -> Iterator[bytes]:
    """Yield stems without end; none is hidden, holds a slash or a NUL, or is too long."""
    yield from WHOLE
    while True:
        kind = chance.randrange(6)
        if kind == 0:
            stem = bytes(
                chance.choice([byte for byte in range(1, 256) if byte != 0x2F]) for _ in range(chance.randint(1, 40))
            )
        elif kind == 1:
            stem = b"".join(chance.choices(FRAGMENTS, k=chance.randint(1, 8)))
        elif kind == 2:  # as long as a name may be
            stem = (b"".join(chance.choices(FRAGMENTS, k=60)) + b"x" * LONGEST_BYTES)[:LONGEST_BYTES]
        elif kind == 3:  # twins that some file systems take for one
            text = "".join(chance.choices("éÅñüöÉÀaBc", k=chance.randint(1, 6)))
            yield from (unicodedata.normalize(form, text).encode() for form in ("NFC", "NFD"))
            yield from (text.upper().encode(), text.lower().encode())
            continue
        elif kind == 4:
            stem = chance.choice((b"-", b"--", b"~", b"=", b"@", b"+")) + chance.choice(FRAGMENTS)
        else:
            text = "".join(
                chr(chance.choice((chance.randrange(1, 0x300), chance.randrange(0x2000, 0x2070)))) for _ in range(8)
            )
            stem = text.encode().replace(b"/", b"_")
        stem = stem[:LONGEST_BYTES]
        if stem and not stem.startswith(b"."):
            yield stem


def _plant(folder: Path, chance: random.Random, number: int, good: bytes) -> dict[bytes, bool]:
    """Make files of hostile names, some in hostile folders; return ids, and whether they are good."""
    made: dict[bytes, bool] = {}
    taken: set[bytes] = set()
    folders = [os.fsencode(folder)]
    names = _names(chance)
    top = folders[0]
    os.mkdir(top)
    while len(made) < number:
        stem = next(names)
        parent = chance.choice(folders)
        extension = chance.choice(EXTENSIONS) if len(stem) < LONGEST_BYTES else b".wav"
        below = (parent + b"/" + stem)[len(top) + 1 :]
        if below in taken or below + extension in taken or below.startswith(b".") or len(parent) > 2_000:
            continue
        if chance.random() < 0.01 and len(folders) < 40 and not below.startswith(b"manifest.jsonl"):
            os.mkdir(top + b"/" + below)
            folders.append(top + b"/" + below)
            taken.add(below)
            continue
        # What splitext takes for an extension must be ours: `a.wav` + `.wav` stays a name of two.
        is_good = chance.random() < 0.9
        with open(parent + b"/" + stem + extension, "xb") as file:
            file.write(good if is_good else b"")
        taken.update((below, below + extension))
        made[below] = is_good
    return made


@pytest.mark.full
@loop(default=60, quick=300, soak=3_000)
@pytest.mark.parametrize("format_", full_but(["npy", "hdf5"], "npy"))
def test_names(rounds: int, seed: int, tally: Tally, format_: str) -> None:
    """Hostile names."""
    good = encode(noise(0, seconds=0.05), ".wav")
    kinds: Counter[str] = Counter()
    for first in range(0, rounds, CHUNK):
        number = min(CHUNK, rounds - first)
        with tally.round(), in_memory() as folder:
            made = _plant(folder / "in\x1b[2J\udcff", random.Random(f"{seed} {first}"), number, good)
            _run_and_check(folder, made, format_)
            kinds.update(kind for name in made for kind in _kinds(name))
        tally.count(number - 1)
    tally.note(", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items())))


def _kinds(name: bytes) -> Iterator[str]:
    try:
        text = name.decode()
    except UnicodeDecodeError:
        yield "not UTF-8"
    else:
        if any(unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} for character in text):
            yield "control or format characters"
    if len(name.rpartition(b"/")[2]) >= LONGEST_BYTES:
        yield "as long as can be"


def _run_and_check(folder: Path, made: dict[bytes, bool], format_: str) -> None:
    top, out = folder / "in\x1b[2J\udcff", folder / "out\x07\u202e"
    command = ("extract", top, *LIGHT, "-f", format_, "-v", "--json")
    ended = run_alone(*command, out=out)
    assert ended.code == 3, ended.err[-2_000:]
    for said in (ended.err, ended.out):
        check_printed(said)
    check_finished(out)
    found = rows(out)
    assert {os.fsencode(item_id) for item_id in found} == set(made)
    assert {os.fsencode(row["source"]) for row in found.values()} == set(_files(os.fsencode(top)))
    assert {os.fsencode(item_id) for item_id, row in found.items() if row["status"] == "ok"} == {
        name for name, is_good in made.items() if is_good
    }
    features = open_features(out)
    one = next(iter(features.values()))
    for item_id, array in features.items():
        assert np.array_equal(array, one), item_id
    assert {os.fsencode(item_id) for item_id in features} == {name for name, is_good in made.items() if is_good}
    if format_ == "npy":
        stored = {path[len(os.fsencode(out)) + 1 :] for path in _files(os.fsencode(out))}
        assert {name for name in stored if b".npy" in name[-4:]} == {name + b".npy" for name in made if made[name]}
    before = times(out)
    again = run_alone(*command, "-nv", out=out)
    check_printed(again.err + again.out)
    assert run_alone(*command, out=out).code == 3
    assert times(out) == before


def _files(top: bytes) -> Iterator[bytes]:
    for above, _, names in os.walk(top):
        for name in names:
            yield above + b"/" + name


# trees that lead astray


@pytest.fixture
def astray(tmp_path: Path) -> Path:
    """A tree with links in circles, out of it, and to one place by several ways; OUT lies in it too."""
    top = tmp_path / "in"
    plant(top, "a.wav", "sub/b.wav", "sub/deep/c.wav", seconds=0.05)
    plant(tmp_path / "elsewhere", "d.wav", "more/e.wav", seconds=0.05)
    links = {
        "self": ".",
        "sub/up": "..",
        "sub/deep/top": top,
        "ring1": "ring2",
        "ring2": "ring1",
        "ring.wav": "ring.wav",
        "outside": tmp_path / "elsewhere",
        "again": tmp_path / "elsewhere",
        "back": tmp_path,
        "root": "/",
        "file.wav": tmp_path / "elsewhere" / "d.wav",
        "out/features/link": top,
    }
    (top / "out" / "features").mkdir(parents=True)
    for name, target in links.items():
        if name != "root":
            (top / name).symlink_to(target)
    (tmp_path / "elsewhere" / "home").symlink_to(top)
    return top


EVERY_FILE = {"a", "sub/b", "sub/deep/c"}


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_links_are_not_followed_and_out_is_not_read(melcli: Callable[..., Ended], astray: Path, format_: str) -> None:
    out = astray / "out"
    for _ in range(3):
        ended = melcli("extract", astray, *LIGHT, "-f", format_, "-o", out)
        assert ended.code == 3
        found = rows(out)
        assert set(found) == EVERY_FILE | {"file", "ring"}
        assert found["ring"]["reason"] == "unreadable"
        assert found["file"]["status"] == "ok"
        check_finished(out)
        # An OUT that holds sounds of its own, which nobody may read: they are in OUT.
        plant(out, "features/x.wav", seconds=0.05)
        before = times(out)
    assert times(out) == before


def test_links_are_followed_once(melcli: Callable[..., Ended], astray: Path) -> None:
    """Each real folder once, by whatever way, so that circles end; OUT is not read, by whatever way."""
    out = astray / "out"
    plant(out, "features/x.wav", seconds=0.05)
    for _ in range(2):
        ended = melcli("extract", astray, *LIGHT, "--follow-symlinks", "-o", out)
        assert ended.code == 3, ended.err
        found = rows(out)
        read = Counter(os.path.realpath(row["source"]) for row in found.values() if row["status"] == "ok")
        elsewhere = astray.parent / "elsewhere"
        files = {str(astray / f"{name}.wav"): 1 for name in EVERY_FILE}
        # d.wav has a name of its own in the tree as well, which is a link to a file.
        assert read == {**files, str(elsewhere / "d.wav"): 2, str(elsewhere / "more" / "e.wav"): 1}
        assert not any("x.wav" in row["source"] for row in found.values())


def test_a_tree_deeper_than_a_path_may_be(melcli: Callable[..., Ended], tmp_path: Path) -> None:
    """Folders within folders, to more than the 4,096 bytes of a path: told, and nothing else is lost."""
    plant(tmp_path / "in", "a.wav", seconds=0.05)
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(tmp_path / "in")
        for _ in range(40):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
        Path("b.wav").write_bytes(encode(noise(0, seconds=0.05), ".wav"))
    finally:
        os.fchdir(before)
        os.close(before)
    ended = melcli("extract", tmp_path / "in", *LIGHT, "-o", tmp_path / "out")
    assert ended.code == 3
    assert "could not read 1 folder" in ended.err
    assert {row["status"] for row in rows(tmp_path / "out").values()} == {"ok"}
