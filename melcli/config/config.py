"""A config: the options of all stages that concern what is stored.

Nothing here reads YAML, so that a worker, which is sent its config, need not load what reads it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from melcli.audio.options import AudioOptions
from melcli.mel.options import FeatureOptions
from melcli.options import fingerprint, identity, to_plain
from melcli.printable import printable
from melcli.store.options import OutputOptions
from melcli.version import NUMERICS_VERSION

__all__ = ["DEFAULT", "MADE_BY", "SECTIONS", "Config", "yaml_value"]

SECTIONS: Mapping[str, type[Any]] = {"audio": AudioOptions, "features": FeatureOptions, "output": OutputOptions}
MADE_BY = "made_by"  # how melcli.yaml was made; ignored when a config is read
DEFAULT = "default"  # the origin of what nobody set


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All options of a run that concern what is stored, and where each was set.

    Attributes
    ----------
    audio : AudioOptions
        Decoding and resampling.
    features : FeatureOptions
        The keys of `melcli.MelSpectrogram`.
    output : OutputOptions
        The format and type in which features are stored.
    origins : Mapping of str to str
        For each dotted key, ``default``, ``FILE:LINE``, an environment variable or a flag.
    """

    audio: AudioOptions = field(default_factory=AudioOptions)
    features: FeatureOptions = field(default_factory=FeatureOptions)
    output: OutputOptions = field(default_factory=OutputOptions)
    origins: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def config_id(self) -> str:
        """16 hex digits that change if and only if the stored numbers may change.

        A key that a later release adds enters only when it differs from its neutral value; see
        `melcli.options.identity`.
        """
        return fingerprint(
            {
                "audio": identity(self.audio),
                "features": identity(self.features),
                "dtype": self.output.dtype,
                "numerics": NUMERICS_VERSION,
            }
        )

    def plain(self) -> dict[str, dict[str, Any]]:
        """Return all values, as JSON and YAML can hold them.

        Returns
        -------
        values : dict of str to dict
            Values by section and key.
        """
        return {section: to_plain(getattr(self, section)) for section in SECTIONS}

    def differing_values(self, other: Config) -> dict[str, tuple[Any, Any]]:
        """Return the keys in which two configs differ.

        Parameters
        ----------
        other : Config
            The other one.

        Returns
        -------
        values : dict of str to tuple
            For each dotted key, this config's value and the other's.
        """
        theirs = other.plain()
        return {
            f"{section}.{key}": (value, theirs[section][key])
            for section, values in self.plain().items()
            for key, value in values.items()
            if value != theirs[section][key]
        }

    def differences(self, other: Config) -> list[str]:
        """Name the keys in which stored features differ from those that OUT has.

        A key with another value that gives the same numbers does not count.

        Parameters
        ----------
        other : Config
            The config of OUT.

        Returns
        -------
        sentences : list of str
            One for each key, with OUT's value and this config's.
        """
        same_numbers = {"output.shard_mb"}
        for section in SECTIONS:
            mine, theirs = identity(getattr(self, section)), identity(getattr(other, section))
            same_numbers |= {f"{section}.{key}" for key in self.plain()[section] if mine.get(key) == theirs.get(key)}
        return [
            f"{key.partition('.')[2]}: OUT {yaml_value(theirs)}, now {yaml_value(mine)}"
            for key, (mine, theirs) in self.differing_values(other).items()
            if key not in same_numbers
        ]

    def to_yaml(self, made_by: Mapping[str, str] | None = None, *, show_origins: bool = False) -> str:
        """Write all values as a config that can be saved and used again.

        Parameters
        ----------
        made_by : Mapping, optional
            Written as a last section, which readers of configs skip.
        show_origins : bool
            Say behind each value where it was set.

        Returns
        -------
        text : str
            YAML.
        """
        lines: list[str] = []
        for section, values in self.plain().items():
            lines.append(f"{section}:")
            for key, value in values.items():
                line = f"  {key}: {yaml_value(value)}"
                origin = self.origins.get(f"{section}.{key}", DEFAULT)
                lines.append(f"{line:<36}  # {printable(origin)}" if show_origins else line)
        if made_by:
            lines += [f"{MADE_BY}:", *(f"  {key}: {yaml_value(value)}" for key, value in made_by.items())]
        return "\n".join(lines) + "\n"


def yaml_value(value: Any) -> str:
    """Write one value as YAML 1.2: words plain where they cannot be taken for anything else."""
    from melcli.config.yaml_document import read_value  # late: workers have a config, and read none

    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(yaml_value(item) for item in value) + "]"
    if isinstance(value, str):
        plain = re.fullmatch(r"[A-Za-z][\w./-]*", value) and isinstance(read_value(value, ""), str)
        return value if plain else "'" + value.replace("'", "''") + "'"
    if isinstance(value, float):
        mantissa, exponent_sign, exponent = repr(value).partition("e")
        # Readers of YAML 1.1, such as PyYAML, take 1e-10 for text and 1.0e-10 for a number.
        point = ".0" if exponent_sign and "." not in mantissa else ""
        return f"{mantissa}{point}{exponent_sign}{exponent}"
    return repr(value)
