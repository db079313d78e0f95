"""Strict reading of options, and the errors that a refusal becomes."""

import inspect
import pickle
from dataclasses import dataclass, field, fields
from typing import Literal

import pytest

from melcli import errors
from melcli.audio.options import AudioOptions
from melcli.errors import AudioError, ConfigError, MelcliError
from melcli.mel.options import FeatureOptions
from melcli.options import check_types, fingerprint, identity, key_types, neutral, read_options, to_plain
from melcli.store.options import OutputOptions
from melcli.unknown_keys import nearest, refuse_unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooking:
    servings: int = 4
    salt_g: float = 1.5
    name: str = "soup"
    is_hot: bool = True
    size: Literal["small", "large"] | int = "small"
    times_s: tuple[float, ...] = ()
    place: tuple[int, str] = (1, "left")
    lid: float | int | None = None
    shelf: Literal[1, 2] = 1

    def __post_init__(self):
        check_types(self)
        if self.servings < 1:
            raise ConfigError(f"servings={self.servings} must be 1 or more", key="servings")


@pytest.mark.parametrize(
    "raw, key, complaint",
    [
        ({"servngs": 2}, "servngs", "unknown key 'servngs'; did you mean 'servings'?"),
        (
            {"zzz": 2},
            "zzz",
            "unknown key 'zzz'; known are servings, salt_g, name, is_hot, size, times_s, place, lid, shelf",
        ),
        ({"servings": 0}, "servings", "servings=0 must be 1 or more"),
        ({"servings": "4"}, "servings", "servings='4' must be an integer; write 4"),
        ({"servings": True}, "servings", "servings=true must be an integer"),
        ({"servings": 4.0}, "servings", "servings=4.0 must be an integer; write 4"),
        ({"servings": None}, "servings", "servings=null must be an integer"),
        ({"salt_g": "1e-3"}, "salt_g", "salt_g='1e-3' must be a number; write 0.001"),
        ({"salt_g": True}, "salt_g", "salt_g=true must be a number"),
        ({"salt_g": float("nan")}, "salt_g", "salt_g=nan must be finite"),
        ({"salt_g": float("-inf")}, "salt_g", "salt_g=-inf must be finite"),
        ({"name": 3}, "name", "name=3 must be text"),
        ({"is_hot": "yes"}, "is_hot", "is_hot='yes' must be true or false; write true"),
        ({"size": "medium"}, "size", "size='medium' must be 'small', 'large' or an integer"),
        ({"times_s": 3.0}, "times_s", "times_s=3.0 must be a list of numbers"),
        ({"times_s": "12"}, "times_s", "times_s='12' must be a list of numbers"),
        ({"times_s": [1.0, "2"]}, "times_s", "times_s=[1.0, '2'] must be a list of numbers"),
        ({"place": [1]}, "place", "place=[1] must be a list of 2 values"),
        ({"place": [1, "left", 2]}, "place", "place=[1, 'left', 2] must be a list of 2 values"),
        ({"shelf": True}, "shelf", "shelf=true must be 1 or 2"),
        ({"shelf": 3}, "shelf", "shelf=3 must be 1 or 2"),
        ({"lid": "on"}, "lid", "lid='on' must be a number, an integer or null"),
    ],
)
def test_a_refusal_opens_with_the_place_and_names_the_value(raw, key, complaint):
    with pytest.raises(ConfigError) as refusal:
        read_options(Cooking, raw, "dinner.yaml: cooking")
    assert str(refusal.value) == f"dinner.yaml: cooking: {complaint}"
    assert refusal.value.key == key


def test_an_int_stands_for_a_float_and_a_list_for_a_tuple_and_no_more():
    cooking = read_options(Cooking, {"salt_g": 2, "times_s": [1, 2.5], "place": [3, "right"]}, "here")
    assert cooking == Cooking(salt_g=2.0, times_s=(1.0, 2.5), place=(3, "right"))
    assert [type(value) for value in (cooking.salt_g, *cooking.times_s)] == [float] * 3


@pytest.mark.parametrize("value", [1, 1.0, None])
def test_of_several_types_the_exact_one_is_kept(value):
    assert type(Cooking(lid=value).lid) is type(value)


def test_a_word_is_no_number_that_equals_it():
    assert Cooking(size=3).size == 3
    with pytest.raises(ConfigError, match=r"^size=true must be 'small', 'large' or an integer$"):
        Cooking(size=True)


def test_key_types_are_in_the_order_of_the_fields_and_resolved():
    assert list(key_types(Cooking)) == list(Cooking.__slots__)
    assert key_types(Cooking)["salt_g"] is float


def test_refuse_unknown_takes_what_is_known_and_keys_that_are_no_text():
    refuse_unknown("salt_g", key_types(Cooking), "here")
    with pytest.raises(ConfigError, match=r"^here: unknown key 3; known are a, b$"):
        refuse_unknown(3, ["a", "b"], "here")


@pytest.mark.parametrize(
    "word, hint", [("mells", "did you mean 'mels'?"), ("fft", "known are mels, bins"), ("", "known are mels, bins")]
)
def test_nearest(word, hint):
    assert nearest(word, ("mels", "bins")) == hint


def test_plain_values_read_back_to_the_same_options():
    cooking = Cooking(times_s=(1.0, 2.0))
    plain = to_plain(cooking)
    assert plain["times_s"] == [1.0, 2.0]
    assert plain["place"] == [1, "left"]
    assert read_options(Cooking, plain, "here") == cooking


def test_a_fingerprint_is_of_the_values_and_not_of_their_order():
    # As `printf '{"a":[1,null],"b":1.0}' | sha256sum` begins: outputs are recognized by it, so it may never change.
    assert fingerprint({"b": 1.0, "a": [1, None]}) == fingerprint({"a": [1, None], "b": 1.0}) == "b66379b4ec39a03c"
    assert fingerprint({"b": 1, "a": [1, None]}) != fingerprint({"b": 1.0, "a": [1, None]})


def test_a_fingerprint_of_what_json_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        fingerprint({"a": float("nan")})


@pytest.mark.parametrize(
    "name, exit_code",
    [
        ("MelcliError", 1),
        ("ConfigError", 2),
        ("NameClash", 2),
        ("AudioError", 3),
        ("DecoderKilled", 3),
        ("NoInput", 5),
        ("StorageError", 6),
        ("WorkersFailing", 7),
        ("OutputBusy", 75),
    ],
)
def test_every_error_knows_its_exit_code(name, exit_code):
    assert getattr(errors, name).exit_code == exit_code
    assert issubclass(getattr(errors, name), MelcliError)


def test_no_error_is_left_out_above():
    raised = {name for name, item in vars(errors).items() if inspect.isclass(item) and issubclass(item, Exception)}
    assert raised == set(errors.__all__) - {"CHECK_FAILED", "REASONS", "Reason"}
    assert len(raised - {"TimeUp"}) == 9  # which ends no run


def test_a_broken_rule_is_a_value_error_and_keeps_its_key_on_the_way_from_a_worker():
    refusal = pickle.loads(pickle.dumps(ConfigError("salt_g=-1 must be 0 or more", key="salt_g")))
    assert isinstance(refusal, ValueError)
    assert (str(refusal), refusal.key) == ("salt_g=-1 must be 0 or more", "salt_g")


def test_a_failed_input_keeps_its_reason_on_the_way_from_a_worker():
    failure = pickle.loads(pickle.dumps(AudioError("empty", "no samples")))
    assert (failure.reason, failure.message, str(failure)) == ("empty", "no samples", "empty: no samples")


def test_reasons_are_a_closed_list():
    reasons = "unreadable unsupported_format empty truncated too_short too_long nonfinite bad_rate decoder_crash"
    assert list(errors.REASONS) == [*reasons.split(), "out_of_memory", "timeout", "vanished", "internal", "damaged"]


@dataclass(frozen=True, kw_only=True)
class Later:
    """Options of which one key was added later."""

    first: int = 1
    added: str | None = field(default=None, metadata=neutral(None))
    gains: tuple[float, ...] = field(default=(1.0, 2.0), metadata=neutral([1.0, 2.0]))


def test_a_later_key_is_part_of_the_identity_only_where_it_changes_something():
    assert identity(Later()) == {"first": 1}
    assert identity(Later(added="x")) == {"first": 1, "added": "x"}
    assert identity(Later(gains=(1.0,))) == {"first": 1, "gains": [1.0]}


@pytest.mark.parametrize("cls", [AudioOptions, FeatureOptions, OutputOptions])
def test_the_default_of_a_later_key_is_neutral(cls):
    """A melcli.yaml of an earlier release does not have the key, and means the numbers of that release."""
    plain = to_plain(cls())
    for key in fields(cls):
        assert plain[key.name] in key.metadata.get("neutral", (plain[key.name],))
