"""The config that OUT belongs to: rows of another config are not served."""

from __future__ import annotations

import os
import re

from melcli.opening import regular_only
from melcli.store.layout import CONFIG_FILE

__all__ = ["current_config_id"]

MAX_BYTES = 1 << 20
# As `melcli.config` writes it in the section `made_by`; reading YAML is not this package's business.
LINE = re.compile(rb"^  config_id: '?([0-9a-f]{16})'?$", re.MULTILINE)


def current_config_id(out: str) -> str | None:
    """Return the ``config_id`` that melcli.yaml has, or None where it is missing or has none."""
    try:
        with open(os.path.join(out, CONFIG_FILE), "rb", opener=regular_only) as file:
            found = LINE.search(file.read(MAX_BYTES))
    except OSError:
        return None
    return None if found is None else found[1].decode()
