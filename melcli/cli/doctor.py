"""``melcli doctor``: check the installation, the machine and the file system of OUT."""

from __future__ import annotations

import click

from melcli.cli.output import errors_as_json, tell, tell_json

__all__ = ["doctor"]


@click.command()
@click.argument("out", metavar="[OUT]", type=click.Path(), default=".")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with all checks, and nothing else.")
def doctor(out: str, *, as_json: bool) -> int:
    """Check the installation, the machine and the file system of OUT.

    doctor imports each library in its own process, and prints its version. It lists the codecs of libsndfile, the
    ffmpeg that melcli uses, and the processors, memory and open files that it can use.

    It then tests the file system of OUT in a temporary folder: locks, exclusive creation, atomic renames, flushing of
    files and folders, and names that the file system treats as the same. OUT is the current folder by default. If OUT
    does not exist, doctor tests the nearest folder above it. These tests cannot show what other machines see on a
    network disk, or whether a disk really flushes.

    \b
    melcli doctor
    melcli doctor /mnt/features
    melcli doctor /mnt/features --json

    \b
    Exit codes:
      0   no problem, or warnings only
      2   usage
      4   a library cannot be used, OUT cannot be written, or its file system
          fails a test
    """
    from importlib import metadata  # late: it takes 30 ms of every command

    from melcli.addresses import refuse_url
    from melcli.run.doctor.diagnosis import diagnose
    from melcli.run.doctor.report import lines

    # Click tells its version by its metadata alone, and both work, or this would not be reached.
    with errors_as_json(as_json):
        refuse_url("OUT", out)
        diagnosis = diagnose(out, {name: metadata.version(name) for name in ("click", "tqdm")})
    if as_json:
        tell_json(diagnosis.to_json())
    else:
        for line in lines(diagnosis):
            tell(line)
    return diagnosis.exit_code
