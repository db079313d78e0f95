"""Kaldi data folders."""

import marshal
import os
import random

import pytest

from melcli.errors import ConfigError
from melcli.sources.kaldi import is_kaldi_folder, read_kaldi_folder
from melcli.sources.records import Record
from tests.messages import names


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes the files of a folder ``data``."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("data")

    def writer(**files):
        for name, text in files.items():
            (tmp_path / "data" / name.replace("wav_scp", "wav.scp")).write_bytes(os.fsencode(text))

    return writer


def read(*, allow_commands=False, root=None):
    return list(read_kaldi_folder("data", allow_commands=allow_commands, root=root))


def refusal(**options):
    with pytest.raises(ConfigError) as raised:
        read(**options)
    return raised.value


def test_a_folder_of_kaldi_has_wav_scp(write):
    assert not is_kaldi_folder("data")
    assert not is_kaldi_folder("nowhere")
    write(wav_scp="")
    assert is_kaldi_folder("data")
    os.remove("data/wav.scp")
    os.mkdir("data/wav.scp")
    assert not is_kaldi_folder("data")


def test_recordings(write):
    write(
        wav_scp="b\u30001 /corpus/b 1.wav\na1\ta.wav \r\n\n",
    )
    assert read() == [
        Record("data/wav.scp:1", "/corpus/b 1.wav", "b\u30001", None, None, None, "truncate", None, False, {}),
        Record("data/wav.scp:2", "a.wav", "a1", None, None, None, "truncate", None, False, {}),
    ]
    assert [record.path for record in read(root="/corpus")] == ["/corpus/b 1.wav", "/corpus/a.wav"]
    marshal.dumps([tuple(record) for record in read()])


def test_segments(write):
    write(
        wav_scp="talk1 audio/1.wav\ntalk2 audio/2.wav\n",
        segments="s1-a talk2 0 1.5\ns1-b talk1 1.25 -1\ns2-a talk1 0.5 2.75 1\ns2-b talk1 1 -1.0\n",
        utt2spk="s1-a s1\ns1-b s1\ns2-a s2\ns2-b s2\n",
        text="s1-a hello  there \ns2-0 not used\ns2-a \u3000全角\u3000\n",
    )
    assert read() == [
        Record(f"data/segments:{n}", *values, columns={"speaker": speaker, "text": text})
        for n, (*values, speaker, text) in enumerate(
            [
                ("audio/2.wav", "s1-a", 0.0, 1.5, None, "truncate", None, False, "s1", "hello  there"),
                ("audio/1.wav", "s1-b", 1.25, None, None, "truncate", None, False, "s1", None),
                ("audio/1.wav", "s2-a", 0.5, 2.75, None, "truncate", 1, False, "s2", "\u3000全角\u3000"),
                ("audio/1.wav", "s2-b", 1.0, None, None, "truncate", None, False, "s2", None),
            ],
            1,
        )
    ]
    marshal.dumps([tuple(record) for record in read()])


def test_segments_need_no_order_without_other_files(write):
    write(wav_scp="b b.wav\na a.wav\n", segments="2 b 0 1\n1 a 0 1\n")
    assert [record.id for record in read()] == ["2", "1"]


def test_many_recordings_in_any_order(write):
    order = list(range(2000))
    random.Random(0).shuffle(order)
    write(
        wav_scp="".join(f"r{n} {n}.wav\n" for n in order),
        segments="".join(f"s{n:05d} r{order[n]} {n} {n + 1}\n" for n in range(2000)),
    )
    assert [record.path for record in read()] == [f"{n}.wav" for n in order]


def test_commands_are_refused_unless_allowed(write):
    write(wav_scp="a sph2pipe -f wav -p -c 1 a.sph |\nb sox b.wav -t wav - | sox -t wav - -r 8k -t wav - |\n")
    error = refusal()
    assert str(error).startswith("data/wav.scp:1: command='sph2pipe")
    assert names(error, "--allow-commands")
    assert [(record.path, record.is_command) for record in read(allow_commands=True, root="x")] == [
        ("sph2pipe -f wav -p -c 1 a.sph", True),
        ("sox b.wav -t wav - | sox -t wav - -r 8k -t wav -", True),
    ]
    write(segments="a-1 b 0 1\n")
    (found,) = read(allow_commands=True)
    assert (found.is_command, found.path[:4]) == (True, "sox ")
    assert names(refusal(), "data/wav.scp:1", "--allow-commands")


@pytest.mark.parametrize(
    "line, named",
    [
        ("a", ("name and its path",)),
        ("a |", ("command", "empty")),
        ("a -", ("path='-'", "file")),
        ("a | cat", ("path='| cat'", "file")),
        ("a raw.ark:1234", ("raw.ark:1234", "archive", "wav-copy")),
        ("a s3://bucket/a.wav", ("URL",)),
        ("../a a.wav", ("recording='../a'", "below OUT")),
    ],
)
def test_a_bad_recording_is_named_by_its_line(write, line, named):
    write(wav_scp=f"z z.wav\n{line}\n")
    error = refusal(allow_commands=True)
    assert str(error).startswith("data/wav.scp:2: ")
    assert names(error, *named)


@pytest.mark.parametrize(
    "line, named",
    [
        ("s r 0", ("3 fields",)),
        ("s r 0 1 0 x", ("6 fields",)),
        ("s r x 1", ("start='x'", "seconds")),
        ("s r -1 1", ("start='-1'", "0 or more")),
        ("s r 0 -2", ("end='-2'", "0 or more")),
        ("s r 0 nan", ("end='nan'", "seconds")),
        ("s r 0 0", ("start=0", "end=0", "after")),
        ("s r 2 1", ("start=2", "end=1", "after")),
        ("s r 1 1", ("start=1", "end=1", "after")),
        ("s r 0 1 A", ("channel='A'", "whole number")),
        ("s r 0 1 -1", ("channel='-1'", "whole number")),
        ("s other 0 1", ("other", "wav.scp")),
        ("../s r 0 1", ("segment='../s'", "below OUT")),
    ],
)
def test_a_bad_segment_is_named_by_its_line(write, line, named):
    write(wav_scp="r r.wav\n", segments=f"a r 0 1\n{line}\n")
    error = refusal()
    assert str(error).startswith("data/segments:2: ")
    assert names(error, *named)


def test_two_recordings_of_one_name_are_refused_where_segments_refer_to_them(write):
    write(wav_scp="b b.wav\na a.wav\nb c.wav\n", segments="1 b 0 1\n")
    assert names(refusal(), "data/wav.scp:3: ", "b")


@pytest.mark.parametrize("file", ["utt2spk", "text"])
def test_files_that_are_not_sorted_are_refused(write, file):
    """The order is that of bytes: not that of a locale, and not that of code points."""
    private, broken = "\ue000", os.fsdecode(b"\xff")
    for keys in (["b", "a"], ["a", "B"], [broken, private]):
        in_order = sorted(keys, key=os.fsencode)
        write(wav_scp="".join(f"{key} x.wav\n" for key in in_order), **{file: "".join(f"{key} x\n" for key in keys)})
        error = refusal()
        assert names(error, f"data/{file}:2: ", "not sorted", f"LC_ALL=C sort -o data/{file} data/{file}")
        write(wav_scp="".join(f"{key} x.wav\n" for key in keys), **{file: "".join(f"{key} x\n" for key in in_order)})
        assert names(refusal(), "data/wav.scp:2: ", "not sorted", "LC_ALL=C sort -o data/wav.scp data/wav.scp")
        write(wav_scp="".join(f"{key} x.wav\n" for key in in_order))
        assert len(read()) == 2


def test_a_text_that_comes_too_late_is_not_lost(write):
    write(wav_scp="a a.wav\nb b.wav\n", text="c x\na y\n")
    assert names(refusal(), "data/text:2: ", "not sorted")


def test_two_texts_of_one_utterance_are_refused(write):
    write(wav_scp="a a.wav\n", text="0 x\n0 y\n")
    assert names(refusal(), "data/text:2: ", "0")


def test_an_unreadable_file_is_refused(write):
    write(wav_scp="a a.wav\n")
    os.symlink("nowhere", "data/text")
    assert names(refusal(), "data/text", "No such file")
    os.remove("data/text")
    os.mkdir("data/segments")
    assert names(refusal(), "data/segments", "directory")


def test_hostile_names_are_escaped(write):
    write(wav_scp="r r.wav\n", segments="\x1b[2J \x1b]0;x 0 1\n")
    error = refusal()
    assert "\x1b" not in str(error)
