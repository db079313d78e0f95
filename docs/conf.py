"""Build the site: ``sphinx-build -W -b html docs SITE``, with the extra ``docs`` installed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melcli.version import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]

project = "melcli"
author = "the melcli contributors"
project_copyright = "the melcli contributors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc", "sphinx_click"]
exclude_patterns = ["commands.md"]  # for readers of the repository; the site has reference/commands
needs_sphinx = "8.0"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]  # output of a terminal in a block of Python

default_role = "py:obj"  # `melcli.extract` in a docstring is a link
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings have the types in words
autodoc_preserve_defaults = True
numpydoc_show_class_members = False
numpydoc_validation_checks: set[str] = set()  # tests/test_public_names.py validates

html_theme = "furo"
html_title = f"melcli {__version__}"
html_static_path = ["static"]
html_css_files = ["melcli.css"]
html_theme_options = {
    "source_repository": URLS["Repository"],
    "source_branch": "main",
    "source_directory": "docs/",
    "light_css_variables": {"color-brand-primary": "#1f5f8b", "color-brand-content": "#1f5f8b"},
    "dark_css_variables": {"color-brand-primary": "#7cc4f0", "color-brand-content": "#7cc4f0"},
}
pygments_style = "friendly"
pygments_dark_style = "native"

LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)\s#]+)(#[^)\s]*)?\)")


def link_to_repository(app: Sphinx, page: str, source: list[str]) -> None:
    """Let links to files that are no pages of the site lead to the repository."""
    folder = (DOCS / page).parent

    def linked(link: re.Match[str]) -> str:
        target = (folder / link[1]).resolve()
        if target.suffix == ".md" and target.is_relative_to(DOCS) and target != DOCS / "commands.md":
            return link[0]
        if target == DOCS / "commands.md":
            up = "../" * page.count("/")
            return f"]({up}reference/commands.md{link[2] or ''})"
        if target.suffix in {".png", ".svg"} and target.is_relative_to(DOCS):
            return link[0]
        kind = "tree" if target.is_dir() else "blob"
        return f"]({URLS['Repository']}/{kind}/main/{target.relative_to(ROOT)}{link[2] or ''})"

    source[0] = LINK.sub(linked, source[0])


def unbroken_numbers(app: Sphinx, page: str, source: list[str]) -> None:
    """Let no number of a table, such as 5.2e-04, break at its hyphen."""
    lines = source[0].split("\n")
    for place, line in enumerate(lines):
        if line.startswith("|"):
            parts = line.split("`")  # every second one is code
            parts[::2] = [re.sub(r"(?<=\de)-(?=\d)", "\N{NON-BREAKING HYPHEN}", part) for part in parts[::2]]
            lines[place] = "`".join(parts)
    source[0] = "\n".join(lines)


def plain_description(app: Sphinx, context: object, lines: list[str]) -> None:
    """Take the text of a command as text and not as reStructuredText; what Click does not wrap becomes a block."""
    made: list[str] = []
    in_block = False
    for line in lines:
        is_block = line.startswith("| ")
        if is_block and not in_block:
            made += ["", ".. code-block:: none", ""]
        made.append(f"   {line[2:]}" if is_block else escaped(line))
        in_block = is_block
    lines[:] = made


def plain_options(app: Sphinx, context: object, lines: list[str]) -> None:
    """Take the help of options as text."""
    lines[:] = [line if line.startswith(".. option::") else escaped(line) for line in lines]


def escaped(text: str) -> str:
    """Escape what reStructuredText would read as markup."""
    return re.sub(r"([*|`\\])", r"\\\1", text)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register what this page adds."""
    app.connect("source-read", link_to_repository)
    app.connect("source-read", unbroken_numbers)
    app.connect("sphinx-click-process-description", plain_description)
    app.connect("sphinx-click-process-options", plain_options)
    return {"parallel_read_safe": True}
