"""Files with means and deviations, as each program writes them, and damaged ones."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.errors import ConfigError
from melcli.normalizers.kaldi_matrices import encode_matrices, read_matrices
from melcli.normalizers.normalizer import Normalizer
from melcli.normalizers.reading import read_normalizers
from tests.messages import names

FRAMES = np.random.default_rng(0).normal([1.0, -2.0, 30.0], [1.0, 0.5, 4.0], (200, 3))
COUNT, SUM, SQUARES = len(FRAMES), FRAMES.sum(axis=0), np.square(FRAMES).sum(axis=0)
KALDI = np.stack([np.append(SUM, COUNT), np.append(SQUARES, 0.0)])


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def text_matrix(matrix: np.ndarray) -> str:
    return "[\n" + "\n".join("  " + " ".join(repr(float(number)) for number in row) for row in matrix) + " ]\n"


def network(mean: np.ndarray, std: np.ndarray) -> str:
    shifts, factors = (" ".join(repr(float(number)) for number in numbers) for numbers in (-mean, 1 / std))
    return (
        "<Nnet>\n<Splice> 3 3\n[ 0 ]\n"
        f"<AddShift> 3 3\n<LearnRateCoef> 0 [ {shifts} ]\n"
        f"<Rescale> 3 3\n<LearnRateCoef> 0 [ {factors} ]\n</Nnet>\n"
    )


MEAN, STD = FRAMES.mean(axis=0), FRAMES.std(axis=0)
FILES: dict[str, bytes] = {
    "own.npz": npz(mean=MEAN, std=STD, variance=STD**2, min=MEAN, config_id="0123456789abcdef"),
    "variance.npz": npz(mean=MEAN, var=STD**2),
    "espnet.npz": npz(count=COUNT, sum=SUM, sum_square=SQUARES),
    "parallel_wavegan.npy": npy(np.stack([MEAN, STD])),
    "espnet.npy": npy(KALDI),
    "own.json": json.dumps({"mean": MEAN.tolist(), "std": STD.tolist()}).encode(),
    "wenet.json": json.dumps({"mean_stat": SUM.tolist(), "var_stat": SQUARES.tolist(), "frame_num": COUNT}).encode(),
    "cmvn.ark": encode_matrices({"global": KALDI}),
    "global_cmvn": encode_matrices({"": KALDI})[1:],
    "float.ark": b"all \0BFM " + struct.pack("<bibi", 4, 2, 4, 4) + KALDI.astype("<f4").tobytes(),
    "text.ark": f"speaker {text_matrix(KALDI)}".encode(),
    "global_cmvn.txt": f" {text_matrix(KALDI)}".encode(),
    "am.mvn": network(MEAN, STD).encode(),
}


@pytest.mark.parametrize("name", FILES)
def test_each_kind_of_file_has_the_same_numbers(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    found = read_normalizers(tmp_path / name).single()
    np.testing.assert_allclose(found.mean, MEAN, rtol=1e-5)
    np.testing.assert_allclose(found.std, STD, rtol=1e-4)


def test_one_number_for_all_features_is_read(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('{"mean": -4.5, "std": 2}')
    assert read_normalizers(tmp_path / "one.json").single() == Normalizer(mean=(-4.5,), std=(2.0,))


def test_repeated_values_of_stacked_frames_are_read_once(tmp_path: Path) -> None:
    """FunASR's am.mvn has 560 values: 80 mels, seven times."""
    rng = np.random.default_rng(0)
    mean, std = rng.normal(12, 2, 80), rng.uniform(5, 7, 80)
    (tmp_path / "am.mvn").write_text(network(np.tile(mean, 7), np.tile(std, 7)))
    found = read_normalizers(tmp_path / "am.mvn").single()
    np.testing.assert_allclose(found.mean, mean)
    np.testing.assert_allclose(found.std, std)
    shifted = np.tile(mean, 7)
    shifted[300] += 1e-6
    (tmp_path / "am.mvn").write_text(network(shifted, np.tile(std, 7)))
    assert len(read_normalizers(tmp_path / "am.mvn").single().mean) == 560


def test_several_speakers_are_groups_and_not_one_normalizer(tmp_path: Path) -> None:
    (tmp_path / "cmvn.ark").write_bytes(encode_matrices({"s1": KALDI, "s2": 2 * KALDI}))
    found = read_normalizers(tmp_path / "cmvn.ark")
    assert list(found.groups) == ["s1", "s2"]
    np.testing.assert_allclose(found.groups["s2"].mean, MEAN)
    with pytest.raises(ConfigError) as caught:
        found.single()
    assert names(caught.value, "2", "s1", "s2")


def test_a_constant_feature_becomes_0(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(npz(count=100, sum=[-1151.2925, 0.0], sum_square=[13254.744208, 0.0]))
    found = read_normalizers(tmp_path / "a.npz").single()
    assert found.std[1] == 1.0


def test_matrices_come_back_as_they_were() -> None:
    matrices = {"a": KALDI, "b/c": np.zeros((2, 0)), "ü": np.ones((1, 1))}
    found = read_matrices(encode_matrices(matrices))
    assert list(found) == list(matrices)
    for key, matrix in matrices.items():
        np.testing.assert_array_equal(found[key], matrix)


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("a.npz", b"PK", ("not a file of arrays",)),
        ("a.npz", npz(weights=MEAN), ("no mean and std", "weights")),
        ("a.npz", npz(mean=MEAN), ("a mean, but no std",)),
        ("a.npz", npz(mean=MEAN, std=STD[:2]), ("3 means", "2")),
        ("a.npz", npz(mean=MEAN, std=-STD), ("must be above 0",)),
        ("a.npz", npz(mean=[np.nan], std=[1.0]), ("not finite",)),
        ("a.npz", npz(count=0, sum=SUM, sum_square=SQUARES), ("count of 0",)),
        ("a.npz", npz(count=COUNT, sum=10 * SUM, sum_square=SQUARES), ("sum of squares",)),
        ("a.npy", npy(MEAN), ("(3,)", "(2, features)")),
        ("a.npy", npy(np.array([object()])), ("objects",)),
        ("a.npy", npy(MEAN)[:-1], ("not an array",)),
        ("a.json", b"[1]", ("not a JSON object",)),
        ("a.json", b'{"mean": [[1], [2, 3]], "std": 1}', ("not a list of numbers",)),
        ("a.json", b"[" * 100_000, ("not JSON",)),
        ("a.ark", b"", ("no matrix",)),
        ("a.ark", b"k \0BCM 1234", ("CM",)),
        ("a.ark", FILES["cmvn.ark"][:-1], ("ends inside",)),
        ("a.ark", b"k \0BDM " + struct.pack("<bibi", 4, 2**31 - 1, 4, 2**31 - 1), ("ends inside",)),
        ("a.ark", 2 * FILES["cmvn.ark"], ("global", "twice")),
        ("a.ark", encode_matrices({"k": FRAMES}), ("(200, 3)", "compute-cmvn-stats")),
        ("a.txt", b"some text", ("not a matrix",)),
        ("a.txt", b"k [ 1 x ]", ("not a number",)),
        ("am.mvn", b"<Nnet> <AddShift> 3 3 [ 1 2 3 ] </Nnet>", ("Rescale",)),
        ("am.mvn", network(MEAN, STD).replace("0 [ ", "0 [ x ").encode(), ("not a number",)),
    ],
)
def test_a_file_without_such_numbers_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, words: tuple[str, ...]
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_normalizers(path)
    assert names(caught.value, f"{path}: ", *words)
    assert len(str(caught.value).splitlines()) == 1


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mean.npy", bytes(100_000_000))
    with pytest.raises(ConfigError, match="take more than"):
        read_normalizers(tmp_path / "a.npz")


def test_a_file_that_is_missing_or_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "no.npz", tmp_path, Path("/dev/zero")):
        with pytest.raises(ConfigError) as caught:
            read_normalizers(path)
        assert names(caught.value, f"{path}: ", "cannot be read")


@given(st.sampled_from(sorted(FILES)), st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, name: str, data: Any) -> None:
    content = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        found = read_normalizers(path)
    except ConfigError:
        return
    assert found.total is not None or found.groups


@pytest.mark.parametrize("time_axis", [0, 1])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_features_become_normalized_in_float64(time_axis: int, dtype: str) -> None:
    features = FRAMES.astype(dtype)
    array = features if time_axis == 0 else np.ascontiguousarray(features.T)
    found = Normalizer(mean=tuple(MEAN), std=tuple(STD)).apply(array, time_axis)
    assert found.dtype == dtype
    expected = ((features.astype(np.float64) - MEAN) / STD).astype(dtype)
    np.testing.assert_array_equal(found if time_axis == 0 else found.T, expected)


def test_other_numbers_of_features_are_refused() -> None:
    with pytest.raises(ConfigError, match="3 means do not fit 200"):
        Normalizer(mean=tuple(MEAN), std=tuple(STD)).apply(FRAMES, 1)
