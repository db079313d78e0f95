"""The journal: what was written is read back, and what is damaged is never believed."""

import errno
import json
import os
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from melcli.errors import StorageError
from melcli.store import journal as journal_module
from melcli.store.journal import Journal, PlannedShard, remove_journal
from tests.store.rows import ODD_IDS, journal_of, make_row

ROWS = [
    make_row("a"),
    make_row("x.ch1", channel=1, num_frames=9, min=-80.0, flags=("clipped",)),
    make_row(os.fsdecode(b"\xff\n"), status="failed", reason="empty", message='no "sample"'),
]
SHARDS = [
    PlannedShard(number=0, first="a", last="m\n\udcff", digest="0123456789abcdef"),
    PlannedShard(number=1, first="n", last="z", digest="fedcba9876543210"),
]


@pytest.fixture
def out(tmp_path):
    (tmp_path / ".melcli").mkdir()
    return str(tmp_path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / ".melcli" / "journal.jsonl"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The bytes of a journal of all `ROWS`, and its OUT to write others in."""
    out = tmp_path_factory.mktemp("written")
    (out / ".melcli").mkdir()
    write(str(out))
    return out, (out / ".melcli" / "journal.jsonl").read_bytes()


def write(out, rows=ROWS):
    """Write a line for each row."""
    with Journal(out) as journal:
        for row in rows:
            journal.add(rows=[row])


def damage(out, content):
    path = out / ".melcli" / "journal.jsonl"
    path.unlink(missing_ok=True)  # ext4 flushes a file that is truncated and rewritten, which takes 2 ms
    path.write_bytes(content)
    rows, shards = journal_of(str(out))
    assert shards == []
    return rows


# append and read back


def test_what_was_added_is_read_back_in_order(out):
    with Journal(out) as journal:
        journal.add(shards=SHARDS)
        journal.add(rows=ROWS[:1])
        journal.add()
        journal.add(rows=iter(ROWS[1:]), shards=iter(SHARDS[:1]))
    assert journal_of(out) == (ROWS, [*SHARDS, SHARDS[0]])


def test_a_batch_counts_whole_or_not_at_all(out, path):
    with Journal(out) as journal:
        journal.add(rows=ROWS[:1], shards=SHARDS)
        journal.add(rows=ROWS[1:])
    assert path.read_bytes().count(b"\n") == 2
    os.truncate(path, path.stat().st_size - 1)
    assert journal_of(out) == (ROWS[:1], SHARDS)


def test_a_later_run_goes_on_where_an_earlier_one_ended(out):
    write(out, ROWS[:1])
    write(out, ROWS[1:])
    assert journal_of(out) == (ROWS, [])


def test_odd_names_survive(out, path):
    write(out, list(map(make_row, ODD_IDS)))
    assert [row.id for row in journal_of(out)[0]] == ODD_IDS
    assert path.read_bytes().count(b"\n") == len(ODD_IDS)


def test_no_journal_is_told_from_an_empty_one(out):
    assert journal_of(out) is None
    Journal(out).__exit__()
    assert journal_of(out) == ([], [])


def test_a_removed_journal_is_gone(out, path):
    with Journal(out) as journal:
        journal.add(rows=ROWS)
    remove_journal(out)
    assert not path.exists()
    assert journal_of(out) is None


def test_removing_what_is_gone_is_no_error(out, path):
    remove_journal(out)
    assert not path.exists()


# damage


def test_a_cut_at_any_byte_leaves_the_whole_lines_before_it(written):
    out, content = written
    for size in range(len(content)):
        assert damage(out, content[:size]) == ROWS[: content[:size].count(b"\n")]


@pytest.mark.full
def test_after_a_cut_at_any_byte_the_journal_goes_on(written, monkeypatch):
    out, content = written
    monkeypatch.setattr(journal_module.os, "fsync", lambda descriptor: None)  # 1,500 of them
    more = make_row("more")
    for size in range(len(content)):
        damage(out, content[:size])
        write(str(out), [more])
        # A line that lacks nothing but its end is given it, and then it is whole.
        kept = content[: size + 1].count(b"\n")
        assert journal_of(str(out))[0] == [*ROWS[:kept], more]


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=6))
def test_changed_bytes_never_make_a_row(written, changes):
    out, content = written
    damaged = bytearray(content)
    for place, change in changes:
        damaged[place % len(damaged)] ^= change
    assert_in_order(damage(out, damaged))


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.binary(max_size=80))
@example(0, 0, b'{"crc32":"')
@example(0, 0, b"\0" * 80)  # what a power cut leaves of a file that grew
def test_bytes_put_in_or_taken_out_never_make_a_row(written, start, taken, added):
    out, content = written
    start %= len(content)
    assert_in_order(damage(out, content[:start] + added + content[start + taken % 200 :]))


@given(st.binary(max_size=400))
def test_any_bytes_at_all_are_read_without_a_row(written, content):
    assert damage(written[0], content) == []


@pytest.mark.full
def test_every_single_flipped_bit_costs_its_line_and_no_other(written):
    out, content = written
    for place in range(0, len(content), 7):
        line = content[:place].count(b"\n")
        for bit in range(8):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            lost = {line, line + 1} if content[place : place + 1] == b"\n" else {line}
            assert damage(out, damaged) == [row for number, row in enumerate(ROWS) if number not in lost]


def assert_in_order(found):
    """Each found row is one that was written, and none came twice or before another's turn."""
    places = [ROWS.index(row) for row in found]
    assert places == sorted(set(places))


# the disk


def test_its_name_and_rows_are_on_the_disk_when_add_returns(out, path, monkeypatch):
    seen = []
    monkeypatch.setattr(journal_module.os, "fsync", lambda descriptor: seen.append(os.fstat(descriptor)))
    with Journal(out) as journal:
        journal.add(rows=ROWS[:1])
        journal.add(rows=ROWS[1:])
        assert seen[-1].st_size == path.stat().st_size
    assert [status.st_ino for status in seen] == [path.parent.stat().st_ino, *[path.stat().st_ino] * 2]
    assert seen[1].st_size < seen[2].st_size
    with Journal(out):
        assert len(seen) == 3  # it was there


def test_without_flushes_a_plan_of_shards_is_flushed_all_the_same(out, path, monkeypatch):
    """After a power cut the next run has to cut its shards alike; rows it can make again."""
    sizes = []
    monkeypatch.setattr(journal_module.os, "fsync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    with Journal(out, flush=False) as journal:
        journal.add(rows=ROWS[:1])
        assert sizes == []
        journal.add(shards=SHARDS)
        assert sizes == [path.stat().st_size]
        journal.add(rows=ROWS[1:])
        assert len(sizes) == 1
    assert journal_of(out) == (ROWS, SHARDS)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_refusal_is_a_storage_error_and_keeps_what_was_there(out, path, monkeypatch, number):
    def refuse(_):
        raise OSError(number, os.strerror(number))

    write(out, ROWS[:1])
    with Journal(out) as journal:
        monkeypatch.setattr(journal_module.os, "fsync", refuse)
        with pytest.raises(StorageError) as raised:
            journal.add(rows=ROWS[1:])
    assert str(raised.value).startswith(f"cannot write {path}: {os.strerror(number)}; ")
    assert journal_of(out)[0][0] == ROWS[0]


def test_a_disk_that_fills_up_in_a_line_costs_that_line(out, path):
    resource = pytest.importorskip("resource")
    write(out, ROWS[:1])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(out) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, before[1]))
        try:
            with pytest.raises(StorageError, match=rf"^cannot write {path}: File too large; "):
                journal.add(rows=ROWS[1:])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert journal_of(out)[0] == ROWS[:1]
    write(out, ROWS[1:])
    assert journal_of(out)[0] == ROWS


def test_a_journal_that_cannot_be_opened_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match=rf"^cannot write {tmp_path}/\.melcli/journal\.jsonl: No such file or dir"):
        Journal(str(tmp_path))
    (tmp_path / ".melcli" / "journal.jsonl").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"Is a directory; "):
        Journal(str(tmp_path))
    with pytest.raises(StorageError, match=r"it is a directory, not a regular file; "):
        journal_of(str(tmp_path))


# an untrusted OUT, and a disk that fails


def test_after_a_refusal_nothing_more_is_added(out, path, monkeypatch):
    """Linux tells of a lost page once: the next flush of the same descriptor would pass."""
    flushed = []

    def refuse_once(descriptor):
        flushed.append(descriptor)
        if len(flushed) == 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with Journal(out) as journal:
        monkeypatch.setattr(journal_module.os, "fsync", refuse_once)
        for _ in range(2):
            with pytest.raises(StorageError, match="Input/output error"):
                journal.add(rows=ROWS)
    assert len(flushed) == 1


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_journal_is_not_written_through_another_name(out, path, tmp_path, link):
    (tmp_path / "victim").write_bytes(b"as it was")
    link(tmp_path / "victim", path)
    with pytest.raises(StorageError, match=rf"^cannot write {path}: "):
        Journal(out)
    assert (tmp_path / "victim").read_bytes() == b"as it was"


@pytest.mark.parametrize("flush", [True, False])
def test_a_journal_that_is_gone_is_a_storage_error_at_the_next_row(out, path, flush):
    """As when OUT is removed in the middle of a run, which would end as if nothing was amiss."""
    with Journal(out, flush=flush) as journal:
        journal.add(rows=ROWS[:1])
        path.unlink()
        for _ in range(2):
            with pytest.raises(StorageError, match=rf"^cannot write {path}: No such file or directory; "):
                journal.add(rows=ROWS[1:])
    assert not path.exists()


@pytest.mark.parametrize("take_away", [os.unlink, lambda path: os.rename(path, f"{path}.old")])
def test_a_journal_that_was_taken_away_is_not_written_on(out, path, take_away):
    with Journal(out) as journal:
        take_away(path)
        path.touch()
        with pytest.raises(StorageError, match=r"it was removed during the run"):
            journal.add(rows=ROWS)


# a right checksum over what no run writes


def sealed(rows, shards):
    rest = json.dumps({"rows": rows, "shards": shards}, separators=(",", ":"))[1:]
    return f'{{"crc32":"{zlib.crc32(rest.encode()):08x}",{rest}\n'.encode()


PLAIN_ROW = json.loads(make_row("a").to_json())
FAILED_ROW = json.loads(make_row("a", status="failed").to_json())
PLAIN_SHARD = {"number": 0, "first": "a", "last": "b", "digest": "0", "config_id": "0" * 16, "shard_mb": 64}


def test_a_line_of_a_right_checksum_is_read(out, path):
    path.write_bytes(sealed([PLAIN_ROW], [PLAIN_SHARD]))
    assert journal_of(out) == ([make_row("a")], [PlannedShard(**PLAIN_SHARD)])


def test_a_plan_of_an_earlier_version_is_read_and_fits_no_run(out, path):
    earlier = {name: PLAIN_SHARD[name] for name in ("number", "first", "last", "digest")}
    path.write_bytes(sealed([], [{**earlier, "of a later version": 1}]))
    ((shard,),) = (journal_of(out)[1],)
    assert (shard.number, shard.fits(config_id="0" * 16, shard_mb=64)) == (0, False)


@pytest.mark.parametrize(
    "rows, shards, words",
    [
        ([{**PLAIN_ROW, "num_frames": -1}], [], "one of its numbers is negative"),
        ([{**PLAIN_ROW, "path": "../a.npy"}], [], r'its path is "\.\./a\.npy"'),
        ([{**PLAIN_ROW, "id": "\0"}], [], "its id is"),
        ([{**FAILED_ROW, "reason": "bored"}], [], 'its reason is "bored"'),
        ([{}], [], "its status is null"),
        ([7], [], "it is not a line that melcli writes"),
        ([], [{**PLAIN_SHARD, "number": 10**12}], "the number of a shard is 1000000000000"),
        ([], [{**PLAIN_SHARD, "number": True}], "the number of a shard is True"),
        ([], [{**PLAIN_SHARD, "first": None}], "ids are not text"),
        ([], [{**PLAIN_SHARD, "shard_mb": "64"}], "size is not a number"),
        ([], [{}], "it is not a line that melcli writes"),
        ([], {}, "its shards are not a list"),
    ],
)
def test_a_line_that_no_run_writes_is_a_fault_and_counts_not_at_all(out, path, rows, shards, words):
    good = sealed([json.loads(make_row("good").to_json())], [PLAIN_SHARD])
    path.write_bytes(good + sealed([PLAIN_ROW, *rows], shards) + good)
    with pytest.raises(StorageError, match=f"line 2: .*{words}.*; `melcli verify {out} --repair` repairs it"):
        journal_of(out)
    faults = []
    found, planned = journal_of(out, faults.append)
    assert ([row.id for row in found], len(planned), len(faults)) == (["good", "good"], 2, 1)
