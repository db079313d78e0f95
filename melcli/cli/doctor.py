"""``melcli doctor``: whether everything that a run stands on is sound."""

from __future__ import annotations

import click

from melcli.cli.output import errors_as_json, tell, tell_json

__all__ = ["doctor"]


@click.command()
@click.argument("out", metavar="[OUT]", type=click.Path(), default=".")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with everything, and nothing else.")
def doctor(out: str, *, as_json: bool) -> int:
    """Examine the installation, the machine and the file system of OUT.

    Versions of all libraries, each imported in a process of its own, and what is known against them; the codecs of
    libsndfile; processors, memory and files that may really be used. OUT is the current folder where none is named; of
    one that is not there yet the nearest folder above it is examined. There, in a folder that is removed again, is
    tried what melcli's promises rest on: that a second process is refused the lock and a killed one leaves none
    behind, that a name can be created once only, that a rename replaces a file at once, and that files and folders
    can be flushed to the disk; and which names the file system takes for which. Trials on one machine show
    nothing of other machines on the same network disk, nor whether a disk lies about its flushes.

    \b
    melcli doctor
    melcli doctor /mnt/features
    melcli doctor /mnt/features --json

    \b
    Exit codes: 0 no problem, also with warnings; 2 usage;
    4 a library cannot be used, or OUT cannot be written or lacks what the promises need.
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
        tell_json(diagnosis.plain())
    else:
        for line in lines(diagnosis):
            tell(line)
    return diagnosis.exit_code
