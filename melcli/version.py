"""Versions of melcli and of its numbers."""

__all__ = ["NUMERICS_VERSION", "__version__"]

__version__ = "0.1.0"

# Part of every config_id: raised when the same config gives other numbers than before, so that features made
# before and after are never taken for the same.
NUMERICS_VERSION = 1
