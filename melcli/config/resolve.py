"""Merge defaults, files and their bases, the environment, ``--set`` and flags into one config."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from melcli.config.config import DEFAULT, MADE_BY, SECTIONS, Config
from melcli.config.named_configs import config_path, display_path
from melcli.config.normalization import NORMALIZED_KEYS, with_numbers
from melcli.config.yaml_document import MAX_BYTES, Setting, read_document, read_value
from melcli.errors import ConfigError
from melcli.opening import regular_only, regular_or_inherited
from melcli.options import key_types, read_options
from melcli.printable import printable
from melcli.unknown_keys import nearest, refuse_unknown

__all__ = ["read_settings", "resolve_config"]

MAX_BASES = 8
ENVIRONMENT_PREFIX = "MELCLI_"
SET = "--set "  # how the origin begins of what the command line set
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")  # values of the user's in a refusal, which may look like keys


def resolve_config(
    name_or_file: str = "keras",
    *,
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    named_by: str = "",
    normalize: str | None = None,
) -> Config:
    """Resolve a config; the later wins: defaults, bases, the file, the environment, ``--set``, flags.

    Parameters
    ----------
    name_or_file : str
        A named config or a YAML file.
    sets : sequence of str
        ``KEY=VALUE``; the section may be left out where only one has the key.
    flags : Mapping, optional
        Values of command-line flags by dotted key, such as ``{"output.format": "hdf5"}``.
    environ : Mapping, optional
        Where ``MELCLI_FEATURES_NUM_MEL_BINS`` and the like are looked up.
    named_by : str
        The environment variable that ``name_or_file`` comes from, if any; refusals and origins show it.
    normalize : str, optional
        A file with means and standard deviations, which become ``features.mean`` and ``features.std``.

    Raises
    ------
    ConfigError
        With the origin of the value, the value and the rule.
    """
    origin = f"{named_by}=" if named_by else ""
    try:
        settings = _read_file(config_path(name_or_file), children=(), origin=origin)
    except ConfigError as error:
        if str(error).startswith(origin):
            raise
        raise error.at(f"{origin}{printable(name_or_file)}") from None
    settings.update(_from_environment(environ or {}))
    settings.update(_from_sets(sets))
    settings.update({key: Setting(value, f"--{key.partition('.')[2]}") for key, value in (flags or {}).items()})
    if normalize is not None:
        settings.update(_from_normalize(normalize))
    return _build(with_numbers(settings, Path(), read_settings))


def _read_file(path: Path, children: tuple[Path, ...], origin: str = "") -> dict[str, Setting]:
    """Read a file's settings on top of those of its bases."""
    where = f"{origin}{printable(display_path(path))}"
    try:
        # The user may well say `-c /dev/stdin`; a file has no reason to name that as its base.
        with open(path, "rb", opener=regular_only if children else regular_or_inherited) as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8-sig")  # no more, or /dev/zero would fill the memory
    except UnicodeDecodeError:
        raise ConfigError(f"{where}: cannot be read: not UTF-8") from None
    except (OSError, ValueError) as error:  # ValueError for names that no file can have
        reason = error.strerror if isinstance(error, OSError) else printable(str(error))
        raise ConfigError(f"{where}: cannot be read: {reason}") from None
    if path.resolve() in children or len(children) > MAX_BASES:
        chain = printable(" -> ".join(child.name for child in [*children, path]))
        raise ConfigError(f"{where}: base goes in a circle or more than {MAX_BASES} levels deep: {chain}")
    settings = read_document(text, where)
    for key, setting in settings.items():
        _refuse_misplaced(key, setting)
    base = settings.pop("base", None)
    settings = {key: setting for key, setting in settings.items() if key.partition(".")[0] in SECTIONS and "." in key}
    settings = with_numbers(settings, path.parent, lambda other: _read_file(other, (*children, path.resolve())))
    if base is None:
        return settings
    if not isinstance(base.value, str):
        raise ConfigError(f"{base.origin}: base={base.value!r} must be a config's name or file")
    try:
        below = config_path(base.value, beside=path.parent)
    except ConfigError as error:
        raise error.at(base.origin) from None
    return {**_read_file(below, (*children, path.resolve())), **settings}


def read_settings(path: Path) -> dict[str, Setting]:
    """Read the settings of a YAML config with its bases, by dotted key."""
    return _read_file(path, children=())


def _from_normalize(path: str) -> dict[str, Setting]:
    """Return the settings of a file of means and deviations, which are complete: nothing is added to them."""
    origin = f"--normalize {printable(path)}"
    value = os.path.join(".", path)  # a path, also without a dot
    numbers = {f"features.{key}": Setting(value, origin) for key in NORMALIZED_KEYS}
    return {**numbers, "features.std_eps": Setting(0.0, origin)}


def _refuse_misplaced(key: str, setting: Setting) -> None:
    """Refuse what no file may hold: unknown keys, and a mapping where a value stands or the other way round."""
    section = key.partition(".")[0]
    if section == "base" and (key != "base" or setting.value == {}):
        raise ConfigError(f"{setting.origin}: base must be a config's name or file, not a mapping")
    empty_section = key in SECTIONS and setting.value == {}
    if section not in {"base", MADE_BY} and not empty_section:
        _refuse_unknown(key, setting.origin)


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, Setting]]:
    for name, text in sorted(environ.items()):
        section, _, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("_")
        if name.startswith(ENVIRONMENT_PREFIX) and section in SECTIONS:
            where = printable(name)
            _refuse_unknown(f"{section}.{key}", where)
            yield f"{section}.{key}", Setting(read_value(text, where), where)


def _from_sets(sets: Sequence[str]) -> Iterator[tuple[str, Setting]]:
    for text in sets:
        name, equals, value = text.partition("=")
        where = f"{SET}{printable(text)}"
        if not equals:
            raise ConfigError(f"{where}: must be KEY=VALUE", hint=_key_and_value(text))
        key = name if "." in name else _with_section(name, where)
        _refuse_unknown(key, where)
        yield key, Setting(read_value(value, where), where)


def _key_and_value(text: str) -> str:
    """Suggest how ``num_mel_bins 80`` or ``num_mel_bins:80`` is to be written."""
    parts = re.fullmatch(r"([\w.]+)\s*[:\s]?\s*([\w.+-]*)", text.strip())
    return f"write -s {parts[1]}={parts[2] or 'VALUE'}" if parts else ""


def _with_section(name: str, where: str) -> str:
    homes = [section for section, cls in SECTIONS.items() if name in key_types(cls)]
    if len(homes) != 1:
        every = [key for cls in SECTIONS.values() for key in key_types(cls)]
        hint = f"it is in {' and '.join(homes)}; name the section" if homes else nearest(name, every)
        raise ConfigError(f"{where}: unknown key {printable(repr(name))}", hint=hint)
    return f"{homes[0]}.{name}"


def _refuse_unknown(key: str, origin: str) -> None:
    section, dot, name = key.partition(".")
    if section not in SECTIONS:
        known = ["base", *SECTIONS]
        homes = [f"{home}.{section}" for home, cls in SECTIONS.items() if section in key_types(cls)]
        hint = f"did you mean {homes[0]!r}?" if homes else nearest(section, known)
        raise ConfigError(f"{origin}: unknown key {printable(repr(section))}", hint=hint)
    if not dot:
        raise ConfigError(
            f"{origin}: {section} must be a mapping of keys to values",
            hint=f"write a line such as '  {next(iter(key_types(SECTIONS[section])))}: VALUE' below '{section}:'",
        )
    refuse_unknown(name, key_types(SECTIONS[section]), f"{origin}: {section}")


def _build(settings: Mapping[str, Setting]) -> Config:
    stages = {}
    for section, cls in SECTIONS.items():
        raw = {key: settings[f"{section}.{key}"].value for key in key_types(cls) if f"{section}.{key}" in settings}
        try:
            stages[section] = read_options(cls, raw, section)
        except ConfigError as error:
            raise _with_origins(error, section, settings) from None
    dotted = [f"{section}.{key}" for section, cls in SECTIONS.items() for key in key_types(cls)]
    return Config(**stages, origins={key: _origin(key, settings) for key in dotted})


def _with_origins(refusal: ConfigError, section: str, settings: Mapping[str, Setting]) -> ConfigError:
    """Say where the key of a refusal was set, and in brackets where the other keys were that its sentence names.

    Of keys that do not go together only the user knows the wrong one: after ``-s num_mel_bins=10`` that is not
    ``num_ceps=13`` in a named config, though the rule is one for ``num_ceps``.
    """
    words = set(re.findall(r"\w+", QUOTED.sub("", str(refusal))))
    named = [key for key in key_types(SECTIONS[section]) if key == refusal.key or key in words]
    named.sort(key=lambda key: key != refusal.key)
    origins = {key: _origin(f"{section}.{key}", settings) for key in named}
    first = next((key for key, origin in origins.items() if origin != DEFAULT), None)
    said = refusal.problem
    if first is not None:
        shown = said.removeprefix(f"{section}: ") if origins[first].startswith(SET) else said
        said = f"{origins[first]}: {shown}"
    others = ", ".join(f"{key}: {origin}" for key, origin in origins.items() if key != first)
    return ConfigError(f"{said} ({others})" if others else said, key=refusal.key, hint=refusal.hint)


def _origin(key: str, settings: Mapping[str, Setting]) -> str:
    return settings[key].origin if key in settings else DEFAULT
