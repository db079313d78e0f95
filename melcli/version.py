"""The version of melcli, alone, so that whoever writes it down need not import the package's root."""

__version__ = "0.1.0"
