"""Explain a config: whose numbers it equals, its steps, and equivalent calls."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from melcli.config.config import Config
from melcli.config.named_configs import config_labels, config_name, named_configs
from melcli.config.resolve import resolve_config
from melcli.explain.difference import in_lines
from melcli.explain.filter_warning import remark_on_filters
from melcli.explain.library_calls import Equivalent, in_librosa, in_torchaudio
from melcli.explain.steps import in_words

__all__ = ["explain"]

WIDTH = 118


def explain(name_or_file: str, config: Config) -> list[str]:
    """Explain a resolved config in lines.

    Parameters
    ----------
    name_or_file : str
        What it was resolved from.  The labels of a named config are only printed if its features are
        unchanged.
    config : Config

    Returns
    -------
    lines : list of str
        Without ``#``; code is not wrapped.
    """
    name = config_name(name_or_file)
    origin = [] if name is None else [*_origin(name, config), ""]
    words = [line for stage, text in in_words(config.features).items() for line in _wrapped(f"{stage:<7} {text}", 8)]
    remarks = [*_wrapped(remark, 2), ""] if (remark := remark_on_filters(name_or_file, config)) else []
    calls = [line for call in (in_librosa(config.features), in_torchaudio(config.features)) for line in _call(call)]
    return [*origin, *words, "", *remarks, *calls]


def _origin(name: str, config: Config) -> Iterator[str]:
    """Say what a named config equals, or, where its features were changed, in which keys they are others."""
    labels = config_labels(named_configs()[name])
    yield from _wrapped(f"{name}: {labels.description}", 2)
    unchanged = resolve_config(name)
    if unchanged.features != config.features:
        changes = {
            key: values for key, values in unchanged.differing_values(config).items() if key.startswith("features.")
        }
        yield f"Not as {name} has them:"
        yield from (f"  {line}" for line in in_lines(changes))
        return
    said = {"Equals": labels.equals, "Not covered": labels.not_covered, "Unverified": labels.unverified}
    for label, text in said.items():
        if text:
            yield from _wrapped(f"{label}: {text}", 2)


def _call(call: Equivalent) -> Iterator[str]:
    if call.missing:
        yield from _wrapped(
            f"No call of {call.library} equals it, because {call.library} lacks {'; '.join(call.missing)}.", 2
        )
        return
    yield f"In {call.library}, from the samples y:"
    yield from (f"  {line}" for line in call.lines)


def _wrapped(text: str, indent: int) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
