"""Writes configs/melcli.schema.json from the options; a test holds the file against them.

python docs/write_schema.py
"""

from __future__ import annotations

import json

from melcli.config.named_configs import configs_folder
from melcli.config.schema import SCHEMA_FILE, schema

if __name__ == "__main__":
    (configs_folder() / SCHEMA_FILE).write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")
