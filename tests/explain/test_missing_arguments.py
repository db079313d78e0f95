"""What the calls of other libraries are told apart by; tests/explain/test_library_calls.py has the calls themselves."""

import pytest

from melcli.explain.missing_arguments import milliseconds, power_of_two
from melcli.mel.options import FeatureOptions


@pytest.mark.parametrize("length, power", [(1, 1), (2, 2), (3, 4), (400, 512), (512, 512), (513, 1024)])
def test_the_next_power_of_two_is_not_below(length, power):
    assert power_of_two(length) == power


def test_milliseconds_are_of_the_sampling_rate():
    assert milliseconds(400, FeatureOptions()) == 25.0
    assert milliseconds(441, FeatureOptions(sampling_rate=44_100)) == 10.0
