"""The documents say what the program does: every command, option, key, exit code and reason, and CI runs the README."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

from melcli import errors
from melcli.cli.output import ReaderGone
from melcli.cli.root import melcli
from melcli.config.config import SECTIONS, Config
from melcli.config.named_configs import named_configs
from melcli.config.resolve import resolve_config
from melcli.mel.options import KERAS_KEYS, FeatureOptions
from melcli.options import key_types
from melcli.store.damage import DAMAGES
from melcli.store.rows import ROW_FIELDS
from tests.elapsed import run

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md")))]
MOST_WORDS_OF_THE_README = 1200
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
EXIT_CODES = (ROOT / "docs" / "reference" / "exit_codes.md").read_text(encoding="utf-8")
FORMATS = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def load(path: str) -> ModuleType:
    """Import a script that stands outside of the package."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_of_commands_is_what_the_commands_say():
    script = load("docs/write_commands.py")
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), "run: python docs/write_commands.py"


def test_the_number_of_keys_is_counted() -> None:
    others = set(key_types(FeatureOptions)) - set(KERAS_KEYS)
    (told,) = re.findall(r"(\d+) keys beyond Keras's 13", (ROOT / "docs" / "changes.md").read_text(encoding="utf-8"))
    assert (int(told), len(KERAS_KEYS)) == (len(others), 13)


@pytest.mark.parametrize("page", PAGES)
def test_no_paragraph_breaks_off(page: str) -> None:
    text = re.sub(r"```.*?```|<!--.*?-->", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text)]
    prose = [part for part in paragraphs if re.match(r"[A-Z`\[(]", part) and "\n|" not in part]
    assert [part[-80:] for part in prose if not re.search(r"[.:!?)\]`*]$", part)] == []


def test_the_man_page_is_what_the_commands_say() -> None:
    script = load("docs/write_man.py")
    page = script.PAGE.read_text(encoding="utf-8")
    assert page == script.page(), "run: python docs/write_man.py"
    for name, _ in script.commands(melcli, "melcli"):
        assert f'.SS "{name}"\n' in page
    assert {".SH NAME", ".SH SYNOPSIS", ".SH COMMANDS", ".SH ENVIRONMENT", ".SH EXIT STATUS"} <= set(page.splitlines())


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_man_page_has_no_mistake_that_groff_sees() -> None:
    page = str(ROOT / "docs" / "melcli.1")
    done = run(["groff", "-man", "-Tutf8", "-ww", "-rLL=80n", page], text=True)
    assert (done.returncode, done.stderr) == (0, "")
    shown = re.sub("\x1b\\[[0-9;]*m|.\b", "", done.stdout)
    assert "melcli extract recordings -o features -c keras_speech -s num_mel_bins=64" in shown
    assert "--max-memory-per-worker MB" in shown


def test_the_code_map_lists_every_module() -> None:
    script = load("docs/write_code_map.py")
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), "run: python docs/write_code_map.py"
    listed = {path for package in script.PACKAGES for path in (ROOT / "melcli" / package).glob("*.py")}
    assert listed == set((ROOT / "melcli").rglob("*.py"))


def test_the_page_of_decoding_is_what_was_measured():
    script = load("docs/write_decoding.py")
    made = script.page(json.loads(script.JSON.read_text(encoding="utf-8")))
    assert script.PAGE.read_text(encoding="utf-8") == made, "run: python docs/write_decoding.py"


def test_a_difference_of_decoders_without_a_reason_is_refused():
    script = load("docs/write_decoding.py")
    other = {"longer": [0, 0], "shift": [0, 0], "largest": [0.0, 0.5]}
    group = {"writer": "ffmpeg", "container": "wav", "coding": "pcm_s16le", "files": [[1, 8000]], "melcli": "read"}
    with pytest.raises(LookupError, match="REASONS does not say why"):
        list(script.differences([{**group, "soundfile": other}]))


def test_every_command_has_a_help_text_and_every_option_too():
    commands = dict(load("docs/write_commands.py").commands(melcli, "melcli"))
    assert {"melcli extract", "melcli config list", "melcli config show", "melcli config check"} <= commands.keys()
    for name, command in commands.items():
        assert command.help, name
        for option in (parameter for parameter in command.params if isinstance(parameter, click.Option)):
            assert option.help, f"{name} {option.opts}"


@pytest.mark.parametrize("key", [f"{section}.{key}" for section, cls in SECTIONS.items() for key in key_types(cls)])
def test_every_config_key_is_in_the_configuration_page_with_its_default(key):
    section, name = key.split(".")
    default = Config().plain()[section][name]
    row = re.search(rf"^\| `{re.escape(key)}` \| (.*?) \|", CONFIGURATION, re.MULTILINE)
    assert row, f"docs/configuration.md has no row for {key}"
    said = row.group(1).strip("`")
    assert resolve_config(sets=[f"{key}={said}"]).plain()[section][name] == default


def test_every_exit_code_is_explained():
    classes = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.MelcliError)]
    codes = {str(cls.exit_code) for cls in (*classes, ReaderGone)}
    codes |= {"0", str(errors.CHECK_FAILED), "10", "129, 130, 143"}
    assert codes == set(re.findall(r"^\| ([\d, ]+) \|", EXIT_CODES, re.MULTILINE))


def test_the_readme_is_one_page_and_names_every_command():
    assert len(README.split()) <= MOST_WORDS_OF_THE_README
    for name, command in melcli.commands.items():
        assert f"`melcli {name} " in README, command


@pytest.mark.parametrize("name", named_configs())
def test_every_named_config_is_in_the_configuration_page(name):
    assert f"`{name}`" in CONFIGURATION


@pytest.mark.parametrize("word", [*ROW_FIELDS, *errors.REASONS, *DAMAGES])
def test_every_field_and_reason_of_the_manifest_and_every_damage_is_explained(word):
    assert f"`{word}`" in FORMATS


@pytest.mark.parametrize("name", ["extract", "test"])
def test_ci_runs_the_commands_of_the_readme(name):
    command = load(".ci/readme_command.py").readme_command(name)
    assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert f"readme_command.py {name}" in CI


def test_a_command_that_the_readme_does_not_mark_is_refused():
    with pytest.raises(SystemExit, match="marks 0 commands as 'deploy', not one"):
        load(".ci/readme_command.py").readme_command("deploy")


@pytest.mark.parametrize("name", named_configs())
def test_every_config_loads_and_is_named_in_the_changes(name):
    assert resolve_config(name).features.num_mel_bins > 0
    assert f"`{name}`" in (ROOT / "docs" / "changes.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_links_between_the_pages_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), target
