"""What OUT's file system makes of names: with file systems that are played, and with real ones where there are some."""

import errno
import os
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest

from melcli.errors import ConfigError, NameClash, StorageError
from melcli.store import filename_probe
from melcli.store.filename_probe import TYPICAL_COLLISIONS, FilenameProbe, probe_names
from melcli.store.layout import own_folder
from melcli.store.lock import lock_output
from melcli.store.name_collisions import folded
from tests.store.rows import ODD_IDS, names_below


@pytest.fixture
def own(out):
    """The folder that OUT keeps, as the lock leaves it."""
    with lock_output(out):
        pass
    return own_folder(out)


class Played:
    """A file system that folds names, in place of the one below, in the folder of the trials."""

    def __init__(self, monkeypatch, fold, refused="", error=errno.EINVAL):
        self.tried = []
        self._fold = fold
        self._refused = refused
        self._error = error
        self._open, self._unlink, self._lexists = os.open, os.unlink, os.path.lexists
        monkeypatch.setattr(filename_probe.os, "open", self.open)
        monkeypatch.setattr(filename_probe.os, "unlink", self.unlink)
        monkeypatch.setattr(filename_probe.os.path, "lexists", self.lexists)

    def _there(self, path):
        folder, name = os.path.split(os.fspath(path))
        return os.path.join(folder, self._fold(name)) if "/trials/" in folder else path

    def open(self, path, *arguments, **options):
        name = os.path.basename(os.fspath(path))
        if "/trials/" in os.fspath(path):
            self.tried.append(name)
            if set(name) & set(self._refused):
                raise OSError(self._error, os.strerror(self._error), path)
        return self._open(self._there(path), *arguments, **options)

    def unlink(self, path, **options):
        self._unlink(self._there(path) if not options else path, **options)

    def lexists(self, path):
        return self._lexists(self._there(path))


def upper(name):
    return name.upper() if len(name.upper()) == len(name) else name


def form(name):
    return unicodedata.normalize("NFD", name)


FOLDS = {"case": upper, "form": form, "both": lambda name: form(upper(form(name))), "tail": lambda n: n.rstrip(". ")}
TWINS = [
    ("a/x", "A/x", {"case", "both"}),
    ("a/x", "A/X", {"case", "both"}),
    ("caf\xe9", "cafe\u0301", {"form", "both"}),
    ("Caf\xe9", "cafe\u0301", {"both"}),
    ("a./x", "a/x", {"tail"}),
    ("a./x", "A/x", set()),
    ("stra\xdfe", "strasse", set()),
    ("a ", "a", set()),  # since .npy follows
]


@pytest.mark.parametrize("fold", FOLDS)
@pytest.mark.parametrize("one, other, folding", TWINS)
def test_twins_are_refused_where_they_are_one_file(out, own, monkeypatch, fold, one, other, folding):
    Played(monkeypatch, FOLDS[fold])
    if fold not in folding:
        probe_names(["b", one, "c", other], out, "npy")
    else:
        with pytest.raises(
            NameClash, match=r" would be one file under OUT, whose file system does not distinguish them; "
        ):
            probe_names(["b", one, "c", other], out, "npy")
    assert names_below(own) <= {"lock"}
    assert os.listdir(own) == ["lock"] or os.listdir(own) == []


def test_a_refusal_names_both_and_the_ways_out(out, own, monkeypatch):
    Played(monkeypatch, upper)
    with pytest.raises(NameClash) as raised:
        probe_names(["x/A\x1b", "x/a\x1b"], out, "npy")
    assert str(raised.value) == (
        r"x/A\x1b and x/a\x1b would be one file under OUT, whose file system does not distinguish them; "
        "rename one of them, choose an OUT elsewhere, or use -f hdf5, which does not name files after ids"
    )


def test_twins_that_look_alike_are_told_apart_in_words(out, own, monkeypatch):
    Played(monkeypatch, form)
    with pytest.raises(NameClash, match=r"^cafe\\u0301 and caf\\xe9 would be one file under OUT, "):
        probe_names(["caf\xe9", "cafe\u0301"], out, "npy")


@pytest.mark.parametrize(
    "one, other, clash",
    [
        ("A.npy/b", "a", r"^A\.npy/b would need a folder under OUT where a has its file, "),
        ("x/a.NPY/b/c", "x/A", r"^x/a\.NPY/b/c would need a folder under OUT where x/A has its file, "),
        (
            "Manifest.jsonl/a",
            "b",
            r"^Manifest\.jsonl/a would need a folder under OUT where manifest\.jsonl has its file, ",
        ),
        (".MELCLI/a", "b", r"^\.MELCLI/a would need a folder under OUT where \.melcli has its file, "),
    ],
)
def test_a_folder_in_the_place_of_a_file_is_refused_where_the_two_are_one(out, own, monkeypatch, one, other, clash):
    probe_names([one, other], out, "npy")
    Played(monkeypatch, upper)
    with pytest.raises(NameClash, match=clash):
        probe_names([one, other], out, "npy")


def test_two_folders_that_become_one_are_no_clash(out, own, monkeypatch):
    Played(monkeypatch, upper)
    probe_names(["a/x", "A/y", "a/z.npy.b"], out, "npy")


def test_nothing_is_tried_without_need(out, own, monkeypatch):
    played = Played(monkeypatch, upper)
    probe_names(["a", "b/\xe9", "c d.e", "\u97f3\u58f0"], out, "npy")
    probe_names(["a", "A", "a:b"], out, "hdf5")
    assert played.tried == []


def test_many_twins_are_tried_by_typical_ones_alone(out, own, monkeypatch):
    played = Played(monkeypatch, lambda name: name)
    probe_names([name for n in range(1000) for name in (f"a{n}", f"A{n}")], out, "npy")
    assert played.tried == [name for name, _ in TYPICAL_COLLISIONS]


@pytest.mark.parametrize("character, shown", [(":", ":"), ("\n", r"\x0a"), ("\udcff", r"\xff"), ("\\", "\\")])
@pytest.mark.parametrize("error", [errno.EINVAL, errno.EILSEQ, errno.ENOENT])
def test_a_character_that_is_not_taken_is_refused(out, own, monkeypatch, character, shown, error):
    played = Played(monkeypatch, upper, refused=character, error=error)
    with pytest.raises(ConfigError) as raised:
        probe_names(["a", *[f"x{n}/12{character}30" for n in range(9)], "?"], out, "npy")
    assert str(raised.value) == (
        f"x0/12{shown}30: the file system of OUT accepts no name with '{shown}'; "
        "rename it, choose an OUT elsewhere, or use -f hdf5, which does not name files after ids"
    )
    assert len(played.tried) <= 2
    probe_names(["a", "b"], out, "npy")


def test_odd_names_pass_where_the_file_system_takes_them(out, own):
    probe_names([*ODD_IDS, "A", "caf\xe9", "cafe\u0301"], out, "npy")
    assert os.listdir(own) in (["lock"], [])


def test_what_a_killed_trial_left_is_removed(out, own):
    left = Path(own, "trials", "A")
    left.parent.mkdir()
    left.touch()
    probe_names(["a"], out, "npy")
    assert not left.parent.exists()


def test_a_link_in_the_place_of_the_trials_is_not_followed(out, own, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "A").touch()
    os.symlink(tmp_path / "elsewhere", os.path.join(own, "trials"))
    with pytest.raises(StorageError, match=r"/\.melcli/trials/0/A: File exists; "):
        probe_names(["a", "A"], out, "npy")
    assert os.listdir(tmp_path / "elsewhere") == ["A"]


def test_a_disk_that_takes_nothing_is_a_storage_error(out, own, monkeypatch):
    Played(monkeypatch, upper, refused="A", error=errno.ENOSPC)
    with pytest.raises(StorageError, match=r"/\.melcli/trials/0/A: No space left on device; "):
        probe_names(["a", "A"], out, "npy")


# real file systems


# How to make one, and ways to mount it: by the kernel, or by FUSE.
MAKERS = {
    "vfat": (["mkfs.vfat"], ["vfat"]),
    "exfat": (["mkfs.exfat"], ["exfat", "exfat-fuse"]),
    "ext4": (["mkfs.ext4", "-q", "-O", "casefold", "-E", "encoding=utf8"], ["ext4"]),
}


def said(*command) -> str:
    """Run a command and return why it failed, or ``""``."""
    if shutil.which(command[0]) is None:
        return f"no {command[0]}"
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"{command[0]}: {ended.stderr.strip().splitlines()[0]}" if ended.returncode else ""


@pytest.fixture(params=MAKERS)
def folding(request, tmp_path):
    """Mount a file system that folds case."""
    image, mount = tmp_path / "image", tmp_path / "mount"
    mount.mkdir()
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    make, kinds = MAKERS[request.param]
    refused = [said(*make, image)]
    if not refused[0]:
        refused = []
        for kind in kinds:
            refused.append(said("mount", "-t", kind, "-o", "loop", image, mount))
            if not refused[-1]:
                break
    if refused[-1]:
        pytest.skip(f"no {request.param} here: {'; '.join(refused)}")
    try:
        if request.param == "ext4":
            subprocess.run(["chattr", "+F", mount], check=True)
        yield mount
    finally:
        subprocess.run(["umount", mount], check=True)


def test_real_file_systems_are_found_out(folding):
    out = str(folding / "out")
    with lock_output(out):
        for one, other in (("A", "a"), ("x/\xe9", "X/\xc9")):
            with pytest.raises(NameClash):
                probe_names([one, other], out, "npy")
        probe_names(["A", "b", "\xe9"], out, "npy")
    assert set(os.listdir(own_folder(out))) <= {"lock"}


def test_what_is_said_of_names_is_what_happens(folding):
    tried = FilenameProbe(str(folding / "trials"))
    assert tried.distinguishes("a", "b")
    for one, other in (
        *TYPICAL_COLLISIONS,
        ("\xdf", "ss"),
        ("\u03c3", "\u03c2"),
        ("\u0131", "i"),
        ("a\xad", "a"),
        ("a", "b"),
    ):
        before = len(os.listdir(folding))
        (folding / one).touch()
        (folding / other).touch()
        told_apart = tried.distinguishes(one, other)
        assert told_apart is (len(os.listdir(folding)) - before == 2), (one, other)
        assert folded(one) == folded(other) or told_apart
        (folding / one).unlink()
        (folding / other).unlink(missing_ok=True)
