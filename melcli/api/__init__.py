"""The Python API: what ``import melcli`` offers, beside the reader of features."""
