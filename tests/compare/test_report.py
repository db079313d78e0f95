"""What people and programs are shown."""

import json

import numpy as np
import pytest

from melcli.compare.comparison import compare
from melcli.compare.differences import Tolerance
from melcli.compare.report import lines, plain
from tests.compare.mels import log_mels
from tests.compare.sets import Memory

MELS = {name: log_mels(num_frames=frames, seed=frames) for name, frames in (("a", 60), ("b", 70), ("c/d", 80))}


def change(**changes):
    """Return a copy of the set in which some items are changed."""
    return Memory({name: changes.get(name[-1], np.copy)(mels) for name, mels in MELS.items()})


def shown(b, *, top=10, **tolerance):
    return list(lines(compare(Memory(MELS), b, Tolerance(**tolerance)), top=top))


def test_equal_sets_take_one_line():
    assert shown(change()) == ["3 files, 8,400 values: all equal"]


def test_the_worst_stands_first_and_the_whole_last():
    said = shown(change(a=lambda mels: mels + 2, d=lambda mels: mels + 3), atol=2.5)
    assert said[1].split() == ["max", "p99.9", "mean", "max", "p99.9", "mean", "bin,", "frame", "file"]
    assert [line.split()[-1] for line in said[2:4]] == ["c/d", "a"]
    assert said[2].split()[:3] == ["3", "3", "3"]
    assert said[4].endswith("  in all, 3 files")
    assert said[5:8] == [
        "",
        "2 of 3 files differ (5,600 of 8,400 values)",
        "1 of 3 files beyond |A - B| <= 2.5 (3,200 values)",
    ]
    assert len({len(line) - len(line.split("  ")[-1]) for line in said[1:5]}) == 1  # the names stand below each other


def test_a_place_is_named_by_bin_and_frame_where_time_is_known_and_whatever_the_layout():
    def one_off(mels):
        mels = mels.copy()
        mels[7, 33] += 1
        return mels

    row = next(line for line in shown(change(b=one_off)) if line.endswith("  b"))
    assert "  7, 33  " in row
    turned = {name: mels.T for name, mels in MELS.items()}
    found = compare(Memory(turned), Memory({**turned, "b": one_off(MELS["b"]).T}), Tolerance())
    assert "  7, 33  " in next(line for line in lines(found, top=1) if line.endswith("  b"))
    assert plain(found)["files"][1]["worst"] == {"index": [33, 7], "bin": 7, "frame": 33}


def test_a_place_is_an_index_where_nobody_knows_which_axis_is_time():
    found = compare(Memory({"a": MELS["a"]}), Memory({"a": MELS["a"] + 1}), Tolerance())
    assert list(lines(found, top=1))[1].split()[-2:] == ["place", "file"]
    assert plain(found)["files"][0]["worst"]["frame"] is None


def test_other_shapes_are_named_first():
    said = shown(change(a=np.transpose, b=lambda mels: mels + 1))
    assert said[2].split() == ["40x60", "against", "60x40", "a"]
    assert said[3].endswith("  b")
    assert said[-2:] == ["a: B is A transposed (exactly)", "b: B = A + 1 (exactly)"]


def test_where_no_shape_agrees_there_are_no_columns_of_numbers():
    said = shown(change(a=np.transpose, b=np.transpose, d=np.transpose))
    assert said == [
        "40x60 against 60x40  a",
        "40x70 against 70x40  b",
        "40x80 against 80x40  c/d",
        "",
        "3 of 3 files differ (no shape agrees)",
        "3 files: B is A transposed (exactly)",
    ]


def test_only_so_many_are_shown():
    b = change(a=lambda mels: mels + 1, b=lambda mels: mels + 2, d=lambda mels: mels + 3)
    said = shown(b, top=1)
    assert said[2].endswith("  c/d")
    assert said[3].strip() == "... and 2 more"
    assert said[4].endswith("  in all, 3 files")
    assert len(said[3]) - len("... and 2 more") == said[2].index("c/d")


def test_names_of_one_side_are_told_and_escaped():
    b = Memory({"a": MELS["a"], "x\x1b[2J": MELS["a"], "y": MELS["a"], "z": MELS["a"]})
    said = shown(b, top=2)
    assert said[1:] == ["only in A (2): b, c/d", r"only in B (3): x\x1b[2J, y and 1 more"]


def test_nothing_in_common():
    assert shown(Memory({"x": MELS["a"]}))[0] == "A and B have no file in common"


def test_what_cannot_be_read_is_told():
    assert shown(Memory({**MELS, "a": None}))[-1] == "a cannot be read: damaged"


def test_nan_is_counted():
    said = shown(change(a=lambda mels: np.where(mels == mels.max(), np.nan, mels)))
    count = int((MELS["a"] == MELS["a"].max()).sum())
    assert f"NaN or infinite: 0 in A, {count} in B, {count} not the same in both" in said


def test_explanations_of_one_kind_are_brought_together_and_wrapped():
    def normalized(mels):
        return (mels - mels.mean(axis=1, keepdims=True)) / mels.std(axis=1, keepdims=True)

    said = shown(change(a=normalized, b=normalized, d=lambda mels: mels[::-1]))
    start = next(number for number, line in enumerate(said) if line.startswith("2 files: "))
    assert said[start].startswith("2 files: B = A * a factor per bin (")
    assert said[start + 1].startswith("  ")
    assert all(len(line) <= 80 for line in said)
    assert said[-1] == "c/d: B is reversed along the mel axis (exactly)"


def test_the_axes_of_b_follow_from_those_of_a():
    mels = MELS["a"]
    found = compare(Memory({"a": mels}, time_axis=1), Memory({"a": mels[::-1].T}), Tolerance())
    words = "B is A transposed and B is reversed along the mel axis (exactly)"
    assert plain(found)["files"][0]["explanation"] == words


def test_what_nothing_explains_is_said_to_be_so():
    assert shown(change(a=np.square, b=lambda mels: log_mels(num_frames=70)))[-1] == (
        "2 files: no simple relation explains the difference"
    )


@pytest.mark.parametrize("top", [0, 10])
def test_no_line_is_longer_than_80_columns_but_for_a_name(top):
    b = change(a=lambda mels: 1e-7 * mels, b=lambda mels: mels * 1e9, d=lambda mels: mels + 1e-11)
    assert all(len(line) <= 80 for line in shown(b, top=top))


def test_programs_get_every_file_and_numbers_that_json_knows():
    b = Memory({**MELS, "a": MELS["a"].T, "b": np.full_like(MELS["b"], np.inf), "x": MELS["a"]})
    found = plain(compare(Memory(MELS), b, Tolerance(atol=0.5)))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [item["id"] for item in found["files"]] == ["a", "b", "c/d"]
    assert (found["exit_code"], found["num_files"], found["num_equal"], found["num_within"]) == (4, 3, 1, 1)
    assert found["explanations"] == [{"files": 1, "words": "B is A transposed (exactly)", "example": "a"}]
    first, second, third = found["files"]
    assert (first["shape_a"], first["shape_b"], first["difference"]) == ([40, 60], [60, 40], None)
    assert (second["difference"]["num_apart"], second["difference"]["absolute"]) == (2800, None)
    assert third["difference"]["absolute"] == {"max": 0.0, "p999": 0.0, "mean": 0.0}
    assert found["only_in_b"] == ["x"]


def test_differences_beyond_float64_become_null():
    found = compare(Memory({"a": np.array([1e308])}), Memory({"a": np.array([-1e308])}), Tolerance())
    assert plain(found)["whole"]["absolute"] == {"max": None, "p999": None, "mean": None}
