"""Mel spectrograms of a folder with Keras in tf.data: python keras_script.py IN OUT JOBS."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import sys
from pathlib import Path

import keras
import numpy as np
import soundfile
import tensorflow as tf

SAMPLING_RATE, FFT_LENGTH, STRIDE, MELS = 16_000, 2048, 512, 128


def read(path: bytes) -> np.ndarray:
    samples, sampling_rate = soundfile.read(path.decode(), dtype="float32")
    assert sampling_rate == SAMPLING_RATE  # noqa: S101  never run with -O
    return samples


def main(folder: Path, out: Path, jobs: int) -> None:
    out.mkdir(parents=True)
    tf.config.threading.set_intra_op_parallelism_threads(jobs)
    layer = keras.layers.MelSpectrogram(
        fft_length=FFT_LENGTH, sequence_stride=STRIDE, num_mel_bins=MELS, sampling_rate=SAMPLING_RATE
    )

    def load(path: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.numpy_function(read, [path], tf.float32), [None])

    paths = sorted(folder.iterdir())
    features = (
        tf.data.Dataset.from_tensor_slices([str(path) for path in paths])
        .map(load, num_parallel_calls=jobs)
        .map(layer, num_parallel_calls=jobs)
        .prefetch(tf.data.AUTOTUNE)
    )
    for path, mel in zip(paths, features.as_numpy_iterator(), strict=True):
        np.save(out / f"{path.stem}.npy", mel)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
