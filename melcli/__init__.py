"""Batch mel spectrograms with the numbers of ``keras.layers.MelSpectrogram``.

Names are loaded on first use, so that ``import melcli`` takes almost no time.
"""

import sys

# True at the start of `python -m melcli`, while Python locates the module, and of the installed script.  In any other
# program nothing is changed: `python -m other` may import melcli too.
_GIVEN = sys.orig_argv
_IS_MODULE = sys.argv[:1] == ["-m"] and "-m" in _GIVEN and _GIVEN[_GIVEN.index("-m") + 1 :][:1] == ["melcli"]
if _IS_MODULE or (sys.argv[:1] and sys.argv[0].endswith("/melcli")):
    # Ctrl-C ends the command silently, like SIGTERM.  Otherwise Python would raise KeyboardInterrupt in one of the
    # following imports, and show its traceback or swallow it.  Not `signal`, which imports other modules.
    import _signal  # type: ignore[import-not-found]

    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

    import os

    if _IS_MODULE and not sys.flags.safe_path:
        # Python looks for modules in the working directory first, and would execute a numpy.py in a folder of
        # recordings.  melcli's own modules are still found, since its package is already loaded.
        del sys.path[0]
    if "" in os.environ.get("PYTHONPATH", "-").split(os.pathsep) and not sys.flags.ignore_environment:
        # PYTHONPATH=$PYTHONPATH:/x with an unset variable: an empty entry also means the working directory.
        sys.path[:] = [entry for entry in sys.path if entry != os.getcwd()]

from melcli.version import __version__  # noqa: E402  see above

TYPE_CHECKING = False  # avoids the import of `typing`
if TYPE_CHECKING:
    from melcli.api.configs import load_config
    from melcli.api.extract import extract
    from melcli.api.features import features
    from melcli.api.open_features import open_features
    from melcli.api.report import ExtractReport, Failure
    from melcli.api.spectrogram import MelSpectrogram
    from melcli.config.config import Config
    from melcli.errors import (
        AudioError,
        ConfigError,
        MelcliError,
        NameClash,
        NoInput,
        OutputBusy,
        StorageError,
        WorkersFailing,
    )
    from melcli.mel.stream import FeatureStream
    from melcli.store.reader import Features

__all__ = [
    "MelSpectrogram",
    "FeatureStream",
    "features",
    "extract",
    "ExtractReport",
    "Failure",
    "load_config",
    "Config",
    "open_features",
    "Features",
    "MelcliError",
    "ConfigError",
    "NameClash",
    "NoInput",
    "StorageError",
    "OutputBusy",
    "WorkersFailing",
    "AudioError",
    "__version__",
]

_HOMES = {
    "MelSpectrogram": "melcli.api.spectrogram",
    "FeatureStream": "melcli.mel.stream",
    "features": "melcli.api.features",
    "extract": "melcli.api.extract",
    "ExtractReport": "melcli.api.report",
    "Failure": "melcli.api.report",
    "load_config": "melcli.api.configs",
    "Config": "melcli.config.config",
    "open_features": "melcli.api.open_features",
    "Features": "melcli.store.reader",
    "MelcliError": "melcli.errors",
    "ConfigError": "melcli.errors",
    "NameClash": "melcli.errors",
    "NoInput": "melcli.errors",
    "StorageError": "melcli.errors",
    "OutputBusy": "melcli.errors",
    "WorkersFailing": "melcli.errors",
    "AudioError": "melcli.errors",
}


if not TYPE_CHECKING:  # with it, a type checker would accept any name

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"module 'melcli' has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
