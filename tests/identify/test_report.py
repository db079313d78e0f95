"""What an identification says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from melcli.config.resolve import resolve_config
from melcli.identify.limits import Untold
from melcli.identify.naming import Answer
from melcli.identify.refine import Difference
from melcli.identify.report import lines, plain
from melcli.identify.search import MAX_CLOSE_RESIDUAL, MAX_EXACT_RESIDUAL, Identification
from tests.identify.sounds import KNOWN

KEYS: dict[str, Any] = {"num_mel_bins": 40, "window": "hann", "std": (1.0,) * 40, "log_offset": 1e-8}


def identification(relative: float = 0.0, *, channels: Any = "mix", **more: Any) -> Identification:
    """Return two answers, of which the second is 30 times as far as 1 % of what counts as exact."""
    options = replace(KNOWN["kaldi"], **KEYS)
    answers = tuple(
        Answer(
            base="kaldi",
            changed={key: getattr(options, key) for key in KEYS},
            options=options,
            difference=Difference(maximum=2 * p999, p999=p999, mean=p999 / 2, range=10.0),
        )
        for p999 in (10.0 * relative, 300.0 * relative)
    )
    return Identification(
        **{
            "answers": answers,
            "untold": Untold({"top_db": [80.0, None]}),
            "exact": MAX_EXACT_RESIDUAL,
            "channels": channels,
            **more,
        }
    )


NONE = Identification(answers=(), untold=Untold({}), exact=MAX_EXACT_RESIDUAL, channels="mix")


@pytest.mark.parametrize(
    "relative, certainty, words",
    [
        (0.0, "exact", "It gives these very numbers."),
        (0.5 * MAX_EXACT_RESIDUAL, "exact", "It agrees up to rounding: the residual is 3.0e-04"),
        (2 * MAX_EXACT_RESIDUAL, "close", "Not quite: 1.2e-03 is left"),
        (2 * MAX_CLOSE_RESIDUAL, "none", "Not found: the nearest leaves 6.0e-02"),
    ],
)
def test_it_says_how_sure_it_is(relative: float, certainty: str, words: str) -> None:
    found = identification(relative)
    assert found.certainty == certainty
    assert words in said(found)
    assert ("This clip cannot tell" in said(found)) is (certainty != "none")


def said(found: Identification) -> str:
    """Return the comments as one line."""
    return " ".join(line.removeprefix("# ") for line in lines(found, ["a.wav"], ["a.npy"]))


def test_how_far_the_next_one_is() -> None:
    assert "is 30 times as far." in said(identification(0.5 * MAX_EXACT_RESIDUAL))


@pytest.mark.parametrize("channels", ["mix", 0, 1])
@pytest.mark.parametrize("relative", [0.0, 2 * MAX_EXACT_RESIDUAL, 2 * MAX_CLOSE_RESIDUAL])
def test_the_whole_is_a_config(tmp_path: Path, channels: Any, relative: float) -> None:
    found = identification(relative, channels=channels)
    (tmp_path / "found.yaml").write_text("\n".join(lines(found, ["a.wav"], ["a.npy"])))
    config = resolve_config(str(tmp_path / "found.yaml"))
    assert config.features == found.options
    assert config.audio.channels == channels


def test_all_but_the_config_are_comments_within_the_width() -> None:
    for line in lines(identification(), ["a.wav"], ["a.npy"]):
        assert line.startswith(("#", "base: ", "features:", "  "))
        assert not line.startswith("#") or len(line) <= 100 or " " not in line[110:].strip()


def test_where_nothing_has_the_shape_that_is_said() -> None:
    assert "Not found: no config gives features of this shape from this audio." in said(NONE)
    assert "Filters with edges at whole bins of the FFT, deltas and stacked frames are in no config." in said(NONE)
    assert (NONE.certainty, NONE.options) == ("none", None)


def test_names_cannot_forge_a_line() -> None:
    first = next(lines(identification(), ["a\nbase: x"], ["b\x1b[31m"]))
    assert first == r"# b\x1b[31m from a\x0abase: x"


def test_programs_get_all_of_it() -> None:
    told = json.loads(json.dumps(plain(identification(0.5 * MAX_EXACT_RESIDUAL, channels=1)), allow_nan=False))
    assert (told["certainty"], told["audio"]) == ("exact", {"channels": 1, "resampler": "soxr_hq"})
    assert told["answers"][0]["base"] == "kaldi"
    assert told["answers"][0]["features"] == {**KEYS, "std": [1.0] * 40}
    assert [answer["p999"] for answer in told["answers"]] == pytest.approx(
        [5 * MAX_EXACT_RESIDUAL, 150 * MAX_EXACT_RESIDUAL]
    )
    assert told["undetermined"] == {"top_db": [80.0, None]}
    assert told["undetermined_together"] is True
    assert plain(NONE)["answers"] == []


@pytest.mark.parametrize("together", [True, False])
def test_it_says_whether_several_keys_may_be_changed_at_once(together: bool) -> None:
    found = identification(untold=Untold({"top_db": [80.0], "min_power": [1e-5]}, together))
    assert ("cannot tell, in any combination: top_db" in said(found)) is together
    assert ("cannot tell, one key at a time: top_db" in said(found)) is not together
    assert plain(found)["undetermined_together"] is together


def test_an_undecided_answer_says_what_else_it_may_be() -> None:
    found = identification(
        0.5 * MAX_EXACT_RESIDUAL, doubts=("mean=-5.8: constants of a data set, or a statistic of this file",)
    )
    assert found.certainty == "undecided"
    assert "it may be wrong about other files. A second pair of audio and features decides." in said(found)
    assert "Undecided: mean=-5.8: constants of a data set, or a statistic of this file." in said(found)
    assert plain(found)["doubts"] == list(found.doubts)


def test_another_resampler_of_a_config_is_a_key() -> None:
    assert "  resampler: polyphase" in list(lines(identification(resampler="polyphase"), ["a"], ["b"]))


def test_another_resampler_of_no_config_is_named() -> None:
    found = identification(2 * MAX_EXACT_RESIDUAL, other_resampler="torchaudio's sinc resampler")
    assert "Hz by torchaudio's sinc resampler, which no config has; the nearest is soxr_hq." in said(found)
