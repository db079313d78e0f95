"""The site: its reference has every command, option, key and public name, and it builds without a warning."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zlib
from pathlib import Path

import click
import pytest
import yaml

import melcli
from melcli.cli.root import melcli as root
from melcli.config.config import SECTIONS
from melcli.options import key_types
from tests.elapsed import run
from tests.test_docs import load

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
NO_SPHINX = "sphinx is not installed: pip install -e '.[docs]'"


def test_every_public_name_is_in_the_reference() -> None:
    text = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    told = re.findall(r"^\.\. auto(?:function|class|exception):: melcli\.(\w+)(?:\(\))?$", text, re.M)
    assert sorted(told) == sorted(set(melcli.__all__) - {"__version__"})
    assert "`melcli.__version__`" in text


def test_every_public_method_of_the_spectrogram_is_in_the_reference() -> None:
    text = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    methods = {name for name in dir(melcli.MelSpectrogram) if not name.startswith("_")} - {"options", "level_stream"}
    (members,) = re.findall(r"autoclass:: melcli\.MelSpectrogram\n   :members: (.*)", text)
    assert set(members.split(", ")) == methods | {"__call__"}


def test_the_page_of_commands_takes_every_command_from_the_program() -> None:
    text = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    assert ".. click:: melcli.cli.root:melcli" in text
    assert ":nested: full" in text


def test_read_the_docs_builds_what_ci_builds() -> None:
    settings = yaml.safe_load((ROOT / ".readthedocs.yaml").read_text(encoding="utf-8"))
    assert settings["sphinx"] == {"configuration": "docs/conf.py", "fail_on_warning": True}
    assert settings["python"]["install"] == [{"method": "pip", "path": ".", "extra_requirements": ["docs"]}]
    assert "sphinx-build -W" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site, with warnings as errors."""
    pytest.importorskip("sphinx", reason=NO_SPHINX)
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(out)]
    built: subprocess.CompletedProcess[str] = run(command, text=True)
    assert built.returncode == 0, built.stderr
    return out


def inventory(site: Path) -> set[tuple[str, str]]:
    """Return kind and name of everything that the site describes."""
    data = (site / "objects.inv").read_bytes()
    lines = zlib.decompress(data.split(b"\n", 4)[4]).decode().splitlines()
    return {(match[2], match[1]) for line in lines if (match := re.match(r"(.+?) (\S+:\S+) -?\d+ ", line))}


@pytest.mark.full
def test_the_site_describes_every_command_option_key_and_name(site: Path) -> None:
    found = inventory(site)
    for name, command in load("docs/write_commands.py").commands(root, "melcli"):
        options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
        for option in options:
            assert ("std:cmdoption", f"{name.replace(' ', '-')}.{option.opts[-1]}") in found, (name, option.opts)
    names = {name for kind, name in found if kind.startswith("py:")}
    assert {f"melcli.{name}" for name in melcli.__all__} - {"melcli.__version__"} <= names
    keys = (site / "configuration.html").read_text(encoding="utf-8")
    for section, cls in SECTIONS.items():
        assert all(f">{section}.{key}<" in keys for key in key_types(cls))
    spectrogram = (site / "reference" / "api.html").read_text(encoding="utf-8")
    described = {name for names in re.findall(r"<strong>([\w, ]+)</strong>", spectrogram) for name in names.split(", ")}
    assert set(key_types(SECTIONS["features"])) <= described


@pytest.mark.full
def test_no_link_inside_of_the_site_is_broken(site: Path) -> None:
    broken = []
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for target, anchor in re.findall(r'href="([^"#:?]*)(?:\?[^"#]*)?(?:#([^"]*))?"', text):
            file = (page.parent / target).resolve() if target else page
            if not file.exists() or (anchor and file.suffix == ".html" and f'id="{anchor}"' not in file.read_text()):
                broken.append(f"{page.relative_to(site)}: {target}#{anchor}")
    assert broken == []


@pytest.mark.full
def test_the_search_of_the_site_finds_pages(site: Path) -> None:
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    titles = json.loads(re.sub(r"^Search.setIndex\((.*)\);?$", r"\1", index))["titles"]
    assert {"Whisper features", "Configuration", "Python API", "Parity"} <= set(titles)
