"""docs/benchmarks.md is what its JSON says."""

from __future__ import annotations

import json

import pytest

from benchmarks import page as writer
from benchmarks.page import JSON, PAGE, ahead_in_commands, ahead_in_the_core, page
from benchmarks.stages_plot import COLORS, bars
from tests.benchmarks.results import result


def test_the_page_is_made_from_its_json():
    made = page(json.loads(JSON.read_text(encoding="utf-8")))
    assert PAGE.read_text(encoding="utf-8") == made, "run: python -m benchmarks.page"


def test_figures_machine_and_versions_are_on_the_page():
    text = page(result())
    rows = ("| slow | 2.00 |", "| hour: slow script | 2.00 | 3.00 |")
    for words in ("Abacus, 2 cores", "about 3 minutes", "numpy 2.4.6", *rows):
        assert words in text


def test_who_is_ahead_is_said_with_place_figure_and_reason():
    assert ahead_in_the_core(result()["core"]).keys() == {"quick"}
    assert ahead_in_commands(result()["pipeline"]) == {"bare loop": ["hour (0.70)"]}
    text = page(result())
    assert "* quick, at 2048, 1 s (0.50); 2048, 10 s (0.50)" in text
    assert "* bare loop, at hour (0.70). It is here to show what" in text


def test_where_nobody_is_ahead_that_is_said():
    made = result()
    del made["pipeline"]["corpora"]["hour"]["peers"]["bare loop"]
    assert "Nobody was ahead of melcli here by more than 3 %." in page(made)


def test_the_absent_are_named_once():
    absent = page(result()).partition("## What was absent")[2].partition("##")[0].split("\n")
    assert [line for line in absent if line] == [
        "* essentia: not installed",
        "* broken: failed with ImportError('no MKL')",
    ]


@pytest.mark.parametrize("text, complaint", [("none", "must have"), ("{all} <!-- more -->", "nothing stands for")])
def test_text_and_tables_must_fit(monkeypatch, tmp_path, text, complaint):
    whole = writer.TEXT.read_text(encoding="utf-8")
    (tmp_path / "page.md").write_text(text.replace("{all}", whole), encoding="utf-8")
    monkeypatch.setattr(writer, "TEXT", tmp_path / "page.md")
    with pytest.raises(ValueError, match=complaint):
        page(result())


def test_the_plot_has_two_bars_for_a_corpus_and_knows_every_stage():
    (floor, floor_stages), (ours, stages) = bars(result()["pipeline"])
    assert (floor, ours) == ("hour: unavoidable", "hour: melcli")
    assert floor_stages["decode"] == 2.0
    assert stages["wait"] == 0.125
    assert set(stages) <= set(COLORS)


def test_without_stages_melcli_is_one_piece():
    made = result()["pipeline"]
    made["corpora"]["hour"]["cpu"]["stages_wall_s"] = {}
    assert bars(made)[1] == ("hour: melcli", {"all stages": 5.0})
