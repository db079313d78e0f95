"""Versions of melcli and of its numbers."""

__all__ = ["NUMERICS_VERSION", "__version__"]

__version__ = "0.1.0"

# Part of every config_id.  It is incremented if the same config gives other numbers than before, so that features from
# before and after are never mixed up.
NUMERICS_VERSION = 1
