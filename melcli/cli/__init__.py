"""The command line: arguments in, exit code out."""

# Nothing is imported here that Python has not loaded by itself: until `main` has begun Ctrl-C ends in a traceback.
import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from typing import NoReturn

    import click

__all__ = ["main"]


# What the system can refuse anywhere, and what to do.
NO_BUGS = {
    errno.EMFILE: "let this user open more files (ulimit -n)",
    errno.ENFILE: "let the system open more files (sysctl fs.file-max)",
    errno.EIO: "check the disk, which reports errors",
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
}


COMPLETION_VARIABLE = "_MELCLI_COMPLETE"  # by which Click is asked to complete a command line


def main() -> "NoReturn":
    """Run the command that the arguments name, and end with one of the exit codes in docs/reference/exit_codes.md."""
    try:
        _take_no_signals()
    except KeyboardInterrupt:  # in an import, whose locks nobody will need
        os._exit(130)
    _use_one_thread()
    sys.exit(_exit_code())


def _use_one_thread() -> None:
    """Let NumPy's libraries use one thread here too, unless the user has set a number.

    `identify` and `compare` make many small products.  With two threads on busy cores seven cases of `identify` took
    65 s, most of them spent waiting for the other thread, and with one 6.3 s.
    """
    from melcli.threads import ONE_THREAD

    for name, number in ONE_THREAD.items():
        os.environ.setdefault(name, number)


def _take_no_signals() -> None:
    """Let Ctrl-C end the process without a word, as SIGTERM does, but where a command has something to finish.

    Python would raise KeyboardInterrupt anywhere: in an import, where it may be swallowed, or at the interpreter's end.
    And it could not learn how workers end where SIGCHLD is ignored, as some programs that start others do.
    """
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _exit_code() -> int:
    import io

    import click

    from melcli.cli.output import stderr_may_fail
    from melcli.cli.refusals import refuse, tell_error, tell_usage_error
    from melcli.cli.root import melcli
    from melcli.errors import MelcliError, StorageError
    from melcli.printable import printable

    sys.excepthook = _report_bug
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot show a name shows its code
    try:
        code = _run(melcli)
    except click.ClickException as error:
        with stderr_may_fail():
            tell_usage_error(error)
        code = error.exit_code
    except click.Abort:
        code = 130
    except MelcliError as error:
        tell_error(error)
        code = error.exit_code
    except OSError as error:  # wherever it was met, as by an import
        if error.errno not in NO_BUGS:
            raise
        where = f"{printable(os.fsdecode(error.filename))}: " if isinstance(error.filename, (str, bytes)) else ""
        refuse(f"{where}{error.strerror}", hint=NO_BUGS[error.errno])
        code = StorageError.exit_code
    return code if isinstance(code, int) else 0


def _run(command: "click.Group") -> object:
    """Run the command that the arguments name; a reader of its output that has gone, as ``head`` does, is no error."""
    from melcli.cli.output import ReaderGone

    try:
        return command.main(standalone_mode=False)
    except ReaderGone as gone:
        return gone.exit_code
    except SystemExit as exit:  # Click's: of completion, or if nobody reads its help
        return exit.code if COMPLETION_VARIABLE in os.environ else ReaderGone.exit_code


def _open_closed_streams() -> None:
    """Put the null device where a standard stream was closed, or the next file that is opened would take its place."""
    from melcli.null_device import open_null

    while (descriptor := open_null()) <= 2:  # the lowest that is free
        pass
    os.close(descriptor)
    sys.stdout = sys.stdout or open(open_null(), "w")  # noqa: SIM115  for as long as the process lives
    sys.stderr = sys.stderr or open(open_null(), "w")  # noqa: SIM115


def _report_bug(kind: type[BaseException], error: BaseException, trace: "types.TracebackType | None") -> None:
    """Show an unexpected error; Python itself then exits with 1."""
    import traceback

    from melcli.printable import printable

    for lines in traceback.format_exception(kind, error, trace):
        for line in lines.splitlines():
            sys.stderr.write(f"{printable(line)}\n")
    sys.stderr.write(
        "melcli: this is a bug of melcli. Finished work is kept. "
        "Please report the lines above, the command and `melcli --version`.\n"
    )
