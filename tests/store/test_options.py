"""Section ``output`` of a config."""

import pytest

from melcli.errors import ConfigError
from melcli.store.options import OutputOptions


def test_defaults_are_those_of_the_contract():
    assert OutputOptions() == OutputOptions(format="npy", dtype="float32", shard_mb=64)


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"format": "zarr"}, "format='zarr' must be 'npy' or 'hdf5'"),
        ({"dtype": "int16"}, "dtype='int16' must be 'float32', 'float16' or 'float64'"),
        ({"shard_mb": 0}, "shard_mb=0 must be 1 or more"),
        ({"shard_mb": 1.5}, "shard_mb=1.5 must be an integer"),
        ({"shard_mb": True}, "shard_mb=true must be an integer"),
    ],
)
def test_wrong_values_are_refused_with_value_and_rule(wrong, said):
    with pytest.raises(ConfigError) as raised:
        OutputOptions(**wrong)
    assert str(raised.value) == said
    assert raised.value.key == next(iter(wrong))
