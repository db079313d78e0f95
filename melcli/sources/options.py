"""Options that select and name input files."""

from __future__ import annotations

from dataclasses import dataclass, field

from melcli.errors import ConfigError
from melcli.options import check_types
from melcli.sources.tables.options import TableOptions

__all__ = ["SourceOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """Selection and naming of input files.

    Attributes
    ----------
    include : tuple of str
        Globs that replace the check of the extension: a file is selected if one of them matches.
    exclude : tuple of str
        Globs for files and folders to skip; a folder is skipped with all its content.  They override ``include``.
    keep_extension : bool
        Name the outputs ``a.wav`` instead of ``a``, so that ``a.wav`` and ``a.flac`` do not clash.
    follow_symlinks : bool
        Also enter links to folders, each real folder once; links to files are always read.
    tables : TableOptions
        Tables of recordings and pieces.  The globs do not apply to them.
    allow_commands : bool
        Run the commands in the ``wav.scp`` of a Kaldi folder; otherwise such a folder is refused.

    Notes
    -----
    A glob is matched against a file's name below its INPUT; see `melcli.sources.names`.

    * Without ``/``, it is matched against the last part, at any depth: ``*_noisy.wav``, ``noise``.
    * With ``/``, it is matched against the whole name, from its start: ``train/*.wav`` matches ``train/a.wav``, but
      neither ``train/x/a.wav`` nor ``old/train/a.wav``.  So ``/a.wav`` matches only at the top.
    * ``*``, ``?``, ``[abc]`` and ``[!abc]`` are those of `fnmatch.fnmatchcase` and never match ``/``.  A part ``**``
      matches any number of folders, including zero: ``**/train/**`` matches every folder named train and all its
      content.
    * Matching is case-sensitive.  ``include`` does not select hidden files.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    keep_extension: bool = False
    follow_symlinks: bool = False
    tables: TableOptions = field(default_factory=TableOptions)
    allow_commands: bool = False

    def __post_init__(self) -> None:
        check_types(self)
        _check_globs("include", self.include)
        _check_globs("exclude", self.exclude)


def _check_globs(key: str, globs: tuple[str, ...]) -> None:
    for glob in globs:
        if {"", ".", ".."} & set(glob.removeprefix("/").split("/")):
            raise ConfigError(f"{key}={glob!r} must be names between single slashes, without '.' and '..'", key=key)
