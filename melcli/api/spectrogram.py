"""`melcli.MelSpectrogram`: the mel core with the named configs."""

from __future__ import annotations

import inspect
import os
from typing import Any, Self

from melcli.api.configs import load_config
from melcli.mel import spectrogram
from melcli.mel.options import FeatureOptions
from melcli.options import to_plain

__all__ = ["MelSpectrogram"]


class MelSpectrogram(spectrogram.MelSpectrogram):
    """Mel spectrogram of signals, by the arguments of ``keras.layers.MelSpectrogram`` and those of other front ends.

    The first 13 parameters are Keras's, and can be given by position; the others by name only.  Two instances are equal
    if all their parameters are.  An instance can be pickled, and several threads can use it.

    Parameters
    ----------
    {parameters}

    Raises
    ------
    ConfigError
        An unknown key, or a value against the rules; it is a `ValueError` too.

    Examples
    --------
    >>> import numpy as np
    >>> mel = MelSpectrogram(num_mel_bins=80, sampling_rate=8000, sequence_stride=128)
    >>> mel(np.zeros(16000)).shape
    (80, 126)
    >>> MelSpectrogram.from_named("whisper")(np.zeros(16000)).shape
    (80, 3000)
    """

    @classmethod
    def from_named(cls, name_or_path: str | os.PathLike[str], **keys: Any) -> Self:
        """Make an instance from the section ``features`` of a config.

        Signals must have the config's ``sampling_rate``, and the rest of the config is not used: `melcli.features`
        also reads, mixes and resamples.

        Parameters
        ----------
        name_or_path : str or path
            A named config or a YAML file; see `melcli.load_config`.
        **keys
            Keys with other values.

        Returns
        -------
        spectrogram : MelSpectrogram
            With the keys of the config.

        Raises
        ------
        ConfigError
            There is no such config, or a key or value breaks a rule.

        Examples
        --------
        >>> MelSpectrogram.from_named("whisper", num_mel_bins=128).options.num_mel_bins
        128
        """
        return cls(**to_plain(load_config(name_or_path, **keys).features))


def _described() -> str:
    """Return the parameters as `FeatureOptions` describes them, so that they are described once."""
    described = inspect.cleandoc(FeatureOptions.__doc__ or "")  # None under -OO
    return described[described.find("fft_length :") :]


# Cleaned, because Python itself takes the indentation off from 3.13 on.
MelSpectrogram.__doc__ = f"{inspect.cleandoc(MelSpectrogram.__doc__ or '')}\n".replace("{parameters}", _described())
