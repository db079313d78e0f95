"""What ``config show`` says before the values: whose numbers, in words, and by which calls."""

from melcli.config.resolve import resolve_config
from melcli.explain.explanation import explain


def said(name, *, sets=()):
    return explain(name, resolve_config(name, sets=sets))


def test_a_named_config_says_whose_numbers_it_equals():
    lines = said("whisper_128")
    assert lines[0].startswith("whisper_128: Whisper's log-mel spectrogram with 128 filters")
    assert lines[1].startswith("Equals: openai-whisper ")
    assert any(line.startswith("Not covered: ") for line in lines)
    assert "levels  log10(max(x, 1e-10)), no more than 80 dB below the loudest" in lines


def test_by_an_alias_it_says_the_same():
    assert said("Large_V3") == said("whisper_128")


def test_what_was_changed_is_not_said_to_equal_anything():
    lines = said("hifigan", sets=["num_mel_bins=64", "mag_eps=1e-6", "format=hdf5"])
    assert lines[1:4] == [
        "Not as hifigan has them:",
        "  features.num_mel_bins: 80    -> 64",
        "  features.mag_eps:      1e-09 -> 1e-06",
    ]
    assert not any(line.startswith("Equals: ") for line in lines)


def test_storing_otherwise_changes_no_features():
    lines = said("hifigan", sets=["output.dtype=float16", "channels=each"])
    assert any(line.startswith("Equals: ") for line in lines)


def test_a_file_of_ones_own_gets_words_and_calls(write):
    lines = said(write("base: librosa\nfeatures: {num_mel_bins: 64}\n", "librosa.yaml"))
    assert lines[0] == "signal  22050 Hz"
    assert "In librosa, from the samples y:" in lines
    assert any(line.startswith("  mel = librosa.feature.melspectrogram(") for line in lines)


def test_where_there_is_no_call_the_key_is_named():
    lines = said("keras")
    assert (
        "No call of librosa equals it, because librosa lacks mel_triangles: mel (its slopes are straight in hertz)."
        in lines
    )
    assert not any(line.startswith("In librosa") for line in lines)


def test_an_unverified_config_says_why(write, monkeypatch):
    from melcli.config.labels import Labels
    from melcli.explain import explanation as module

    monkeypatch.setattr(module, "config_labels", lambda path: Labels(description="D.", unverified="it is nowhere."))
    assert "Unverified: it is nowhere." in said("keras")


def test_empty_filters_are_named_between_words_and_calls():
    lines = said("beats")
    remark = next(number for number, line in enumerate(lines) if line.startswith("note: as in the original of beats, "))
    assert lines[remark - 1] == "" == lines[remark + 2]
    assert lines[remark + 1].startswith("  ")
    assert not any(line.startswith(("note: ", "warning: ")) for line in said("keras"))


def test_words_are_wrapped_and_code_is_not():
    for line in said("lhotse"):
        assert len(line) <= 118 or line.startswith("  ")
