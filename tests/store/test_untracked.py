"""Files that no row speaks of: which are named, and which are nobody's business."""

import os

from melcli.store.untracked import UntrackedFile, find_untracked


def plant(out, *paths):
    for path in paths:
        os.makedirs(os.path.dirname(out / path), exist_ok=True)
        (out / path).write_bytes(b"")


def test_outputs_without_a_row_and_temporary_files_are_found(tmp_path):
    leftover = f".melcli-{'0' * 16}.tmp"
    plant(tmp_path, "a.npy", "sub/b.npy", "features-00001.h5", f"sub/{leftover}", f".melcli/{leftover}")
    found = find_untracked(str(tmp_path), {"a.npy"}.__contains__)
    assert sorted(found) == [
        UntrackedFile("leftover", f".melcli/{leftover}"),
        UntrackedFile("leftover", f"sub/{leftover}"),
        UntrackedFile("unknown", "features-00001.h5"),
        UntrackedFile("unknown", "sub/b.npy"),
    ]


def test_what_is_no_output_by_its_name_is_not_spoken_of(tmp_path):
    names = (
        "manifest.jsonl",
        "melcli.yaml",
        "a.wav",
        "features-1.h5",
        "sub/features-00001.h5",
        ".melcli/x.npy",
        "b.tmp",
    )
    plant(tmp_path, *names)
    assert list(find_untracked(str(tmp_path), set().__contains__)) == []


def test_links_to_folders_are_not_followed(tmp_path):
    plant(tmp_path / "elsewhere", "a.npy")
    os.mkdir(tmp_path / "out")
    os.symlink(tmp_path / "elsewhere", tmp_path / "out" / "link")
    os.symlink(tmp_path / "out", tmp_path / "out" / "loop")
    assert list(find_untracked(str(tmp_path / "out"), set().__contains__)) == []


def test_a_folder_that_cannot_be_listed_is_told(tmp_path, monkeypatch):
    plant(tmp_path, "shut/a.npy")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "no", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert list(find_untracked(str(tmp_path), set().__contains__)) == [UntrackedFile("unlisted", "shut")]
