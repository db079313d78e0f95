"""The current config of OUT: rows of other configs are not served."""

from __future__ import annotations

import os
import re

from melcli.opening import regular_only
from melcli.store.layout import CONFIG_FILE

__all__ = ["current_config_id"]

MAX_BYTES = 1 << 20
# As `melcli.config` writes it in the section `made_by`; this package does not parse YAML.
LINE = re.compile(rb"^  config_id: '?([0-9a-f]{16})'?$", re.MULTILINE)


def current_config_id(out: str) -> str | None:
    """Return the ``config_id`` in melcli.yaml, or None if the file or the entry is missing."""
    try:
        with open(os.path.join(out, CONFIG_FILE), "rb", opener=regular_only) as file:
            found = LINE.search(file.read(MAX_BYTES))
    except OSError:
        return None
    return None if found is None else found[1].decode()
