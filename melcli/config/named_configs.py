"""The configs that come with melcli, found by name, by alias and by words.

They are in ``configs/`` at the top of a checkout and in ``melcli/configs/`` in an installed wheel.  Names are told
apart whatever the case and without ``-``, ``_``, ``.`` and spaces: ``Large-V3`` is ``large_v3``.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from melcli.addresses import refuse_url
from melcli.config.labels import Labels, read_labels
from melcli.errors import ConfigError

__all__ = [
    "Found",
    "config_labels",
    "config_name",
    "config_path",
    "configs_folder",
    "display_path",
    "named_configs",
    "nearest_config",
    "search_configs",
]


MAX_MEANT = 4  # more configs than that are no answer


@dataclass(frozen=True, slots=True)
class Found:
    """A config that was searched for.

    Attributes
    ----------
    name : str
    labels : Labels
    aliases : tuple of str
        Those of its other names that hold all of the words.
    """

    name: str
    labels: Labels
    aliases: tuple[str, ...]


def named_configs() -> dict[str, Path]:
    """Return the files of all named configs by name, sorted by family and name.

    Raises
    ------
    ConfigError
        The folder of configs is not there: a broken installation.
    """
    return {path.stem: path for path in sorted(configs_folder().rglob("*.yaml"))}


def config_name(name: str) -> str | None:
    """Return the name of the config that is meant by a name or an alias, however it is written; None where none is."""
    return _meant(name, named_configs())


def config_path(name_or_file: str, *, beside: Path | None = None) -> Path:
    """Find a config by name or alias, or as a file.

    Parameters
    ----------
    name_or_file : str
        What ends in ``.yaml`` or ``.yml`` or holds a slash is a file, all else a name.
    beside : Path, optional
        The folder that a relative path starts from; the working directory by default.

    Raises
    ------
    ConfigError
        Neither; with the nearest name.
    """
    refuse_url("config", name_or_file)
    if name_or_file.endswith((".yaml", ".yml")) or "/" in name_or_file:
        return (beside or Path()) / name_or_file
    configs = named_configs()
    name = _meant(name_or_file, configs)
    if name is None:
        raise ConfigError(f"no config is called {name_or_file!r}", hint=_hint(name_or_file, beside or Path()))
    return configs[name]


def nearest_config(word: str) -> str:
    """Say which configs a word could mean: by a slip of the finger, as a part of their labels, or from far off."""
    known = _known_names(named_configs())
    found = [hit.name for hit in search_configs(word)]
    few = found if len(found) <= MAX_MEANT else []
    meant = _close(word, known, cutoff=0.9) or few or _close(word, known, cutoff=0.6)
    return f"did you mean {' or '.join(map(repr, meant))}?" if meant else "'melcli config list' lists all configs"


def search_configs(text: str) -> list[Found]:
    """Find the configs in whose name, aliases, description or equivalent every word of a text stands.

    Parameters
    ----------
    text : str
        Words between spaces; case, ``-``, ``_`` and ``.`` make no difference.
    """
    words = [word for word in map(_folded, text.split()) if word]
    found = []
    for name, path in named_configs().items():
        labels = config_labels(path)
        places = [_folded(place) for place in (name, *labels.aliases, labels.description, labels.equals)]
        if all(any(word in place for place in places) for word in words):
            aliases = [alias for alias in labels.aliases if words and all(word in _folded(alias) for word in words)]
            found.append(Found(name, labels, tuple(aliases)))
    return found


def config_labels(path: Path) -> Labels:
    """Return what a config's opening comments say."""
    with open(path, encoding="utf-8") as file:
        return read_labels(file)


def display_path(path: Path) -> str:
    """Write a path as users know it: that of a named config from ``configs/`` on, any other as it was given."""
    folder = configs_folder()
    return str(path.relative_to(folder.parent)) if path.is_relative_to(folder) else str(path)


def _hint(name: str, folder: Path) -> str:
    """Say what to write instead of a name that no config has."""
    if (folder / name).is_file():
        return f"write ./{name} to read that file"
    if name and (folder / name).is_dir():
        return f"{name} is a folder: name a YAML file in it"
    if re.search(r"\.(json|toml|ini|conf|cfg|txt|py)$", name):
        return "a config is a YAML file, or a name of 'melcli config list'"
    return nearest_config(name)


def _meant(name: str, configs: dict[str, Path]) -> str | None:
    if name in configs:  # nearly always; the other files need not be opened then
        return name
    return _known_names(configs).get(_folded(name))


def _known_names(configs: dict[str, Path]) -> dict[str, str]:
    """Return the config that every folded name and alias stands for."""
    return {
        _folded(spelling): name for name, path in configs.items() for spelling in (name, *config_labels(path).aliases)
    }


def _close(word: str, known: dict[str, str], *, cutoff: float) -> list[str]:
    return [known[near] for near in difflib.get_close_matches(_folded(word), known, n=1, cutoff=cutoff)]


def _folded(name: str) -> str:
    return re.sub(r"[-_.\s]", "", name).lower()


def configs_folder() -> Path:
    """Return the folder of the named configs.

    Raises
    ------
    ConfigError
        It is not there: a broken installation.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "configs", package.parent / "configs"):
        if folder.is_dir():
            return folder
    raise ConfigError(f"no named configs beside {package}; is melcli installed completely?")
