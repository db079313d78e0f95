"""Resolve a config from YAML, a name, ``--set`` and the environment."""
