"""The command line: arguments in, exit code out."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import types

__all__ = ["main"]


# What the system can refuse anywhere, and what to do.
NO_BUGS = {
    errno.EMFILE: "let this user open more files (ulimit -n)",
    errno.ENFILE: "let the system open more files (sysctl fs.file-max)",
    errno.EIO: "look after the disk, which fails",
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
}


def main() -> NoReturn:
    """Run the command that the arguments name, and end with the exit code of README.md's table."""
    try:
        code = _exit_code()
    except KeyboardInterrupt:  # while it is imported what the command needs
        code = 130
    _end_helpers()
    sys.exit(code)


def _end_helpers() -> None:
    """End the process that workers were forked from: by itself it takes 0.4 s, and a disk that it is on is busy."""
    station = sys.modules.get("melcli.run.engines.station")
    if station is not None:
        station.kill_forkserver()


def _exit_code() -> int:
    import click

    from melcli.cli.output import say, stderr_may_fail
    from melcli.cli.root import melcli
    from melcli.errors import MelcliError, StorageError
    from melcli.printable import printable

    sys.excepthook = _report_bug
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot show a name shows its code
    try:
        code = melcli.main(standalone_mode=False)
    except click.ClickException as error:
        vars(error)["message"] = printable(error.message)  # it quotes what it was given
        with stderr_may_fail():
            error.show()
        code = error.exit_code
    except click.Abort:
        code = 130
    except MelcliError as error:
        say(f"melcli: {printable(str(error))}")
        code = error.exit_code
    except OSError as error:  # wherever it was met, as by an import
        if error.errno not in NO_BUGS:
            raise
        where = f"{printable(os.fsdecode(error.filename))}: " if isinstance(error.filename, (str, bytes)) else ""
        say(f"melcli: {where}{error.strerror}; {NO_BUGS[error.errno]}")
        code = StorageError.exit_code
    return code if isinstance(code, int) else 0


def _open_closed_streams() -> None:
    """Put the null device where a standard stream was closed, or the next file that is opened would take its place."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # the lowest that is free
        pass
    os.close(descriptor)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  for as long as the process lives
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115


def _report_bug(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
    """Show what nobody foresaw; Python itself then ends with 1."""
    if issubclass(kind, KeyboardInterrupt):
        return
    import traceback

    from melcli.printable import printable

    for lines in traceback.format_exception(kind, error, trace):
        for line in lines.splitlines():
            sys.stderr.write(f"{printable(line)}\n")
    sys.stderr.write(
        "melcli: this is a bug of melcli. Finished work is kept. "
        "Please report the lines above, the command and `melcli --version`.\n"
    )
