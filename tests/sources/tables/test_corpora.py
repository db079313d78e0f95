"""Tables as corpora have them, read with at most two options."""

import csv
import io
import json
import marshal

import pytest

from melcli.sources.records import Record
from melcli.sources.tables.request import TableRequest


def whole(place, source, item_id, **columns):
    """Return the record of a whole recording."""
    return Record(place, source, item_id, None, None, None, "nearest", None, is_command=False, columns=columns)


def test_common_voice(records):
    """Its transcripts have bare quotation marks, also one alone at the start of a cell."""
    data = (
        "client_id\tpath\tsentence\tup_votes\tage\n"
        'c1\tcommon_voice_ja_1.mp3\t"では、危険だ"と彼は言った。\t2\t\n'
        "c2\tcommon_voice_ja_2.mp3\t\"I can't, he said.\t2\ttwenties\n"
        'c3\tcommon_voice_ja_3.mp3\tHe said ""no"".\t2\t\n'
    )
    first, second, third = records(data, "cv/ja/train.tsv", path_template="clips/{path}")
    columns = {"client_id": "c1", "sentence": '"では、危険だ"と彼は言った。', "up_votes": "2", "age": ""}
    path = "cv/ja/clips/common_voice_ja_1.mp3"
    name = "common_voice_ja_1.mp3"
    assert first == whole("cv/ja/train.tsv:2", path, "clips/common_voice_ja_1", path=name, **columns)
    assert second.columns["sentence"] == "\"I can't, he said."
    assert third.columns["sentence"] == 'He said ""no"".'
    (by_root, *_) = records(data, "cv/ja/train.tsv", root="cv/ja/clips")
    assert by_root == first._replace(id="common_voice_ja_1", columns=columns)


def test_ljspeech(records):
    """It has no header; commas and quotation marks are text."""
    data = 'LJ001-0001|Printing, "in" the|Printing, "in" the\nLJ001-0002|"in being|"in being\n'
    found = records(data, "LJSpeech-1.1/metadata.csv", format="pipe", path_template="wavs/{1}.wav")
    columns = {"2": 'Printing, "in" the', "3": 'Printing, "in" the'}
    path = "LJSpeech-1.1/wavs/LJ001-0001.wav"
    assert found[0] == whole("LJSpeech-1.1/metadata.csv:1", path, "wavs/LJ001-0001", **{"1": "LJ001-0001"}, **columns)
    assert found[1].columns["2"] == '"in being'
    named = records(
        data,
        "LJSpeech-1.1/metadata.csv",
        format="pipe",
        path_template="wavs/{id}.wav",
        columns={"id": "1", "text": "2"},
    )
    assert named[0] == whole(found[0].place, path, "LJ001-0001", text=columns["2"], **{"3": columns["3"]})


def test_fsd50k(records):
    data = 'fname,labels,mids,split\n64760,"Electric_guitar,Guitar,Music","/m/02sgy,/m/0342h",train\n'
    (found,) = records(data, "FSD50K.ground_truth/dev.csv", root="FSD50K", path_template="dev_audio/{fname}.wav")
    assert (found.path, found.id) == ("FSD50K/dev_audio/64760.wav", "dev_audio/64760")
    assert found.columns["labels"] == "Electric_guitar,Guitar,Music"


def test_voxceleb(records):
    data = "1 id10001/1zcIwhmdeo4/00001.wav\n2 id10001/7gWzIy6yIIk/00001.wav\n"
    found = records(data, "iden_split.txt", format="space", root="wav")
    assert found[1] == whole(
        "iden_split.txt:2", "wav/id10001/7gWzIy6yIIk/00001.wav", "id10001/7gWzIy6yIIk/00001", **{"1": "2"}
    )


def test_voxceleb_in_m4a(records):
    """The lists of VoxCeleb 2 name WAV files that have to be made first; a template names what was downloaded."""
    found = records("id00012/21Uxsk56VDQ/00001\n", "list.txt", format="space", path_template="aac/{1}.m4a")
    assert (found[0].path, found[0].id) == ("aac/id00012/21Uxsk56VDQ/00001.m4a", "aac/id00012/21Uxsk56VDQ/00001.m4a")


def test_hugging_face_audiofolder(records):
    data = 'file_name,transcription\ntrain/0.wav,"one, two"\n'
    (found,) = records(data, "data/metadata.csv")
    assert found == whole("data/metadata.csv:2", "data/train/0.wav", "train/0", transcription="one, two")
    rows = b'{"file_name": "train/0.wav", "label": 3}\n'
    (found,) = records(rows, "data/metadata.jsonl")
    assert found == whole("data/metadata.jsonl:1", "data/train/0.wav", "train/0", label=3)


def test_nemo_with_offsets(records):
    """NeMo truncates offset and duration to samples, each by itself."""
    rows = [
        {"audio_filepath": "talks/1.wav", "offset": 0.0, "duration": 2.5, "text": "one"},
        {"audio_filepath": "/abs/2.wav", "offset": 12.3456, "duration": 1, "text": "two", "speaker": None},
    ]
    data = "\n".join(map(json.dumps, rows))
    first, second = records(data, "manifests/train.json")
    columns = {"duration": 2.5, "text": "one"}
    assert first == Record(
        *("manifests/train.json:1", "manifests/talks/1.wav", "talks/1_00000000_00002500", 0.0, None, 2.5),
        *("truncate", None, False, columns),
    )
    assert (second.path, second.id) == ("/abs/2.wav", "abs/2_00012345.600_00013345.600")
    assert second.columns == {"duration": 1, "text": "two", "speaker": None}


def test_nemo_without_offsets(records):
    """A duration without an offset describes the whole recording."""
    (found,) = records('{"audio_filepath": "a.wav", "duration": 2.5, "text": "x"}', "train.json")
    assert found == whole("train.json:1", "a.wav", "a", duration=2.5, text="x")
    (found,) = records('{"audio_filepath": "a.wav", "offset": null, "duration": 2.5}', "train.json")
    assert (found.start_s, found.duration_s, found.id) == (None, None, "a")


def test_deepspeech(records):
    (found,) = records("wav_filename,wav_filesize,transcript\nclips/a.wav,32044,hello\n")
    assert (found.path, found.columns) == ("clips/a.wav", {"wav_filesize": "32044", "transcript": "hello"})


def test_a_list_of_paths_and_texts(records):
    found = records("wavs/a.wav|hello|0\nwavs/b.wav|x, y|1\n", "filelist.txt")
    assert found[1] == whole("filelist.txt:2", "wavs/b.wav", "wavs/b", **{"2": "x, y", "3": "1"})


def test_sound_events(records):
    """In these tables, offset is the end."""
    (found,) = records("filename\tonset\toffset\tevent_label\na.wav\t1.5\t2.25\tDog\n", "train.tsv")
    assert (found.start_s, found.end_s, found.duration_s, found.rounding) == (1.5, 2.25, None, "nearest")
    assert (found.id, found.columns) == ("a_00001500_00002250", {"event_label": "Dog"})


def test_urban_sound(records):
    """Its times are those of another recording; they can be turned off."""
    data = "slice_file_name,fsID,start,end,fold\n100032-3-0-0.wav,100032,4.0,8.5,5\n"
    (found,) = records(data, path_template="audio/fold{fold}/{slice_file_name}", columns={"start": "", "end": ""})
    assert (found.path, found.start_s) == ("audio/fold5/100032-3-0-0.wav", None)
    assert found.columns["start"] == "4.0"


def test_rttm(records):
    data = "SPEAKER abc 1 11.5 2.25 <NA> <NA> spk0 <NA> <NA>\nSPEAKER abc 1  3.0 0.5  <NA> <NA> spk1 <NA> <NA>\n"
    columns = {"start": "4", "duration": "5", "speaker": "8"}
    first, second = records(data, "a.rttm", format="space", path_template="wav/{2}.wav", columns=columns)
    assert (first.path, first.start_s, first.duration_s, first.rounding) == ("wav/abc.wav", 11.5, 2.25, "nearest")
    assert (first.id, first.columns["speaker"]) == ("wav/abc_00011500_00013750", "spk0")
    assert second.id == "wav/abc_00003000_00003500"


def test_fairseq(records):
    (found,) = records("84/1/84-1-0.flac\t93680\n", "rest", format="tsv", root="/data/dev")
    assert (found.path, found.columns) == ("/data/dev/84/1/84-1-0.flac", {"2": "93680"})


def test_wenet(records):
    (found,) = records('{"key": "BAC1", "wav": "/a/1.wav", "txt": "x"}\n', "data.list", columns={"id": "key"})
    assert (found.path, found.id, found.columns) == ("/a/1.wav", "BAC1", {"txt": "x"})


def test_speechbrain(records, refusal):
    """Its start and stop are samples, and its duration is in seconds."""
    data = "ID,duration,wav,start,stop,spk_id\nid1--0_3,3.0,/vox/1.wav,0,48000,id1\n"
    assert "contradict" in str(refusal(data))
    (found,) = records(data, columns={"start": "", "end": ""})
    assert (found.id, found.start_s, found.columns["stop"]) == ("id1--0_3", None, "48000")


def test_a_table_of_pandas(records):
    """It has a column without a name, and numbers with decimals for columns with gaps."""
    (first, second) = records(",path,channel\n0,a.wav,1.0\n1,b.wav,\n")
    assert (first.channel, first.id, first.columns) == (1, "a.ch1", {"1": "0"})
    assert (second.channel, second.id) == (None, "b")


def test_a_table_of_a_german_spreadsheet(records):
    (found,) = records('\ufeffDatei;Path;Text\r\n1;a.wav;"x;y"\r\n'.encode())
    assert (found.path, found.columns) == ("a.wav", {"Datei": "1", "Text": "x;y"})


def test_a_quoted_table_with_tabs(records):
    """R quotes the header and all texts."""
    (found,) = records('"path"\t"text"\n"a.wav"\t"one\ttwo"\n', "t.tsv")
    assert (found.path, found.columns) == ("a.wav", {"text": "one\ttwo"})


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_the_csv_module_writes_is_read(records, separator):
    rows = [["path", "text"], ["a\nb.wav", 'x "y", z'], ["c\r\n,.wav", "\t;"], ["d.wav", ""]]
    file = io.StringIO()
    csv.writer(file, delimiter=separator, lineterminator="\n").writerows(rows)
    found = records(file.getvalue())
    assert [[record.path, record.columns["text"]] for record in found] == rows[1:]
    assert [record.place for record in found] == ["t.csv:2", "t.csv:4", "t.csv:6"]


def test_records_and_requests_can_be_sent_to_another_process(records):
    (found,) = records('{"path": "\\u00e9.wav", "n": 1, "x": null, "y": [1]}', "t.jsonl")
    assert Record(*marshal.loads(marshal.dumps(tuple(found)))) == found  # noqa: S302
    request = TableRequest("t", "csv", (("path", "clip"),), "root", "{x}", keep_extension=True)
    assert TableRequest(*marshal.loads(marshal.dumps(tuple(request)))) == request  # noqa: S302
