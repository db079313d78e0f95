"""A list of arrays that moves to a disk: it behaves as a list does, and leaves nothing."""

import errno
import gc
import os
import resource
import tempfile
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.errors import StorageError
from melcli.store.spool import MAX_BYTES_IN_MEMORY, Spool
from tests.tiers import examples

DTYPES = st.sampled_from(["float16", "float32", "float64", ">f4"])
SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 6)) | st.tuples(st.integers(1, 30))
PLACES = st.integers(0, 99)  # of as many chunks as there are


@st.composite
def arrays(draw):
    """Draw arrays, some of them not in C order."""
    array = np.random.default_rng(draw(PLACES)).normal(size=draw(SHAPES)).astype(draw(DTYPES))
    return draw(st.sampled_from([array, array.T, array[::-1]]))


SET = st.tuples(st.just("set"), PLACES, arrays())
GROW = st.tuples(st.just("append"), arrays()) | st.tuples(st.just("insert"), PLACES, arrays())
SHRINK = st.tuples(st.sampled_from(["delete", "cut"]), PLACES) | st.just(("clear",))
OPERATIONS = st.one_of(SET, SET, GROW, GROW, SHRINK)  # so that there is something to set, as a rule


def perform(operation, chunks):
    """Do one thing to a spool or to a list."""
    name, *arguments = operation
    places = [argument % max(1, len(chunks)) for argument in arguments if isinstance(argument, int)]
    if name == "append":
        chunks.append(*arguments)
    elif name == "insert":
        chunks.insert(places[0], arguments[1])
    elif name == "clear":
        chunks.clear()
    elif not len(chunks):
        pass
    elif name == "set":
        chunks[places[0] - (places[0] % 2) * len(chunks)] = arguments[1]  # from the end, too
    elif name == "delete":
        del chunks[places[0]]
    else:
        del chunks[places[0] :]


def same(chunk, other):
    return (chunk.dtype, chunk.shape, chunk.tobytes()) == (other.dtype, other.shape, other.tobytes())


@settings(max_examples=examples(200))
@given(
    plain=st.lists(arrays(), max_size=5),
    operations=st.lists(OPERATIONS, max_size=15),
    max_bytes=st.sampled_from([0, 0, 200, 10**6]),
)
def test_it_is_a_list(plain, operations, max_bytes):
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(folder, max_bytes=max_bytes)
        spool.extend(plain)
        for operation in operations:
            perform(operation, plain)
            perform(operation, spool)
            assert len(spool) == len(plain)
            assert all(map(same, spool, plain))
            assert os.listdir(folder) == []
        assert all(map(same, spool[1:-1], plain[1:-1]))
        for number, chunk in enumerate(plain):
            if chunk.ndim == 2 and (spool.in_memory or chunk.flags.c_contiguous):
                assert all(same(spool.row(number, row), chunk[row]) for row in range(len(chunk)))


def test_it_moves_to_the_disk_when_it_grows_large_and_not_back(tmp_path):
    spool = Spool(str(tmp_path), max_bytes=1000)
    spool.append(np.zeros(125))
    assert spool.in_memory
    assert not (tmp_path / "folder").exists()
    spool.append(np.ones(1))
    assert not spool.in_memory
    assert [chunk.tolist() for chunk in spool] == [[0.0] * 125, [1.0]]
    spool.clear()
    assert not spool.in_memory


def test_it_moves_when_what_is_put_in_is_larger_than_what_was_there(tmp_path):
    spool = Spool(str(tmp_path), max_bytes=1000)
    spool.append(np.zeros(100))
    spool[0] = np.ones(200)
    assert not spool.in_memory
    assert spool[0].tolist() == [1.0] * 200


def test_in_memory_chunks_are_the_very_arrays_and_nothing_is_made(tmp_path):
    chunk = np.zeros((2, 3))
    spool = Spool(str(tmp_path / "folder"))
    spool.append(chunk)
    assert spool[0] is chunk
    assert not (tmp_path / "folder").exists()


def test_on_the_disk_a_chunk_changes_only_when_it_is_put_back(spool):
    spool.append(np.zeros(3))
    chunk = spool[0]
    chunk += 1
    assert spool[0].tolist() == [0, 0, 0]
    spool[0] = chunk
    assert spool[0].tolist() == [1, 1, 1]
    chunk += 1
    assert spool[0].tolist() == [1, 1, 1]


def test_several_chunks_cannot_be_put_in_at_one_time(spool):
    spool.append(np.zeros(3))
    for number, chunk in ((slice(0, 1), np.zeros(3)), (0, [np.zeros(3)]), (slice(None), [])):
        with pytest.raises(TypeError, match="one chunk at a time"):
            spool[number] = chunk
    with pytest.raises(IndexError):
        spool[1] = np.zeros(3)
    with pytest.raises(IndexError):
        spool[1]


# the file


@pytest.fixture
def spool(tmp_path):
    return Spool(str(tmp_path), max_bytes=0)


def open_files():
    return sorted(os.readlink(f"/proc/self/fd/{number}") for number in range(200) if _is_open(number))


def _is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


@pytest.mark.full
def test_a_folder_is_made_and_nothing_stands_in_it_and_the_file_goes_with_the_list(tmp_path):
    folder = tmp_path / "a"
    before = open_files()
    spool = Spool(str(folder), max_bytes=0)
    spool.append(np.zeros(1000))
    assert list(folder.iterdir()) == []
    (ours,) = set(open_files()) - set(before)
    assert ours.startswith(f"{folder}/.melcli-")
    assert ours.endswith(".tmp (deleted)")
    del spool
    gc.collect()
    assert open_files() == before


def test_an_empty_list_closes_nothing_that_is_not_its_own(tmp_path):
    before = open_files()
    Spool(str(tmp_path), max_bytes=0)
    gc.collect()
    assert open_files() == before


def test_no_child_inherits_the_file(spool):
    spool.append(np.zeros(3))
    assert not os.get_inheritable(spool._descriptor)


def test_a_larger_chunk_does_not_run_into_the_next_and_the_next_not_into_it(spool):
    spool.extend([np.full(3, 1.0), np.full(3, 2.0)])
    spool[0] = np.full(4, 3.0)
    spool[1] = np.full(2, 4.0)
    spool.append(np.full(5, 5.0))
    assert [chunk.tolist() for chunk in spool] == [[3.0] * 4, [4.0] * 2, [5.0] * 5]


def test_chunks_that_are_revised_take_no_more_room(spool):
    for _ in range(5):
        spool.append(np.zeros((10, 10)))
    size = os.fstat(spool._descriptor).st_size
    for _ in range(3):
        for number in range(5):
            spool[number] = spool[number].T.astype(np.float32)
    assert os.fstat(spool._descriptor).st_size == size == 4000


def test_memory_does_not_grow_with_what_is_in_it(tmp_path):
    chunk = np.zeros(250_000)
    tracemalloc.start()
    spool = Spool(str(tmp_path))
    for _ in range(30):
        spool.append(chunk.copy())
    for number in range(len(spool)):
        spool[number] = spool[number] + 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not spool.in_memory
    assert peak < MAX_BYTES_IN_MEMORY + 4 * chunk.nbytes < 30 * chunk.nbytes


# a disk that refuses


def overfill(folder):
    """Append to a spool, and put more in, than a file may hold; return what was said."""
    spool, said = Spool(folder, max_bytes=0), []
    spool.append(np.zeros(100))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        for change in (lambda: spool.append(np.zeros(100)), lambda: spool.__setitem__(0, np.zeros(200))):
            with pytest.raises(StorageError) as raised:
                change()
            said.append(str(raised.value))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert spool[0].tolist() == [0.0] * 100
    return said


@pytest.mark.full
def test_a_disk_that_fills_up_is_a_storage_error(tmp_path):
    files = open_files()
    sentences = overfill(str(tmp_path))
    assert len(sentences) == 2
    for sentence in sentences:
        assert sentence.startswith(f"cannot write {tmp_path}: {os.strerror(errno.EFBIG)}; ")
    assert os.listdir(tmp_path) == []
    gc.collect()
    assert open_files() == files


@pytest.mark.parametrize("call", ["open", "unlink", "pwrite", "mkdir"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EMFILE])
def test_whatever_is_refused_is_a_storage_error(tmp_path, call, number, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(number, os.strerror(number))

    spool = Spool(str(tmp_path), max_bytes=1000)
    spool.append(np.zeros(100))
    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(StorageError, match=rf"^cannot write {tmp_path}: {os.strerror(number)}; "):
            spool.append(np.zeros(100))


def test_a_disk_that_cannot_be_read_is_a_storage_error(spool, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    spool.append(np.zeros(100))
    monkeypatch.setattr(os, "preadv", refuse)
    with pytest.raises(StorageError, match=os.strerror(errno.EIO)):
        spool[0]


def test_a_file_that_became_shorter_is_a_storage_error_and_not_garbage(spool):
    spool.append(np.ones(100))
    os.truncate(spool._descriptor, 799)
    with pytest.raises(StorageError, match=r"a temporary file is shorter than the data written to it; "):
        spool[0]


@pytest.mark.parametrize("most", [1, 3, 8, 100])
def test_calls_that_do_less_than_they_were_asked_are_made_again(spool, most, monkeypatch):
    write, read = os.pwrite, os.preadv
    monkeypatch.setattr(os, "pwrite", lambda number, data, at: write(number, data[:most], at))
    monkeypatch.setattr(os, "preadv", lambda number, parts, at: read(number, [parts[0][:most]], at))
    chunks = [np.random.default_rng(number).normal(size=(3, 5)) for number in range(3)]
    spool.extend(chunks)
    assert all(map(same, spool, chunks))
    assert same(spool.row(1, 2), chunks[1][2])
