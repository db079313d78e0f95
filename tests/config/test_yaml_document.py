"""One YAML document, read strictly: YAML 1.2's scalars, no surprises, every refusal with file and line."""

import time
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from melcli.config import yaml_document as document
from melcli.config.yaml_document import MAX_BYTES, Setting, read_document, read_value
from melcli.errors import ConfigError
from tests.tiers import examples, full_but


def refusal(text):
    with pytest.raises(ConfigError) as raised:
        read_document(text, "my.yaml")
    return str(raised.value)


# scalars


@pytest.mark.parametrize(
    "text, value",
    [
        # numbers that YAML 1.1 takes for text
        ("1e-10", 1e-10),
        ("1E5", 1e5),
        (".5", 0.5),
        ("-.5e-3", -0.5e-3),
        ("1.", 1.0),
        ("+1.5", 1.5),
        ("0o17", 15),
        # and integers that it reads in other bases
        ("017", 17),
        ("+017", 17),
        ("0x1F", 31),
        ("-7", -7),
        ("+7", 7),
        ("00", 0),
        # what it takes for numbers, and YAML 1.2 does not
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("1:30", "1:30"),
        ("-0x1F", "-0x1F"),
        ("-0o17", "-0o17"),
        ("0o18", "0o18"),
        ("1e", "1e"),
        (".", "."),
        ("+", "+"),
        ("٣", "٣"),
        ("1.5f", "1.5f"),
        ("2026-01-01", "2026-01-01"),
        # and for truth values
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("n", "n"),
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("False", False),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        # nothing
        ("null", None),
        ("Null", None),
        ("NULL", None),
        ("~", None),
        ("", None),
        ("nULL", "nULL"),
        ("none", "none"),
        # beyond all numbers
        (".inf", float("inf")),
        ("-.Inf", -float("inf")),
        ("+.INF", float("inf")),
        ("inf", "inf"),
        ("nan", "nan"),
        # quoted is text
        ("'80'", "80"),
        ('"1e-10"', "1e-10"),
        ("'null'", "null"),
        ("''", ""),
        ('"a\\tb"', "a\tb"),
        ("hann", "hann"),
        ("hann  # a window", "hann"),
        # lists
        ("[1, 2.5, 1e-3]", [1, 2.5, 1e-3]),
        ("[]", []),
        ("[a, null, true, '1']", ["a", None, True, "1"]),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    for read in (read_value(text, "--set"), read_document(f"audio:\n  key: {text}\n", "f")["audio.key"].value):
        assert read == value
        assert type(read) is type(value)


def test_not_a_number_is_a_float():
    for text in (".nan", ".NaN", ".NAN"):
        value = read_value(text, "--set")
        assert isinstance(value, float)
        assert value != value


def test_a_list_may_stand_in_lines_of_its_own():
    text = "features:\n  window:\n    - 0.5\n    - 1\n"
    assert read_document(text, "f") == {"features.window": Setting([0.5, 1], "f:3")}


# settings and where they stand


def test_settings_know_their_lines():
    text = (
        "# first\nbase: keras\n\nfeatures:\n  num_mel_bins: 80\n  window:\n    [1,\n     2]\noutput: {dtype: float16}\n"
    )
    assert read_document(text, "my.yaml") == {
        "base": Setting("keras", "my.yaml:2"),
        "features.num_mel_bins": Setting(80, "my.yaml:5"),
        "features.window": Setting([1, 2], "my.yaml:7"),
        "output.dtype": Setting("float16", "my.yaml:9"),
    }


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing but a comment\n"])
def test_nothing_is_no_setting(text):
    assert read_document(text, "my.yaml") == {}


def test_line_ends_of_windows_are_line_ends():
    settings = read_document("audio:\r\n  a: 1\r\n  b: 2\r\n", "f")
    assert settings == {"audio.a": Setting(1, "f:2"), "audio.b": Setting(2, "f:3")}


def test_json_is_yaml():
    assert read_document('{"audio": {"channels": 0}}', "f") == {"audio.channels": Setting(0, "f:1")}


# refusals


@pytest.mark.parametrize(
    "text, said",
    [
        ("a: 1\nb: 2\na: 3\n", "my.yaml:3: key 'a' stands twice, first in line 1"),
        ("x:\n  a: 1\n\n  'a': 3\n", "my.yaml:4: key 'a' stands twice, first in line 2"),
        ("x: {a: 1}\ny: {a: 1}\nx: {b: 1}\n", "my.yaml:3: key 'x' stands twice, first in line 1"),
        ('x: {"\\e": 1,\n"\\e": 1}\n', "my.yaml:2: key '\\x1b' stands twice, first in line 1"),
        ("a: &x 1\n", "my.yaml:1: aliases and anchors are not allowed"),
        ("b:\n  a: *x\n", "my.yaml:2: aliases and anchors are not allowed"),
        ("*x : 1\n", "my.yaml:1: aliases and anchors are not allowed"),
        ("x: &y\n  a: 1\n", "my.yaml:1: aliases and anchors are not allowed"),
        ("x: &y [1]\n", "my.yaml:1: aliases and anchors are not allowed"),
        ("\nx: !!str 80\n", "my.yaml:2: tags are not allowed"),
        ("x: !!python/object/apply:os.system [ls]\n", "my.yaml:1: tags are not allowed"),
        ("!foo\nx: 1\n", "my.yaml:1: tags are not allowed"),
        ("!!str x: 1\n", "my.yaml:1: tags are not allowed"),
        ("x:\n  y: {z: 1}\n", "my.yaml:2: a value is a number, a word, null or a list, not a mapping"),
        ("x: [{z: 1}]\n", "my.yaml:1: a value is a number, a word, null or a list, not a mapping"),
        ("[a, b]: 1\n", "my.yaml:1: a key must be a word"),
        ("x:\n  ? {a: 1}\n  : 2\n", "my.yaml:2: a key must be a word"),
        ("\n- a\n- b\n", "my.yaml:2: a config is a mapping, such as 'features: {num_mel_bins: 80}'"),
        ("keras\n", "my.yaml:1: a config is a mapping, such as 'features: {num_mel_bins: 80}'"),
        ("~\n", "my.yaml:1: a config is a mapping, such as 'features: {num_mel_bins: 80}'"),
        ("x:\n\ta: 1\n", "my.yaml:2: a tab where YAML takes only spaces; indent with spaces"),
        ("x: [1, 2\n", "my.yaml:2: expected ',' or ']', but got '<stream end>'"),
        ("x: 1\n  y: 2\n", "my.yaml:2: mapping values are not allowed here"),
        ("x: 1\n---\ny: 2\n", "my.yaml:2: but found another document"),
        ("x: {y: {z: [[1]]}}\n", "my.yaml:1: nested too deeply"),
        ("x: {y: [[1]]}\n", "my.yaml:1: nested too deeply"),
    ],
)
def test_refusals_name_file_line_and_rule(text, said):
    assert refusal(text) == said


@pytest.mark.few(2)
@pytest.mark.parametrize("mark", ["[", "{", "- ", "? ", "a: {", "[{"])
def test_any_depth_is_refused_at_once(mark):
    started_s = time.process_time()
    assert refusal(mark * 100_000) == "my.yaml:1: nested too deeply"
    assert time.process_time() - started_s < 2


@pytest.mark.parametrize("text", ["a: \x00", "a: \x1b[2J", "\ud800: 1", "a: \ufffe"])
def test_characters_that_are_not_text_are_refused_in_one_line(text):
    said = refusal(text)
    assert said.startswith("my.yaml: not YAML: ")
    assert "\\x0a" not in said
    assert said.isprintable()


def test_what_is_too_large_is_refused_before_it_is_parsed(monkeypatch):
    assert read_document("#" * MAX_BYTES, "my.yaml") == {}
    monkeypatch.setattr(document.yaml, "compose", lambda *_, **__: pytest.fail("parsed"))
    assert refusal("#" * (MAX_BYTES + 1)) == f"my.yaml: {MAX_BYTES + 1} characters; a config holds at most {MAX_BYTES}"


@pytest.mark.full
@pytest.mark.parametrize(
    "before, between",
    full_but(
        [("x: [", "1,"), ("x: {", "a,"), ("x:\n", "- \n"), ("", "a: {}\n")],
        *[("x: [", "1,"), ("", "a: {}\n")],
        unpack=True,
    ),
)
def test_more_values_than_a_config_can_need_are_refused(before, between):
    """Of 400 kB that are nothing but values the last one is never reached: they would take 8 s."""
    assert refusal(before + between * 60_000).endswith(": more than 20000 keys and values")


@pytest.mark.parametrize("text", ["x: WORD\n", "x: ['WORD']\n", "x:\n  ? WORD\n  : 1\n"])
def test_a_word_is_no_longer_than_a_path_can_be(text):
    read_document(text.replace("WORD", "a" * 4096), "my.yaml")
    said = refusal(text.replace("WORD", "a" * 4097))
    assert said.endswith(": a word of 4097 letters; at most 4096 are read")


@pytest.mark.full
def test_a_window_of_16384_numbers_fits():
    numbers = [1 / (3 + number) for number in range(16_384)]
    text = f"features:\n  window: {numbers}\n"
    assert len(text) > 350_000
    assert read_document(text, "my.yaml")["features.window"].value == numbers


@pytest.mark.parametrize("value", ["9" * 5000, "-" + "9" * 5000, "[1, " + "9" * 5000 + "]"])
def test_an_integer_of_too_many_digits_is_refused(value):
    assert refusal(f"features:\n  num_mel_bins: {value}\n").startswith("my.yaml:2: ")


@pytest.mark.parametrize("escape", ["\\U00110000", "\\UFFFFFFFF", "\\UDEADBEEF"])
def test_an_escape_beyond_unicode_is_refused(escape):
    assert refusal(f'x: "{escape}"\n').startswith("my.yaml")


@pytest.mark.parametrize(
    "text, said",
    [
        ("[1, 2", "--set window=:1: expected ',' or ']', but got '<stream end>'"),
        ("{a: 1}", "--set window=:1: a value is a number, a word, null or a list, not a mapping"),
        ("a: 1", "--set window=:1: a value is a number, a word, null or a list, not a mapping"),
        ("&a 1", "--set window=:1: aliases and anchors are not allowed"),
        ("!!int 1", "--set window=:1: tags are not allowed"),
    ],
)
def test_a_value_alone_is_held_to_the_same_rules(text, said):
    with pytest.raises(ConfigError) as raised:
        read_value(text, "--set window=")
    assert str(raised.value) == said


# any text at all

SCRAPS = [
    "features",
    "base",
    ": ",
    ":",
    "\n",
    "  ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "'",
    '"',
    "#",
    "|",
    ">",
    "&a",
    "*a",
]
SCRAPS += [
    "!!int ",
    "? ",
    "---\n",
    "...",
    "%YAML 1.1\n",
    "1e-10",
    "0x",
    "017",
    ".inf",
    "~",
    "<<",
    "\\",
    "\\U0011",
    "\t",
]
SCRAPS += ["é", "\u2028", "\x85", "\ufeff", "\r\n", "\x00", "\\x", "@", "`", "9" * 50]


@given(st.text() | st.lists(st.sampled_from(SCRAPS), max_size=30).map("".join))
@settings(max_examples=examples(300))
@example("a: '\n\n'")
@example("\ufeffa: 1")
def test_any_text_is_read_or_refused_and_nothing_else(text):
    started_s = time.process_time()
    for read in (read_document, read_value):
        try:
            read(text, "my.yaml")
        except ConfigError as error:
            said = str(error)
        else:
            continue
        assert said.startswith("my.yaml:")
        assert len(said.splitlines()) == 1
    assert time.process_time() - started_s < 2


HARD = {
    "keys": "".join(f"a{number}: 1\n" for number in range(8000)),
    "numbers": f"features: {{window: [{'1, ' * 33_000}1]}}",
    "quotes": "'" * 100_000,
    "colons": ":" * 100_000,
    "backslashes": '"' + "\\" * 100_000,
    "lines": "a\n" * 50_000,
    "spaces": "a:" + " " * 100_000,
    "staircase": "".join(" " * depth + "a:\n" for depth in range(400)),
    "nearly a float": "1" * 50_000 + "." + "1" * 50_000 + "e",
}


@pytest.mark.few(1)
@pytest.mark.parametrize("name", full_but(HARD, "keys", "quotes", "lines", "staircase"))
def test_time_does_not_run_away(name):
    """A tenth of the largest config took 0.7 s at most; quadratic reading would take minutes."""
    started_s = time.process_time()
    with suppress(ConfigError):
        read_document(HARD[name], "my.yaml")
    assert time.process_time() - started_s < 5


PRIVATE = "pr1vate"


@pytest.mark.parametrize(
    "text",
    [
        f"root:$6${PRIVATE}:19000:0:99999:7:::\nbin:*:19000:0:99999:7:::\n",  # /etc/shadow; to YAML a key
        f"root:x:0:0:{PRIVATE}:/root:/bin/bash\n",
        f"{PRIVATE} {PRIVATE}\n",
        f"'{PRIVATE} ': 1\n",
        f"a: 1\n{PRIVATE}$: 2\n",
        f"{PRIVATE * 20}: 1\n",
        f"!{PRIVATE}!x\n",
        f"a: !{PRIVATE}!x 1\n",
        f"%TAG !{PRIVATE}! x\n%TAG !{PRIVATE}! y\n--- 1\n",
        f"&{PRIVATE} a: 1\n",
        f"*{PRIVATE}\n",
        f"password={PRIVATE}: {PRIVATE}: {PRIVATE}\n",
        f"[{PRIVATE}]\nkey = {PRIVATE}\n",
        f"- {PRIVATE}\n",
        f"? [{PRIVATE}]\n: 1\n",
        f'"\\x{PRIVATE}": 1\n',
        f"{PRIVATE}: {PRIVATE}\n  {PRIVATE}: 1\n",
        f"{PRIVATE}\0\n",
    ],
)
def test_of_a_file_that_is_no_config_nothing_is_shown(text):
    with pytest.raises(ConfigError) as raised:
        read_document(text, "my.yaml")
    assert str(raised.value).startswith("my.yaml:")
    assert PRIVATE not in str(raised.value)


def test_it_is_said_that_such_a_file_is_no_config():
    with pytest.raises(ConfigError) as raised:
        read_document("root:$6$x:19000:0:99999:7:::\n", "my.yaml")
    assert str(raised.value) == "my.yaml:1: not a config: a key is a word, such as 'features'"
