"""Options that select and name input files."""

from __future__ import annotations

from dataclasses import dataclass

from melcli.errors import ConfigError
from melcli.options import check_types

__all__ = ["SourceOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """Choice and naming of input files.

    Attributes
    ----------
    include : tuple of str
        Globs that replace the test by extension: a file is taken if one of them fits.
    exclude : tuple of str
        Globs that pass a file over, and a folder with all that is in it.  They win over ``include``.
    keep_extension : bool
        Name the outputs ``a.wav`` rather than ``a``, so that ``a.wav`` and ``a.flac`` stay apart.
    follow_symlinks : bool
        Enter links to folders too, each real folder once; links to files are read anyway.

    Notes
    -----
    A glob is held against a file's name below its INPUT, as `melcli.sources.names` says.

    * Without ``/`` it is held against the last part, at any depth: ``*_noisy.wav``, ``noise``.
    * With ``/`` it is held against the whole name, from its start: ``train/*.wav`` takes ``train/a.wav`` and neither
      ``train/x/a.wav`` nor ``old/train/a.wav``.  So ``/a.wav`` is the one at the top.
    * ``*``, ``?``, ``[abc]`` and ``[!abc]`` are those of `fnmatch.fnmatchcase` and never reach across a ``/``.  A part
      that is ``**`` stands for any number of folders, none included: ``**/train/**`` is every folder called train
      and all that is in it.
    * Upper and lower case differ.  Hidden files are not brought back by ``include``.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    keep_extension: bool = False
    follow_symlinks: bool = False

    def __post_init__(self) -> None:
        check_types(self)
        _refuse_globs_that_never_fit("include", self.include)
        _refuse_globs_that_never_fit("exclude", self.exclude)


def _refuse_globs_that_never_fit(key: str, globs: tuple[str, ...]) -> None:
    for glob in globs:
        if {"", ".", ".."} & set(glob.removeprefix("/").split("/")):
            raise ConfigError(f"{key}={glob!r} must be names between single slashes, without '.' and '..'", key=key)
