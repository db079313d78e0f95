"""Imported by the forkserver alone, before anything else: what it has to say of a failed start the driver says better.

A worker's own standard error goes into a file as soon as it serves: see `melcli.run.guard`.
"""

from __future__ import annotations

import atexit
import os

__all__: list[str] = []

atexit.register(os._exit, 0)  # what it would clear away first is the system's to clear away
_null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
os.dup2(_null, 2)
os.close(_null)
