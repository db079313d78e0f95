"""Compute the features of one file or array in this process: `features`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from melcli.api.configs import as_config
from melcli.audio.array_source import ArraySource
from melcli.audio.load import AudioStream
from melcli.config.config import Config
from melcli.errors import AudioError, ConfigError
from melcli.printable import printable
from melcli.run.compute import compute_outputs
from melcli.stopwatch import Stopwatch
from melcli.store.stored_array import StoredFeatures

__all__ = ["features"]


def features(
    path_or_array: str | os.PathLike[str] | ArrayLike,
    sampling_rate: int | None = None,
    config: str | os.PathLike[str] | Config = "keras",
) -> np.ndarray:
    """Compute the features of one file or array: the same bytes as from ``melcli extract``.

    For inference with the numbers of training, pass the ``melcli.yaml`` of the OUT that the model was trained on.

    Parameters
    ----------
    path_or_array : str, path or array_like [shape=(samples,) or (samples, channels)]
        An audio file; or floating-point samples, whose full scale is +-1.0.  Integers are refused, because their full
        scale is not known: divide int16 by 32768.
    sampling_rate : int, optional
        Of the array, in Hz.  Required for an array; a file has its own.  The rate of the features is a key of the
        config.
    config : str, path or Config
        A named config, a YAML file, or what `melcli.load_config` returned, which saves reading the file at each call.

    Returns
    -------
    features : np.ndarray, of the type ``output.dtype`` of the config
        ``(features, time)``, or ``(time, features)`` with ``time_major``; with ``channels: each``, one more axis in
        front.  A long file needs the memory of its features, and about 80 MB.

    Raises
    ------
    AudioError
        The audio cannot become features; `AudioError.reason` is the reason that the manifest would have.
    ConfigError
        The config or an argument breaks a rule.
    StorageError
        The temporary folder is full, or cannot be written.

    Notes
    -----
    A crash of a decoder ends this process, and there is no limit on time or memory: for untrusted files use
    `melcli.extract`, which decodes in worker processes.

    Examples
    --------
    >>> import numpy as np
    >>> features(np.zeros(48_000), sampling_rate=48_000, config="whisper").shape
    (80, 3000)
    """
    resolved = as_config(config)
    if isinstance(path_or_array, str | bytes | os.PathLike):
        return _of_file(os.fsdecode(path_or_array), sampling_rate, resolved)
    if sampling_rate is None:
        raise ConfigError("an array needs its sampling_rate, in Hz", hint="pass sampling_rate=16000, or whatever it is")
    rate_hz, dtype = _checked(sampling_rate), resolved.features.compute_dtype
    samples = np.asarray(path_or_array)
    return _computed(lambda: ArraySource(samples, rate_hz, dtype=dtype), resolved)


def _of_file(path: str, sampling_rate: int | None, config: Config) -> np.ndarray:
    if sampling_rate is not None:
        raise ConfigError(
            f"{printable(path)}: sampling_rate={sampling_rate} is for arrays; a file has its own",
            hint="the rate of the features is a key of the config",
        )
    try:
        return _computed(lambda: path, config)
    except AudioError as error:
        raise AudioError(error.reason, f"{printable(path)}: {error.message}") from error


def _checked(sampling_rate: int) -> int:
    """Return a sampling rate as an integer; 44100.0 is one."""
    is_number = isinstance(sampling_rate, int | float | np.number) and not isinstance(sampling_rate, bool)
    if not is_number or sampling_rate % 1 != 0:
        raise ConfigError(f"sampling_rate={sampling_rate!r} must be an integer, in Hz")
    return int(sampling_rate)


def _computed(open_source: Callable[[], str | ArraySource], config: Config) -> np.ndarray:
    options = config.features

    def open_audio() -> AudioStream:
        return AudioStream(
            open_source(), config.audio, sampling_rate=options.sampling_rate, dtype=options.compute_dtype
        )

    with np.errstate(over="ignore", invalid="ignore"):  # as in a worker: what overflows is refused when it is stored
        _, outputs = compute_outputs(open_audio, config, scratch=tempfile.gettempdir(), stopwatch=Stopwatch())
        arrays = [_joined(stored) for stored in outputs]
    return np.stack(arrays) if config.audio.channels == "each" else arrays[0]


def _joined(stored: StoredFeatures) -> np.ndarray:
    """Return the chunks as one array, without a copy if there is one."""
    if len(stored.chunks) == 1:
        return stored.chunks[0]
    joined = np.empty(stored.shape, stored.dtype)
    filled = 0
    with joined.data as data, data.cast("B") as taken:
        for piece in stored.pieces():
            part = piece.cast("B")
            taken[filled : filled + len(part)] = part
            filled += len(part)
    return joined
