"""Documents, help texts, messages and docstrings are in plain technical English: they contain none of these phrases."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Phrases that native readers stumble over, and what to write instead.
PHRASES = {
    r"\bpass(ed|es)? over\b": "skip",
    r"\b(made|done) (anew|again)\b|\banew\b": "recompute, again",
    r"\bhangs? (from|on)\b": "depends on",
    r"\bso many\b(?! \w+( \w+)? that\b| that\b)": "N, the same number of",
    r"\b(speaks?|tells?|says|knows) of\b": "lists, describes, reports",
    r"\bis told of\b": "is notified of, receives",
    r"\bstands? (under|in|beside|there|behind|over|before)\b": "is in, contains",
    r"\bl(ies|ie|ay) (in|under|behind|before|between|beside|there|beyond)\b": "is in, follows, precedes",
    r"\bmend(s|ed|ing)?\b": "fix, repair",
    r"\bfor want of\b": "because ... is missing",
    r"\bcosts? (itself|that file)\b": "only that file fails",
    r"\bhand(s|ed)? out\b|\bin hand\b|\btakes? back\b": "dispatch, in progress, collect",
    r"(?<!there )\b(?-i:is none)\b(?! of)": "is not a ..., is invalid",
    r"\bthe truth\b": "the manifest",
    r"\bmet again\b|\bis met\b": "is found",
    r"\bwhat is (done|there|left|wanted|ours)\b": "name the thing",
    r"\bwhat (came|comes|became|becomes) of\b": "the result of",
    r"\bgoes on\b(?! the)": "continues, resumes",
    r"\bthe room\b|\broom it takes\b": "disk space",
    r"\btorn\b": "truncated, incomplete",
    r"\bnobody foresaw\b": "unexpected",
    r"\bof ours\b|\bour own\b": "of melcli, its own",
    r"\bfor ever\b": "forever",
    r"\bsuch as (are|is|have|has)\b": "those that",
    r"\bholds? (it|them|this|these|\w+ numbers) against\b": "compares with",
    r"\bnot worth a word\b|\ba word about\b": "name the thing",
    r"\bin the place of\b": "instead of",
    r"\balike but for\b|\bas good as equal\b": "equal except for",
    r"\bgoes? no (lower|higher)\b": "has a floor, has a ceiling",
    r"\bof each \w+'s own\b": "per ...",
    r"\bwhat the system (says|said)\b": "the error message",
    r"\blooked? at\b": "check, read",
    r"\blook(s|ed)? into\b": "check, isolate",
    r"\bextracted again\b": "recomputed",
    r"\"\"\"Tell whether\b": "Return whether",
    r"\bcomes? to (its|an) end\b|\bcame to its end\b": "ends, finishes",
    r"\bin the making\b": "in progress",
    r"\bgives? back\b": "close, release",
    r"\bheed(s|ed)?\b": "react to, handle",
    r"\bdie(s|d)? of\b": "crash",
    r"\bleft behind\b|\bstays? behind\b": "remain, abandoned",
    r"\bspelled otherwise\b|\bnamed otherwise\b": "under another name",
    r"\b(is|are) remarked\b|\ba remark\b": "warning",
}

# The packages and modules that follow the list so far.
FINISHED = [
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "melcli").glob("*.py")),
    "melcli/api",
    "melcli/audio",
    "melcli/cli",
    "melcli/compare",
    "melcli/config",
    "melcli/explain",
    "melcli/identify",
    "melcli/mel",
    "melcli/normalizers",
    "melcli/run",
    "melcli/sources",
    "melcli/stats",
    "melcli/store",
]
# Rows of tables whose words are stored in the golden answers.
STORED = ("`stride_over_window`", "`ref_power_under_min_power`")

PAGES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))


def prose(source: str) -> Iterator[tuple[int, str]]:
    """Yield the comments and strings of a module, line by line, each with its line number."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}:
            yield from enumerate(token.string.splitlines(), token.start[0])


def findings(lines: Iterator[tuple[int, str]], name: str) -> list[str]:
    """Return the places that contain a phrase, and what to write instead."""
    return [
        f"{name}:{number}: {found[0]!r} ({instead}): {line.strip()}"
        for number, line in lines
        if not any(name in line for name in STORED)
        for phrase, instead in PHRASES.items()
        if (found := re.search(phrase, line, re.IGNORECASE))
    ]


@pytest.mark.parametrize("name", PAGES)
def test_pages(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert findings(enumerate(lines, 1), name) == []


@pytest.mark.parametrize("package", FINISHED)
def test_packages(package: str) -> None:
    path = ROOT / package
    modules = [path] if path.suffix else sorted(path.rglob("*.py"))
    assert modules
    assert [
        finding
        for module in modules
        for finding in findings(prose(module.read_text(encoding="utf-8")), str(module.relative_to(ROOT)))
    ] == []


@pytest.mark.parametrize(
    "source",
    [
        '"""What came of a run."""',
        "# what is left of it",
        'raise E(f"{name} is torn: {size}")',
        'x = "a\\n"  # in hand',
    ],
)
def test_a_planted_phrase_is_found(source: str) -> None:
    assert len(findings(prose(source + "\n"), "planted.py")) == 1
    assert findings(prose("def goes_on(torn): return torn\n"), "planted.py") == []
