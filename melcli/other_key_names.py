"""Names of other packages for the keys of a config."""

from __future__ import annotations

__all__ = ["key_of_other_name"]

_KEYS = {
    "fft_length": "n_fft nfft fft_size fft_len filter_length nperseg",
    "sequence_stride": "hop_length hop_size hop hop_len n_hop frame_step frame_shift stride win_shift winstep",
    "sequence_length": "win_length win_size win_len window_size window_length frame_length winlen",
    "window": "window_fn window_type winfunc",
    "sampling_rate": "sr sample_rate samplerate sample_frequency fs resample_rate target_sr",
    "num_mel_bins": "n_mels n_mel num_mels mel_bins n_mel_channels feature_size num_mel_filters nfilt mel_dim mel_size",
    "min_freq": "fmin f_min mel_fmin low_freq lowfreq lower_edge_hertz min_frequency freq_min",
    "max_freq": "fmax f_max mel_fmax high_freq highfreq upper_edge_hertz max_frequency freq_max",
    "mag_exp": "power exponent",
    "min_power": "amin mel_floor energy_floor",
    "ref_power": "ref reference",
    "mel_norm": "norm slaney_norm",
    "mel_scale": "htk mel_formula",
    "padding": "center snip_edges pad",
    "preemphasis": "preemph preemphasis_coefficient pre_emphasis emphasis",
    "num_ceps": "n_mfcc num_cepstra numcep n_ceps num_mfcc",
    "cepstral_lifter": "lifter ceplifter",
    "num_samples": "n_samples max_length chunk_length",
    "num_frames": "target_length max_frames",
    "power_to_db": "to_db log_mels",
}
_KEY_OF_NAME = {name: key for key, names in _KEYS.items() for name in names.split()}
# Some packages count these in milliseconds or seconds, which a number alone does not show.
_IN_SAMPLES = {"frame_shift", "frame_length", "winstep", "winlen", "chunk_length"}


def key_of_other_name(name: str) -> tuple[str, str] | None:
    """Find the key for a name that another package uses.

    Parameters
    ----------
    name : str
        For example ``hop_length`` or ``n-mels``; case, and ``-`` instead of ``_``, are ignored.

    Returns
    -------
    key, unit : str
        The key, and ``" (in samples)"`` if other packages count in other units; or None.
    """
    name = name.lower().replace("-", "_")
    key = _KEY_OF_NAME.get(name)
    return None if key is None else (key, " (in samples)" if name in _IN_SAMPLES else "")
