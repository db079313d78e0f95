"""The command line of a Python process with the module search path of this one.

With ``-c`` and ``-m``, the interpreter puts the working directory on ``sys.path``, and would execute a ``numpy.py`` in
a folder of recordings.  ``-P`` (Python 3.11) prevents this.
"""

from __future__ import annotations

import os
import sys

__all__ = ["python_command", "search_path"]

PACKAGE_PARENT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def python_command(code: str, *arguments: str) -> list[str]:
    """Return the command that runs ``code`` with the interpreter, options and search path of this process.

    Parameters
    ----------
    code : str
        Python source.
    *arguments : str
        The ``sys.argv[1:]`` of the new process.
    """
    flags = sys.flags
    options = ["-P", f"-Xutf8={flags.utf8_mode}", *(f"-W{option}" for option in sys.warnoptions)]
    switches = {
        "-E": flags.ignore_environment,
        "-s": flags.no_user_site,
        "-S": flags.no_site,
        "-B": flags.dont_write_bytecode,
    }
    options += [switch for switch, is_on in switches.items() if is_on]
    return [sys.executable, *options, "-c", f"import sys; sys.path[:] = {search_path()!r}\n{code}", *arguments]


def search_path() -> list[str]:
    """Return ``sys.path`` without the working directory.

    ``-c``, interactive sessions and an empty entry of PYTHONPATH add the working directory.  If melcli itself is only
    there, as in a clone that is not installed, its folder comes last, so that it hides no installed module.
    """
    implicit = {""}
    if "" in os.environ.get("PYTHONPATH", "-").split(os.pathsep):
        implicit.add(os.getcwd())
    entries = [entry for entry in sys.path if isinstance(entry, str) and entry not in implicit]  # Python ignores others
    if PACKAGE_PARENT not in map(os.path.abspath, entries):
        entries.append(PACKAGE_PARENT)
    return entries
