"""What OUT says of earlier runs: the journal over the manifest, and of every input only its last time."""

import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.errors import StorageError
from melcli.scratch import Scratch
from melcli.store.history import read_history
from melcli.store.journal import Journal, PlannedShard
from melcli.store.manifest import write_manifest
from tests.store.rows import ODD_IDS, make_row, read_manifest, rows_of
from tests.tiers import examples, full_but


def keep_journal(out, *generations, shards=()):
    """Write a journal whose batches are the generations."""
    (out / ".melcli").mkdir(exist_ok=True)
    with Journal(str(out)) as journal:
        journal.add(shards=shards)
        for rows in generations:
            journal.add(rows=rows)


def mono(item_id, time_ns):
    return [make_row(item_id, source_mtime_ns=time_ns)]


def each(item_id, time_ns, num_channels):
    return [
        make_row(f"{item_id}.ch{channel}", channel=channel, source_channels=num_channels, source_mtime_ns=time_ns)
        for channel in range(num_channels)
    ]


def failed(item_id, time_ns):
    return [make_row(item_id, status="failed", reason="empty", message="no sample", source_mtime_ns=time_ns)]


def told(out):
    return sorted(rows_of(out), key=lambda row: (row.id, row.item_id))


GENERATIONS = {
    "mono": mono("a", 1),
    "again": mono("a", 2),
    "stereo": each("a", 3, 2),
    "stereo again": each("a", 4, 2),
    "five channels": each("a", 5, 5),
    "one channel": each("a", 6, 1),
    "failed": failed("a", 7),
    "failed again": failed("a", 8),
}


def test_an_out_that_is_not_there_says_nothing(tmp_path, scratch):
    history = read_history(str(tmp_path / "no"), scratch)
    assert list(history.entries()) == list(history.shards) == []
    assert not history.interrupted
    assert len(history.journal) == 0
    assert history.next_shard() == 0


def test_a_manifest_alone_is_told_as_it_is(tmp_path, scratch):
    rows = [*each("a", 1, 2), *failed("b", 1)]
    write_manifest(str(tmp_path), rows)
    assert told(tmp_path) == rows
    assert not read_history(str(tmp_path), scratch).interrupted


def test_a_journal_alone_tells_of_an_interrupted_run(tmp_path, scratch):
    keep_journal(tmp_path, mono("b", 1), mono("a", 1))
    history = read_history(str(tmp_path), scratch)
    assert history.interrupted
    assert [entry.id for entry in history.entries()] == ["b", "a"]


def test_an_empty_journal_is_an_interrupted_run_too(tmp_path, scratch):
    keep_journal(tmp_path)
    assert read_history(str(tmp_path), scratch).interrupted


@pytest.mark.parametrize("newer", GENERATIONS)
@pytest.mark.parametrize("older", full_but(GENERATIONS, "mono", "stereo", "failed"))
def test_the_journal_overrules_the_manifest_input_by_input(tmp_path, older, newer):
    write_manifest(str(tmp_path), [*GENERATIONS[older], *mono("other", 1)])
    keep_journal(tmp_path, GENERATIONS[newer])
    assert told(tmp_path) == [*GENERATIONS[newer], *mono("other", 1)]


@pytest.mark.parametrize("newer", GENERATIONS)
@pytest.mark.parametrize("older", full_but(GENERATIONS, "mono", "stereo", "failed"))
def test_of_two_times_in_the_journal_the_last_counts(tmp_path, older, newer):
    keep_journal(tmp_path, GENERATIONS[older], mono("other", 1), GENERATIONS[newer])
    assert told(tmp_path) == [*GENERATIONS[newer], *mono("other", 1)]


@given(st.lists(st.sampled_from(sorted(GENERATIONS)), min_size=1, max_size=5), st.booleans())
@settings(max_examples=examples(40))
def test_however_often_an_input_was_done_only_its_last_time_counts(tmp_path_factory, names, in_manifest):
    out = tmp_path_factory.mktemp("out")
    if in_manifest:
        write_manifest(str(out), GENERATIONS[names[0]])
    keep_journal(out, *[GENERATIONS[name] for name in names[in_manifest:]])
    assert told(out) == GENERATIONS[names[-1]]


def test_a_time_of_which_a_kill_left_one_channel_replaces_the_whole_one_before(tmp_path):
    write_manifest(str(tmp_path), each("a", 1, 2))
    keep_journal(tmp_path, each("a", 2, 2)[:1])
    assert told(tmp_path) == each("a", 2, 2)[:1]


def test_a_file_that_is_called_like_a_channel_is_an_input_of_its_own(tmp_path):
    twin = failed("a.ch0", 1)
    write_manifest(str(tmp_path), [*each("a", 1, 2), *twin])
    keep_journal(tmp_path, each("a", 2, 2))
    assert told(tmp_path) == sorted([*each("a", 2, 2), *twin], key=lambda row: (row.id, row.item_id))


def test_rows_can_be_asked_for_again(tmp_path, scratch):
    write_manifest(str(tmp_path), mono("a", 1))
    keep_journal(tmp_path, mono("b", 1))
    history = read_history(str(tmp_path), scratch)
    assert list(history.entries()) == list(history.entries())
    assert [entry.id for entry in history.entries()] == ["a", "b"]


def test_a_damaged_manifest_is_refused(tmp_path, scratch):
    (tmp_path / "manifest.jsonl").write_text("{}\n")
    with pytest.raises(StorageError, match=r"manifest\.jsonl:1: not a row of a manifest"):
        list(read_history(str(tmp_path), scratch).entries())


# rewritten


def rewrite(out, **keep):
    """Write the manifest again from what is told, once row by row and once copied; return both, and the failures."""
    contents = []
    with Scratch() as scratch:
        history = read_history(str(out), scratch)
        for write in (lambda: history.write_manifest(**keep), lambda: write_manifest(str(out), rows_of(out))):
            write()
            contents.append([(out / name).read_bytes() for name in ("manifest.jsonl", "failures.jsonl")])
    return contents


@pytest.mark.full
@given(st.lists(st.sampled_from(sorted(GENERATIONS)), max_size=4), st.lists(st.sampled_from(sorted(GENERATIONS))))
@settings(max_examples=examples(40))
def test_rows_that_are_copied_are_those_that_would_be_made_anew(tmp_path_factory, journal, manifest):
    out = tmp_path_factory.mktemp("out")
    others = [*map(make_row, ODD_IDS), *failed("a.ch0", 1), *failed("z", 1)]
    write_manifest(str(out), [*(GENERATIONS[manifest[0]] if manifest else []), *others[1::2]])
    keep_journal(out, others[2::2], *[GENERATIONS[name] for name in journal])
    copied, made_anew = rewrite(out)
    assert copied == made_anew


def test_rows_may_be_left_out(tmp_path, scratch):
    write_manifest(str(tmp_path), [*each("a", 1, 2), *mono("b", 1), *failed("c", 1)])
    keep_journal(tmp_path, mono("d", 1), mono("e", 1))
    read_history(str(tmp_path), scratch).write_manifest(lambda item_id: item_id not in {"a", "c", "e"})
    assert [row.id for row in read_manifest(str(tmp_path))] == ["b", "d"]
    assert (tmp_path / "failures.jsonl").read_bytes() == b""


def test_a_manifest_that_somebody_shuffled_is_put_in_order(tmp_path, scratch):
    write_manifest(str(tmp_path), [make_row(item_id) for item_id in "abcd"])
    lines = (tmp_path / "manifest.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "manifest.jsonl").write_bytes(b"".join([lines[2], lines[0], lines[3], lines[1]])[:-1])
    read_history(str(tmp_path), scratch).write_manifest()
    assert (tmp_path / "manifest.jsonl").read_bytes() == b"".join(lines)


def test_a_damaged_manifest_is_not_written_over(tmp_path, scratch):
    damaged = make_row("a").to_json() + "\n" + make_row("b").to_json().replace('"flags"', '"flag"') + "\n"
    (tmp_path / "manifest.jsonl").write_text(damaged)
    with pytest.raises(StorageError, match=r"manifest\.jsonl:2: not a row of a manifest \(its flags is missing\)"):
        read_history(str(tmp_path), scratch).write_manifest()
    assert (tmp_path / "manifest.jsonl").read_text() == damaged


@pytest.mark.full
def test_no_row_is_kept_while_a_manifest_is_written(tmp_path, scratch):
    keep_journal(tmp_path, *[[make_row(f"{number:06d}")] for number in range(0, 2_000, 2)])
    write_manifest(str(tmp_path), [make_row(f"{number:06d}") for number in range(1, 20_000, 2)])
    tracemalloc.start()
    try:
        read_history(str(tmp_path), scratch).write_manifest()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000  # bytes, of pieces and buffers; as text the rows are 6 million


# shards


def test_planned_shards_are_told(tmp_path, scratch):
    shards = [PlannedShard(number=3, first="a", last="b", digest="0")]
    keep_journal(tmp_path, shards=shards)
    assert read_history(str(tmp_path), scratch).shards == shards


def test_the_next_shard_is_above_all_that_rows_speak_of_or_that_were_planned(tmp_path):
    def next_shard():
        with Scratch() as scratch:
            return read_history(str(tmp_path), scratch).next_shard()

    assert next_shard() == 0
    (tmp_path / "features-00004.h5").touch()  # a killed run left it before it could say so
    assert next_shard() == 0
    write_manifest(str(tmp_path), [replace(mono("a", 1)[0], path="features-00010.h5", start=0), *failed("b", 1)])
    assert next_shard() == 11
    keep_journal(
        tmp_path, [replace(mono("c", 1)[0], path="features-00020.h5", start=0), replace(mono("d", 1)[0], path="d.npy")]
    )
    assert next_shard() == 21
    keep_journal(tmp_path, shards=[PlannedShard(number=123_456, first="d", last="e", digest="0")])
    assert next_shard() == 123_457
