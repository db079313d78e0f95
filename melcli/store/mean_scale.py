"""Mean and scale in HDF5, as ParallelWaveGAN's ``compute_statistics`` writes them to ``stats.h5``."""

from __future__ import annotations

import io

import numpy as np

__all__ = ["encode_mean_scale"]


def encode_mean_scale(mean: np.ndarray, scale: np.ndarray) -> bytes:
    """Return an HDF5 file with the datasets ``mean`` and ``scale``.

    Parameters
    ----------
    mean, scale : np.ndarray [shape=(features,)]
    """
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w") as opened:
        opened.create_dataset("mean", data=mean)
        opened.create_dataset("scale", data=scale)
    return file.getvalue()
