"""What holds for every store: all of a batch appears or nothing does, and what comes back is what went in."""

import errno
import os
import pickle
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.errors import StorageError
from melcli.store import files
from melcli.store.manifest import write_manifest
from melcli.store.reader import open_features
from tests.store.rows import ODD_IDS, make_row, names_below
from tests.store.stores import NUM_FEATURES, STORES, stored_files
from tests.tiers import examples, full_but

OTHER_FORMAT = {"npy": "hdf5", "hdf5": "npy"}


def with_final_names(out):
    return {name for name in names_below(out) if not name.endswith(".tmp")}


def contents(out):
    return {name: Path(out, name).read_bytes() for name in names_below(out)}


@pytest.fixture
def three(store):
    """Three items with 4, 1 and 9 frames, one of them in a folder."""
    return {"b": store.features(4), "x/a": store.features(1), "c": store.features(9)}


# all or nothing


def test_nothing_has_its_name_before_commit_and_everything_after(store, three, out):
    sink = store.open(out)
    for item_id, features in three.items():
        store.put(sink, item_id, features)
        assert with_final_names(out) == set()
    placed = sink.commit()
    assert set(placed) == set(three)
    assert names_below(out) == {one.path for one in placed.values()}


def test_discard_leaves_no_file(store, three, out):
    sink = store.open(out)
    for item_id, features in three.items():
        store.put(sink, item_id, features)
    sink.discard()
    assert names_below(out) == set()


def test_discard_after_commit_takes_nothing_away(store, three, out):
    sink = store.open(out)
    for item_id, features in three.items():
        store.put(sink, item_id, features)
    sink.commit()
    before = contents(out)
    sink.discard()
    assert contents(out) == before != {}


def test_nothing_put_is_nothing_written(store, out):
    sink = store.open(out)
    assert sink.commit() == {}
    sink.discard()
    assert names_below(out) == set()


@pytest.mark.few(12)
@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_disk_that_refuses_leaves_what_was_there(store, three, out, monkeypatch, call, number):
    rows = store.write(out, three)
    before = contents(out)

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, call, refuse)
    with pytest.raises(StorageError, match=rf"^cannot write {out}/.+: {os.strerror(number)}; "):
        store.write(out, {item_id: store.features(30, seed=1) for item_id in three})
    assert contents(out) == before
    assert all(stored_files(out, store.format).has_output(row) for row in rows.values())


def test_a_commit_replaces_what_an_earlier_run_stored(store, out):
    store.write(out, {"a": store.features(7), "b": store.features(2)})
    newer = store.features(3, seed=1)
    store.write(out, {"a": newer})
    np.testing.assert_array_equal(open_features(out)["a"], newer)


# the same bytes


def test_equal_input_gives_equal_bytes(store, three, tmp_path):
    store.write(str(tmp_path / "one"), three)
    store.write(str(tmp_path / "two"), {item_id: features.copy() for item_id, features in three.items()})
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_another_number_gives_other_bytes(store, three, tmp_path):
    store.write(str(tmp_path / "one"), three)
    three["c"][-1, -1] += 1
    store.write(str(tmp_path / "two"), three)
    assert contents(tmp_path / "one") != contents(tmp_path / "two")


# where it is


def test_placements_tell_files_and_their_sizes(store, three, out):
    for item_id, row in store.write(out, three).items():
        assert not os.path.isabs(row.path)
        assert row.output_size == os.path.getsize(os.path.join(out, row.path)) > three[item_id].nbytes
        assert (row.start is None) == (store.format == "npy")


def test_stored_files_hold_what_is_whole(store, three, out):
    rows = store.write(out, three)
    assert all(stored_files(out, store.format).has_output(row) for row in rows.values())


def truncate(path):
    os.truncate(path, os.path.getsize(path) - 1)


def lengthen(path):
    with open(path, "ab") as file:
        file.write(b"\0")


def become_a_folder(path):
    os.unlink(path)
    os.mkdir(path)


@pytest.mark.parametrize("damage", [truncate, lengthen, os.unlink, become_a_folder, lambda path: os.truncate(path, 0)])
def test_stored_files_hold_nothing_that_changed_its_size(store, out, damage):
    row = store.write(out, {"x/a": store.features(4)})["x/a"]
    damage(os.path.join(out, row.path))
    assert not stored_files(out, store.format).has_output(row)


def test_stored_files_hold_no_row_of_the_other_format(store, out):
    row = store.write(out, {"a": store.features(4)})["a"]
    assert not stored_files(out, OTHER_FORMAT[store.format]).has_output(row)


def test_stored_files_hold_no_row_without_a_file(store, out):
    row = store.write(out, {"a": store.features(4)})["a"]
    assert not stored_files(out, store.format).has_output(replace(row, path=None))
    unsized = replace(row, output_size=None)
    assert not stored_files(out, store.format).has_output(unsized)
    os.unlink(os.path.join(out, row.path))
    assert not stored_files(out, store.format).has_output(unsized)


# what comes back


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_what_went_in_comes_back_bit_for_bit(store, out, dtype):
    items = {f"i{num_frames}": store.features(num_frames, dtype) for num_frames in (1, 2, 313, 20_000)}
    store.write(out, items)
    features = open_features(out)
    for item_id, stored in items.items():
        read = features[item_id]
        assert (read.dtype, read.shape) == (stored.dtype, stored.shape)
        assert read.tobytes() == stored.tobytes()


def test_numbers_that_comparisons_pass_over_come_back_too(store, out):
    odd = store.features(6)
    odd.flat[:5] = [-0.0, 1e-45, np.finfo("f4").max, np.finfo("f4").min, np.nextafter(np.float32(1), np.float32(2))]
    store.write(out, {"odd": odd})
    assert open_features(out)["odd"].tobytes() == odd.tobytes()


def test_odd_names_come_back_as_they_went_in(store, out):
    items = {item_id: store.features(3, seed=number) for number, item_id in enumerate(ODD_IDS)}
    rows = store.write(out, items)
    features = open_features(out)
    assert list(features) == sorted(ODD_IDS, key=os.fsencode)
    for item_id, stored in items.items():
        np.testing.assert_array_equal(features[item_id], stored)
        assert stored_files(out, store.format).has_output(rows[item_id])


@pytest.mark.parametrize("name", STORES)
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=60), dtype=st.sampled_from(["f2", "f4", "f8"]))
@settings(max_examples=examples(12))
def test_any_number_of_items_of_any_length(name, lengths, dtype):
    store = STORES[name]
    items = {f"{number}": store.features(length, dtype, seed=number) for number, length in enumerate(lengths)}
    with tempfile.TemporaryDirectory() as out:
        store.write(out, items)
        features = open_features(out)
        assert {item_id: array.tobytes() for item_id, array in features.items()} == {
            item_id: array.tobytes() for item_id, array in items.items()
        }
        assert {array.shape[1 - store.time_axis] for array in features.values()} == {NUM_FEATURES}


# the mapping


def test_features_are_a_mapping_sorted_by_id_over_what_is_ok(store, out):
    rows = store.write(out, {item_id: store.features(2) for item_id in ("b", "a/z", "a", "B")})
    failed = make_row("aa", status="failed", reason="empty", message="aa.wav: no sample")
    write_manifest(out, [*rows.values(), failed])
    features = open_features(out)
    assert list(features) == list(features.rows) == ["B", "a", "a/z", "b"]
    assert len(features) == 4
    assert "a/z" in features
    assert "aa" not in features
    assert "z" not in features
    assert features.rows["b"].num_frames == 2
    assert repr(features) == f"<Features of 4 items in {out}>"
    with pytest.raises(KeyError, match=r"^'aa'$"):
        features["aa"]


def test_a_path_object_opens_too(store, tmp_path):
    store.write(str(tmp_path), {"a": store.features(2)})
    assert list(open_features(tmp_path)) == ["a"]


def test_opening_reads_no_array(store, three, out, tmp_path):
    rows = store.write(out, three)
    aside = tmp_path / "aside"
    for path in {row.path for row in rows.values()}:
        os.makedirs((aside / path).parent, exist_ok=True)
        os.rename(os.path.join(out, path), aside / path)
    features = open_features(out)
    assert len(features) == 3
    assert "b" in features
    for item_id in features:
        with pytest.raises(StorageError, match=rf"^{out}/.+: '{item_id}' cannot be read: .+"):
            features[item_id]
    shutil.copytree(aside, out, dirs_exist_ok=True)
    np.testing.assert_array_equal(features["b"], three["b"])


@pytest.mark.parametrize("share", full_but([0.0, 0.01, 0.3, 0.7, 0.99], 0.0, 0.7))
def test_a_cut_file_is_refused_and_named(store, out, share):
    row = store.write(out, {"a": store.features(50)})["a"]
    os.truncate(os.path.join(out, row.path), int(share * row.output_size))
    with pytest.raises(StorageError, match=rf"^{out}/{row.path}: 'a' cannot be read: .+"):
        open_features(out)["a"]


@pytest.mark.parametrize(
    "path",
    full_but(
        ["../elsewhere/{}", "{outside}/{}", "x/../../elsewhere/{}", ".", ""],
        "../elsewhere/{}",
        "{outside}/{}",
        "",
    ),
)
def test_a_row_that_leads_out_is_refused(store, out, tmp_path, path):
    outside = tmp_path / "elsewhere"
    row = store.write(str(outside), {"a": store.features(4)})["a"]
    lures = path.replace("{outside}", str(outside)).replace("{}", row.path)
    write_manifest(out, [replace(row, path=lures)])
    with pytest.raises(StorageError, match=rf"of 'a' is outside {out}$"):
        open_features(out)["a"]


def test_features_survive_pickling_and_a_change_of_folder(store, three, out, tmp_path, monkeypatch):
    store.write(out, three)
    monkeypatch.chdir(tmp_path)
    features = open_features("out")
    assert features["b"].shape == three["b"].shape  # a file is open now, which cannot be pickled
    copy = pickle.loads(pickle.dumps(features))
    monkeypatch.chdir("/")
    for mapping in (features, copy):
        assert list(mapping) == sorted(three)
        for item_id, stored in three.items():
            np.testing.assert_array_equal(mapping[item_id], stored)


@pytest.mark.few(2)
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_features_can_be_read_on_both_sides_of_a_fork(store, out):
    items = {f"{number}": store.features(200 + number, seed=number) for number in range(60)}
    store.write(out, items)
    features = open_features(out)

    def wrong(ids):
        return sum(features[item_id].tobytes() != items[item_id].tobytes() for item_id in ids)

    assert wrong(items) == 0
    children = [_in_child(wrong, sorted(items, key=lambda item_id: hash((turn, item_id)))) for turn in range(3)]
    assert wrong(items) == 0
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    assert wrong(items) == 0


def test_closed_features_open_again_when_they_are_asked(store, three, out):
    store.write(out, three)
    features = open_features(out)
    for _ in range(2):
        np.testing.assert_array_equal(features["c"], three["c"])
        features.close()


def test_arrays_that_were_read_are_the_readers_own(store, three, out):
    store.write(out, three)
    features = open_features(out)
    features["b"][:] = 0
    np.testing.assert_array_equal(features["b"], three["b"])


def _in_child(function, argument):
    """Run a function in a forked child whose exit code is what it returns, or 99; return the child's number."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        code = function(argument)
    finally:
        os._exit(code)
