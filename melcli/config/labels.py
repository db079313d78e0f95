"""Labels in the opening comments of a config: a description, and labeled lines.

.. code-block:: yaml

    # Whisper's log-mel spectrogram with 80 filters, 30 s long: all sizes up to large-v2.
    # Equals: openai-whisper 20250625, whisper/audio.py, log_mel_spectrogram(pad_or_trim(audio)).
    # Numbers: where they come from.
    # Not covered: what the project does and this config does not.
    # Also known as: large-v2, whisper-large-v2,
    #   distil-large-v2
    # Unverified: why it is not held against the project's own numbers.

A continuation line is indented.  Other comments, and files without any, are taken as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Labels", "read_labels"]

LABELS = {
    "Equals": "equals",
    "Numbers": "numbers",
    "Not covered": "not_covered",
    "Also known as": "aliases",
    "Unverified": "unverified",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The labels in the opening comments of a config; empty if missing.

    Attributes
    ----------
    description : str
        One sentence.
    equals : str
        Project, version, file and call whose numbers these are.
    numbers : str
        Where the values come from.
    not_covered : str
        What that project does and the config does not.
    aliases : tuple of str
        Other names that it is found by.
    unverified : str
        Why its numbers are not held against the project's own; empty where they are.
    """

    description: str = ""
    equals: str = ""
    numbers: str = ""
    not_covered: str = ""
    aliases: tuple[str, ...] = ()
    unverified: str = ""


def read_labels(lines: Iterable[str]) -> Labels:
    """Read the comments that a config opens with.

    Parameters
    ----------
    lines : iterable of str
        Of the file; those from the first one on that is not a comment are not asked for.
    """
    texts: dict[str, str] = {}
    current = "description"
    told = (line for line in lines if not line.startswith("# yaml-language-server:"))
    for number, line in enumerate(told):
        if not line.startswith("#"):
            break
        text = line[1:].rstrip()
        label = re.match(r" ?([A-Z][a-z ]+): ", f"{text} ")
        if label is not None and label[1] in LABELS:
            current = LABELS[label[1]]
            texts[current] = text[label.end() :].strip()
        elif number == 0 or (text.startswith("   ") and current != "description"):
            texts[current] = f"{texts.get(current, '')} {text.strip()}".strip()
        else:
            current = "description"  # a comment of another kind: what is indented below it belongs to it
    aliases = tuple(alias.strip() for alias in texts.pop("aliases", "").split(",") if alias.strip())
    return Labels(aliases=aliases, **texts)
