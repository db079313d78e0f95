"""A working folder for configs, as in the tests of melcli.config."""

from tests.config.conftest import write

__all__ = ["write"]
