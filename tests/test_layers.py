"""Who may import whom, and how large things may grow: DESIGN.md section 3, read from the sources.

Imports inside functions and under ``TYPE_CHECKING`` count like any other.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from collections.abc import Iterator, Mapping, Set
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "melcli"

# Each line may import from those below it; what stands side by side never meets.
LAYERS = [
    {"melcli", "melcli.__main__"},  # the package's root: nothing imports it
    {"melcli.cli", "melcli.api"},
    {"melcli.run", "melcli.identify"},
    {"melcli.compare", "melcli.explain", "melcli.stats"},
    {"melcli.config"},
    {"melcli.sources", "melcli.audio", "melcli.mel", "melcli.store", "melcli.normalizers"},
    {"melcli.addresses", "melcli.options", "melcli.scratch"},
    {"melcli.unknown_keys"},
    {
        "melcli.byte_order",
        "melcli.errors",
        "melcli.null_device",
        "melcli.opening",
        "melcli.other_key_names",
        "melcli.printable",
        "melcli.stopwatch",
        "melcli.threads",
        "melcli.value_hints",
        "melcli.version",
    },
]

# Each foreign library enters where it stands here, and nowhere else.
FOREIGN = {
    "click": {"melcli.cli"},
    "tqdm": {"melcli.cli"},
    "yaml": {"melcli.config.yaml_document"},
    "numpy": {
        *("melcli.mel", "melcli.audio", "melcli.store", "melcli.compare", "melcli.identify", "melcli.normalizers"),
        "melcli.stats",
        *(
            "melcli.run.process_batch",
            "melcli.run.extract_item",
            "melcli.run.compute",
            "melcli.run.sample_time",
            "melcli.run.warm",
            "melcli.api",
        ),
    },
    "scipy": {"melcli.mel"},
    "soundfile": {"melcli.audio.decoder"},
    "soxr": {"melcli.audio.resample"},
    "h5py": {"melcli.store.hdf5", "melcli.store.foreign_arrays", "melcli.store.mean_scale"},
    "filelock": {"melcli.store.lock"},
}

# Imported late, so that a command that computes nothing does not wait for them.
SLOW = {"numpy", "scipy", "h5py", "soundfile", "soxr"}

THE_BROAD_EXCEPT = "melcli.run.extract_item"  # at the worker's edge, where one file's failure becomes a row
MAX_MODULE_LINES = 320  # of code: docstrings, comments and empty lines are free
MAX_FUNCTION_LINES = 50


# reading sources


def module_name(path: Path) -> str:
    """Return the dotted name of a file below melcli/."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
MODULES = {name: ast.parse(source) for name, source in SOURCES.items()}
PACKAGES = {module_name(path) for path in PACKAGE.rglob("__init__.py")}
assert len(MODULES) > 40, f"no package in {PACKAGE}"


def imports(name: str, tree: ast.Module) -> Iterator[str]:
    """Yield the modules that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = node.module or ""
            if node.level:
                above = name.split(".")[: None if name in PACKAGES else -1]
                home = ".".join([*above[: len(above) - node.level + 1], *filter(None, [node.module])])
            for alias in node.names:
                inner = f"{home}.{alias.name}"
                yield inner if inner in MODULES else home


def is_within(name: str, home: str) -> bool:
    """Tell whether a module is ``home`` or lies below it; the package's root is taken for itself alone."""
    return name == home or (home != "melcli" and name.startswith(f"{home}."))


def layer_of(name: str) -> tuple[int, str]:
    """Return the number of a module's line in `LAYERS`, and its place there."""
    for number, layer in enumerate(LAYERS):
        for home in layer:
            if is_within(name, home):
                return number, home
    raise AssertionError(f"{name} has no place in the layers; give it one")


# the rules


def broken_layers(modules: Mapping[str, ast.Module]) -> list[str]:
    """Name the imports of our own modules that go upwards, sideways or to the root."""
    broken = []
    for name, tree in modules.items():
        for other in imports(name, tree):
            if other.split(".")[0] != "melcli":
                continue
            (mine, my_home), (theirs, their_home) = layer_of(name), layer_of(other)
            if other == "melcli" or theirs < mine or (theirs == mine and my_home != their_home):
                broken.append(f"{name} imports {other}")
    return broken


def strangers(modules: Mapping[str, ast.Module]) -> list[str]:
    """Name the foreign libraries that enter where they may not."""
    broken = []
    for name, tree in modules.items():
        for other in imports(name, tree):
            library = other.split(".")[0]
            if library in {"melcli", *sys.stdlib_module_names, "_typeshed"}:  # which only type checkers have
                continue
            if not any(is_within(name, home) for home in FOREIGN.get(library, ())):
                broken.append(f"{name} imports {library}")
    return broken


def cycle(modules: Mapping[str, ast.Module]) -> list[str]:
    """Return modules that import each other in a circle, or nothing."""
    graph = {name: set(imports(name, tree)) & set(modules) for name, tree in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def imports_by_name(modules: Mapping[str, ast.Module]) -> list[str]:
    """Name the modules that import what cannot be read here: ``__import__``, ``import_module``."""
    return [
        name
        for name, tree in modules.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id == "__import__")
        or (isinstance(node, ast.Attribute) and node.attr == "import_module")
        or (isinstance(node, ast.alias) and node.name == "import_module")
    ]


def broad_excepts(modules: Mapping[str, ast.Module]) -> list[str]:
    """Name the modules of all ``except`` that catch everything, once for each; also ``suppress(Exception)``."""
    broad = {"Exception", "BaseException"}

    def is_broad(node: ast.AST) -> bool:
        if isinstance(node, ast.ExceptHandler):
            return node.type is None or any(isinstance(n, ast.Name) and n.id in broad for n in ast.walk(node.type))
        if isinstance(node, ast.Call):
            return any(isinstance(argument, ast.Name) and argument.id in broad for argument in node.args) and (
                ast.unparse(node.func).endswith("suppress")
            )
        return False

    return [name for name, tree in modules.items() for node in ast.walk(tree) if is_broad(node)]


@cache
def code_lines(source: str) -> Set[int]:
    """Return the lines that hold code: strings that stand alone, comments and empty lines do not."""
    lines: set[int] = set()
    statement: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NEWLINE:
            if [part.type for part in statement] != [tokenize.STRING]:
                lines.update(line for part in statement for line in range(part.start[0], part.end[0] + 1))
            statement = []
        elif token.type not in {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT}:
            statement.append(token)
    return lines


def long_functions(source: str) -> dict[str, int]:
    """Return the lines of code of all functions that have too many."""
    lines = code_lines(source)
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    sizes = {node.name: len(lines & set(range(node.lineno, node.end_lineno + 1))) for node in functions}
    return {name: size for name, size in sizes.items() if size > MAX_FUNCTION_LINES}


# the package


def test_imports_run_one_way():
    assert broken_layers(MODULES) == []


def test_foreign_libraries_enter_where_they_may():
    assert strangers(MODULES) == []


def test_every_foreign_library_is_used():
    used = {other.split(".")[0] for name, tree in MODULES.items() for other in imports(name, tree)}
    assert set(FOREIGN) <= used


def test_nothing_imports_in_a_circle():
    assert cycle(MODULES) == []


def test_only_the_root_imports_by_name():
    assert set(imports_by_name(MODULES)) == {"melcli"}


def test_there_is_one_broad_except():
    assert broad_excepts(MODULES) == [THE_BROAD_EXCEPT]


def test_modules_stay_small():
    sizes = {name: len(code_lines(source)) for name, source in SOURCES.items()}
    assert {name: size for name, size in sizes.items() if size > MAX_MODULE_LINES} == {}


def test_functions_stay_small():
    assert {name: long for name, source in SOURCES.items() if (long := long_functions(source))} == {}


# what is loaded, for real

TELL = f"""
import sys
print("loaded", *sorted({SLOW!r} & sys.modules.keys()))
"""
COMMAND = """
import sys
from melcli.cli import main
sys.argv = ["melcli", *{arguments!r}]
try:
    main()
except SystemExit as end:
    print("code", end.code)
"""


@pytest.mark.few(4)
@pytest.mark.parametrize(
    "program",
    [
        "import melcli",
        "import melcli.cli.root",
        "import melcli.run.extract",
        "import melcli.store.manifest, melcli.store.journal, melcli.store.history, melcli.store.lock",
        COMMAND.format(arguments=["--help"]),
        COMMAND.format(arguments=["--version"]),
        COMMAND.format(arguments=["extract", "--help"]),
        COMMAND.format(arguments=["config", "list"]),
        COMMAND.format(arguments=["config", "show", "keras"]),
        COMMAND.format(arguments=["compare", "--help"]),
    ],
    ids=[
        *("melcli", "root", "run", "store", "--help", "--version"),
        *("extract --help", "config list", "config show", "compare --help"),
    ],
)
def test_slow_libraries_are_not_loaded_without_need(program):
    said = run(program)
    assert said[-1] == "loaded"
    assert "main()" not in program or said[-2] == "code 0"


def test_a_parent_extracts_without_them(tmp_path):
    arguments = ["extract", "sample_audio/speech/english.flac", "-o", str(tmp_path / "out"), "-q", "-j", "1"]
    assert run(COMMAND.format(arguments=arguments))[-2:] == ["code 0", "loaded"]
    assert (tmp_path / "out" / "english.npy").exists()


def test_workers_load_the_fft_of_scipy_and_none_of_its_slow_parts():
    """scipy.fft takes 0.23 s of CPU time and scipy.signal 0.5 to 1.3 s."""
    tell = "print(*sorted(name for name in sys.modules if name.startswith('scipy.') and name.count('.') == 1))"
    alone = run(f"import sys, scipy; {tell}")[0]
    assert run(f"import sys, melcli.run.warm; {tell}")[0] == alone
    assert "scipy.fft" in run(f"import sys, scipy.fft; {tell}")[0].split()


@pytest.mark.parametrize(
    "module, loaded",
    [
        ("melcli.run.worker_tasks", "loaded"),
        ("melcli.store.output_checks", "loaded numpy"),
        ("melcli.store.foreign_arrays", "loaded numpy"),
        ("melcli.run.process_batch", "loaded numpy soundfile"),
    ],
    ids=["calls", "verify", "compare", "headers"],
)
def test_workers_that_compute_nothing_load_no_fft(module, loaded):
    """A worker that checks outputs starts in half of the CPU time of one that computes features."""
    assert run(f"import melcli.run.engines.worker, {module}")[-1] == loaded


def test_it_would_be_seen_if_they_were():
    assert run("import melcli; melcli.MelSpectrogram")[-1] == "loaded numpy"


def run(program: str) -> list[str]:
    """Run a program in a fresh Python; return the lines it prints, and last what it has loaded."""
    command = [sys.executable, "-c", program + TELL]
    return subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True).stdout.splitlines()


# the rules themselves must be able to say no


@pytest.mark.parametrize(
    "name, source, broken",
    [
        ("melcli.mel.blocks", "import melcli.audio.rates", ["melcli.mel.blocks imports melcli.audio.rates"]),
        ("melcli.store.npy", "from melcli.mel import options", ["melcli.store.npy imports melcli.mel.options"]),
        ("melcli.store.npy", "def f():\n  import melcli.run.plan", ["melcli.store.npy imports melcli.run.plan"]),
        ("melcli.store.npy", "if TYPE_CHECKING:\n  import melcli.cli", ["melcli.store.npy imports melcli.cli"]),
        ("melcli.store.npy", "from ..audio.rates import check", ["melcli.store.npy imports melcli.audio.rates"]),
        ("melcli.store.npy", "from .. import audio", ["melcli.store.npy imports melcli.audio"]),
        ("melcli.store", "from ..audio.rates import check", ["melcli.store imports melcli.audio.rates"]),
        ("melcli.store.npy", "from .layout import npy_name", []),
        ("melcli.store.npy", "import melcli", ["melcli.store.npy imports melcli"]),
        ("melcli.store.npy", "from melcli import open_features", ["melcli.store.npy imports melcli"]),
        ("melcli.cli.root", "from melcli import __version__", ["melcli.cli.root imports melcli"]),
        ("melcli.config.resolve", "import melcli.run.plan", ["melcli.config.resolve imports melcli.run.plan"]),
        ("melcli.run.plan", "from melcli.cli.config import show", ["melcli.run.plan imports melcli.cli.config"]),
        ("melcli.errors", "from melcli.options import neutral", ["melcli.errors imports melcli.options"]),
        ("melcli.errors", "import melcli.printable", ["melcli.errors imports melcli.printable"]),
        ("melcli.options", "from melcli.errors import ConfigError", []),
        ("melcli.cli.root", "from melcli.store.reader import open_features", []),
    ],
)  # fmt: skip
def test_a_planted_import_against_the_layers_is_seen(name, source, broken):
    assert broken_layers({name: ast.parse(source)}) == broken


def test_a_module_without_a_place_is_seen():
    with pytest.raises(AssertionError, match=r"^melcli\.helpers has no place in the layers"):
        broken_layers({"melcli.helpers": ast.parse("import melcli.errors")})


@pytest.mark.parametrize(
    "name, source, broken",
    [
        ("melcli.cli.root", "import numpy as np", ["melcli.cli.root imports numpy"]),
        ("melcli.run.plan", "def f():\n  import numpy.linalg", ["melcli.run.plan imports numpy"]),
        ("melcli.run.process_batch", "import numpy", []),
        ("melcli.store.npy", "from h5py import File", ["melcli.store.npy imports h5py"]),
        ("melcli.audio.load", "import scipy.signal", ["melcli.audio.load imports scipy"]),
        ("melcli.audio.resample", "import scipy.signal", ["melcli.audio.resample imports scipy"]),
        ("melcli.audio.decode", "import soundfile", ["melcli.audio.decode imports soundfile"]),
        ("melcli.config.resolve", "from yaml import safe_load", ["melcli.config.resolve imports yaml"]),
        ("melcli.errors", "import click", ["melcli.errors imports click"]),
        ("melcli.mel.filters", "import librosa", ["melcli.mel.filters imports librosa"]),
        ("melcli.mel.filters", "import json, xml.dom", []),
    ],
)
def test_a_planted_library_is_seen(name, source, broken):
    assert strangers({name: ast.parse(source)}) == broken


def test_a_planted_circle_is_seen():
    back = ast.parse("def f():\n  from melcli.store.npy import NpySink")
    assert "melcli.store.layout" in cycle({**MODULES, "melcli.store.layout": back})
    assert cycle({**MODULES, "melcli.store.layout": ast.parse("import melcli.store.layout")})


@pytest.mark.parametrize(
    "source",
    [
        "__import__('numpy')",
        "import importlib\nimportlib.import_module('numpy')",
        "from importlib import import_module as get",
    ],
)
def test_a_planted_import_by_name_is_seen(source):
    assert imports_by_name({"melcli.errors": ast.parse(source)}) == ["melcli.errors"]


@pytest.mark.parametrize(
    "source, count",
    [
        ("try: x\nexcept: y", 1),
        ("try: x\nexcept Exception: y", 1),
        ("try: x\nexcept (OSError, BaseException) as e: y", 1),
        ("with contextlib.suppress(Exception): x", 1),
        ("with suppress(ValueError, Exception): x", 1),
        ("try: x\nexcept OSError: y", 0),
        ("raise Exception('Exception')", 0),
    ],
)
def test_a_planted_broad_except_is_seen(source, count):
    assert broad_excepts({"melcli.errors": ast.parse(source)}) == ["melcli.errors"] * count


@pytest.mark.parametrize(
    "source, lines",
    [
        ("", 0),
        ('"""Doc\nstring."""\n\n# comment\n', 0),
        ("x = 1\n\ny = 2  # comment\n", 2),
        ('x = """three\nlines\n"""\n', 3),
        ("f(\n    1,\n)\n", 3),
        ('def f(\n    x,\n):\n    """Doc.\n\n    String."""\n    # comment\n\n    return x\n', 4),
        ("if x:\n    y\nelse:\n    z\n", 4),
        ("class A:\n    '''Doc.'''\n\n    x: int = 1\n    '''Doc of x.'''\n", 2),
        ("try:\n    x\nexcept E:\n    y\nfinally:\n    z\n", 6),
        ("@one\n@two\ndef f(): pass\n", 3),
        ('x = f"""a\n{b}\nc"""\n', 3),
        ("if x:\n    # why\n\n    y\n", 2),
    ],
)
def test_only_code_is_counted(source, lines):
    assert len(code_lines(source)) == lines


def test_a_long_function_is_seen():
    head = "class A:\n    def f(self):\n        'Doc.'\n\n"
    line = "        x = 1  # why\n\n"
    assert long_functions(head + line * MAX_FUNCTION_LINES) == {"f": MAX_FUNCTION_LINES + 1}
    assert long_functions(head + line * (MAX_FUNCTION_LINES - 1)) == {}
