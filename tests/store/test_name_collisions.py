"""Names that some file system could take for one."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.scratch import Scratch
from melcli.store.name_collisions import FoldedNames, folded


def find_twins(names):
    with Scratch() as scratch:
        return list(FoldedNames(lambda: names, scratch).collisions())


@pytest.mark.parametrize(
    "name, twin",
    [
        ("a/B.npy", "A/b.npy"),
        ("caf\xe9", "cafe\u0301"),
        ("CAF\xc9", "cafe\u0301"),
        ("stra\xdfe", "STRASSE"),
        ("\u03c3", "\u03c2"),  # sigma, and the one at a word's end
        ("i", "\u0131"),  # which has I for its upper case
        ("\u212b", "a\u030a"),  # the unit, and the letter
        ("\u1e9b\u0323", "\u1e61\u0323"),
        ("a./x", "a/x"),
        ("a .. /x", "a/x"),
        ("soft\xadhyphen", "softhyphen"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\U0001f469"),
        ("\U00010428", "\U00010400"),  # Deseret, beyond 16 bits
        ("A\udcff", "a\udcff"),
    ],
)
def test_twins_are_found(name, twin):
    assert folded(name) == folded(twin)
    assert find_twins(["b", twin, name, "c"]) == [(min(name, twin), max(name, twin))]


@pytest.mark.parametrize(
    "names",
    [
        ["a", "b"],
        ["a/b", "ab"],
        ["a.b", "a b"],
        [".a", "a"],
        ["e", "\xe9"],
        ["\u0130", "i"],
        ["\uff41", "a"],  # compatible, and not the same
        ["\udcff", "\udcfe", "\xff"],
        ["a\n", "a"],
        [],
    ],
)
def test_what_differs_otherwise_is_no_twin(names):
    assert find_twins(names) == []


def test_every_pair_of_a_group_is_found():
    assert find_twins(["b", "AB", "ab", "aB"]) == [("AB", "aB"), ("AB", "ab"), ("aB", "ab")]


NAMES = st.text(st.sampled_from("aAbB\xe9\xc9e\u0301\u0130\u0131iI\xdfsS. /\xad\n\udcff\ufb03\u0390"), min_size=1)


@given(st.lists(NAMES, unique=True))
def test_many_at_once_are_folded_as_one_by_one(names):
    by_hand = [
        (one, other) for one in sorted(names) for other in sorted(names) if one < other and folded(one) == folded(other)
    ]
    assert sorted(find_twins(names)) == by_hand


@given(NAMES)
def test_folding_takes_less_apart_than_any_file_system(name):
    for other in (
        name.upper(),
        name.lower(),
        name.casefold(),
        unicodedata.normalize("NFC", name),
        unicodedata.normalize("NFD", name),
    ):
        assert folded(other) == folded(name)
    assert folded(name).count("/") == name.count("/")


def test_a_hundred_thousand_names_are_quick():
    names = [f"speakers/anna{n % 997}/utterance {n:06d}" for n in range(100_000)]
    began_s = time.process_time()
    assert find_twins(names) == []
    assert time.process_time() - began_s < 1.0
