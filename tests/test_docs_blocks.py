"""Every block of the pages that can run is run, page by page, in the order of the page.

Blocks of ``sh`` and ``python`` run in a folder with `sample_audio`, `recordings` and `mine.yaml`, and for the page of a
corpus with a small one, written by `tests.small_corpora`.  In ``python`` a
comment behind ``print(...)`` that looks like a value is what has to be printed.  A comment of HTML in front of a block
says what is special about it:

* ``<!-- needs: torch -->``: it is skipped, aloud, where the package or program is not installed.
* ``<!-- file: NAME -->``: it is the content of a file; YAML has to be a valid config.
* ``<!-- alone -->``: each of its lines is a command of its own, in a folder of its own.
* ``<!-- command: NAME -->``: .ci/run runs it in an empty clone; here only its call of melcli.
* ``<!-- not run: REASON -->``: it is not run.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from melcli.config.resolve import resolve_config
from tests.elapsed import run
from tests.small_corpora import CORPORA
from tests.tiers import full_but

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
RUN = {"sh", "python"}
# Pages whose blocks set up environments, or take minutes to hours.
NOT_RUN = {"docs/benchmarks.md", "docs/contributing.md", "docs/faults.md", "docs/identify.md"}
TEXT = {"", "console", "none", "text", "{toctree}", "{eval-rst}", "{glossary}"}
BLOCK = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*) -->\n)?(?P<ticks>```+)(?P<language>[^\n`]*)\n(?P<code>.*?)^(?P=ticks)$", re.M | re.S
)
VALUE = re.compile(r"#\s((?:[(\[{]|-?\d|True|False|None\b)[^;]*)(?:;|$)")


@dataclass(frozen=True)
class Block:
    """A block of a page.

    Attributes
    ----------
    line : int
        Of its first line of code.
    note : str
        The comment in front of it.
    """

    page: Path
    line: int
    language: str
    note: str
    code: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def says(self, word: str) -> str:
        """Return what the note says behind a word, or nothing."""
        return self.note.removeprefix(f"{word}: ") if self.note.startswith(f"{word}: ") else ""

    @property
    def runs(self) -> bool:
        is_left = self.says("not run") or self.note == "command: test" or self.where.partition(":")[0] in NOT_RUN
        return (self.language in RUN or bool(self.says("file"))) and not is_left


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("code")) + 1
        note = match["note"] or ""
        found.append(Block(page, line, match["language"].strip(), note, match["code"]))
    return found


ALL = [block for page in PAGES for block in blocks(page)]
SESSIONS = [page for page in PAGES if any(block.runs for block in blocks(page))]
DEFAULT_TIER = {f"docs/guides/{name}.md" for name in ("python", "cmvn", "tables", "corpora/kaldi")}
NAMES = {str(page.relative_to(ROOT)): page for page in SESSIONS}


def missing(block: Block) -> str:
    """Return what a block needs and is not installed."""
    needed = block.says("needs")
    if not needed or shutil.which(needed) or importlib.util.find_spec(needed):
        return ""
    return needed


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder as the pages think that their readers have it."""
    prepare(tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MELCLI_JOBS", "1")
    monkeypatch.delenv("MELCLI_FFMPEG")
    return tmp_path / "home"


def prepare(home: Path) -> None:
    shutil.copytree(ROOT / "sample_audio", home / "sample_audio")
    for name in ("recordings", "uploads"):
        shutil.copytree(ROOT / "sample_audio" / "speech", home / name)
    (home / "mine.yaml").write_text("base: keras\nfeatures:\n  num_mel_bins: 40\n")


@pytest.mark.parametrize("name", full_but([*NAMES], *DEFAULT_TIER))
def test_the_blocks_of_a_page_run(name: str, session: Path) -> None:
    if name in CORPORA:
        CORPORA[name](session)
    skipped: dict[str, int] = {}
    namespace: dict[str, Any] = {"__name__": "__main__"}
    found = [block for block in blocks(NAMES[name]) if block.runs]
    as_script = any(block.says("needs") and block.language == "python" for block in found)
    script: list[Block] = []
    for block in found:
        needed = missing(block)
        if needed:
            skipped[needed] = skipped.get(needed, 0) + 1
        elif block.says("file"):
            write_file(block, session)
        elif block.language == "python" and as_script:
            script.append(block)
        elif block.language == "python":
            run_python(block, namespace)
        else:
            for number, commands in enumerate(parts(block)):
                run_shell(block, commands, session if block.note != "alone" else alone(session, number))
    if script:
        run_script(script, session)
    if skipped:
        pytest.skip(f"{name}: {', '.join(f'{count} blocks need {what}' for what, count in skipped.items())}")


def parts(block: Block) -> list[str]:
    """Return the commands of a block."""
    if block.says("command"):
        (command,) = re.findall(r"\.venv/bin/(melcli .*)", block.code)
        return [command]
    return block.code.splitlines() if block.note == "alone" else [block.code]


def alone(session: Path, number: int) -> Path:
    home = session.parent / f"alone{number}-{len(os.listdir(session.parent))}"
    prepare(home)
    return home


def write_file(block: Block, home: Path) -> None:
    name = block.says("file")
    (home / name).write_text(block.code)
    if block.language == "yaml":
        resolve_config(str(home / name))


def run_shell(block: Block, commands: str, home: Path) -> None:
    done = run(["bash", "-euo", "pipefail", "-c", commands], cwd=home, text=True)
    assert done.returncode == 0, (
        f"{block.where}: {done.returncode}\n{commands}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    )


def run_python(block: Block, namespace: dict[str, Any]) -> None:
    """Run statement by statement, and compare what is printed with the comments behind."""
    lines = block.code.splitlines()
    for statement in ast.parse(block.code).body:
        printed = io.StringIO()
        module = ast.Module([statement], [])
        ast.increment_lineno(module, block.line - 1)
        with redirect_stdout(printed):
            exec(compile(module, str(block.page), "exec"), namespace)  # noqa: S102  our own pages
        line = lines[(statement.end_lineno or 0) - block.line]
        expected = VALUE.search(line)
        if expected and line.startswith("print("):
            assert printed.getvalue().strip() == expected[1].strip(), f"{block.where}: {line}"


def run_script(script: list[Block], home: Path) -> None:
    """Run the Python of a page in a process of its own: libraries with threads of their own stay out of this one."""
    lines = [line for block in script for line in block.code.splitlines()]
    (home / "page.py").write_text("\n".join(lines))
    done = run([sys.executable, "page.py"], cwd=home, text=True)
    assert done.returncode == 0, f"{script[0].where}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    printed = iter(done.stdout.splitlines())
    for line in lines:
        expected = VALUE.search(line)
        if expected and line.startswith("print("):
            assert expected[1].strip() in printed, f"{script[0].where}: {line}\n{done.stdout}"


# the pages themselves


def test_every_block_is_of_a_known_kind_and_most_run() -> None:
    kinds = {block.language for block in ALL}
    assert kinds <= RUN | TEXT | {"yaml", "make"}, kinds
    for block in ALL:
        known = ("needs: ", "file: ", "not run: ", "command: ")
        assert not block.note or block.note == "alone" or block.note.startswith(known) or block.language == "", (
            block.where
        )
        assert not block.note.startswith("not run") or len(block.says("not run")) > 10, block.where
    assert sum(block.runs for block in ALL) > 60


@pytest.mark.parametrize("language", ["yaml", "make"])
def test_files_in_the_pages_are_written_and_used(language: str) -> None:
    for block in ALL:
        if block.language == language:
            assert block.says("file"), f"{block.where}: no <!-- file: NAME --> in front"


def test_a_block_that_fails_is_seen(session: Path) -> None:
    def block(language: str, code: str) -> Block:
        return Block(ROOT / "README.md", 1, language, "", textwrap.dedent(code))

    with pytest.raises(AssertionError, match=r"README.md:1: 2"):
        run_shell(block("sh", "melcli"), "melcli extract none -o", session)
    run_python(block("python", "x = 3\nprint(x)  # 3; three"), {})
    with pytest.raises(AssertionError, match=r"README.md:1"):
        run_python(block("python", "print(3)  # 4"), {})
    with pytest.raises(NameError):
        run_python(block("python", "for _ in range(1):\n    nobody"), {})


def pages_in_site() -> Iterator[str]:
    for page in PAGES:
        for block in blocks(page):
            if block.language == "{toctree}":
                names = [line for line in block.code.splitlines() if line and not line.startswith(":")]
                yield from (str((page.parent / name).relative_to(ROOT / "docs")) for name in names)


def test_every_page_is_in_the_site() -> None:
    listed = [*pages_in_site()]
    assert len(listed) == len(set(listed))
    own = {str(page.relative_to(ROOT / "docs").with_suffix("")) for page in PAGES if page != ROOT / "README.md"}
    assert {*listed} == own - {"index", "commands"}  # commands.md is for readers of the repository
