"""What a row must be: all that a run writes is right, and one thing that is changed is named."""

import json

import pytest

from melcli.errors import REASONS
from melcli.store.row_validity import STORED_TYPES, fault_of_row
from melcli.store.rows import row_of
from tests.store.rows import ODD_IDS, make_row


def plain(id="a", **known):
    return json.loads(make_row(id, **known).to_json())


def fault(row):
    try:
        return fault_of_row(row_of(row))
    except ValueError as error:
        return str(error)


FAILED = {"status": "failed", "reason": "empty", "message": "no sample"}


def test_what_a_run_writes_is_right():
    rows = [
        *map(plain, ODD_IDS),
        *(plain(dtype=dtype) for dtype in STORED_TYPES),
        *(plain(**{**FAILED, "reason": reason}) for reason in REASONS),
        plain("a.ch12", channel=12),
        plain(path="features-00000.h5", start=0),
        plain(**FAILED, source_size=-1, source_mtime_ns=-5),
        plain(flags=("silent",), source_mtime_ns=-1, min=-1e308, max=1e308),
    ]
    assert [fault(row) for row in rows] == [""] * len(rows)


@pytest.mark.parametrize(
    "known, changed, words",
    [
        ({}, {"id": ""}, 'its id is ""'),
        ({}, {"id": "\ud800", "path": "\ud800.npy"}, "its id is"),
        ({}, {"source": "x\0"}, "its source is"),
        ({}, {"source_size": -2}, "its source_size is -2"),
        ({}, {"flags": [1]}, "its flags is [1]"),
        ({}, {"status": "fine", "reason": "empty", "message": ""}, 'its status is "fine"'),
        ({}, {"min": float("inf")}, "its min is inf"),
        ({}, {"max": float("nan")}, "its max is nan"),
        ({}, {"duration": float("inf")}, "its duration is inf"),
        ({}, {"num_samples": 1 << 70}, "its num_samples is"),
        ({}, {"num_frames": 1 << 62}, "exceed the maximum size of a file"),
        ({}, {"output_size": 1 << 62}, "exceed the maximum size of a file"),
        ({}, {"channel": 0}, "its channel is 0"),
        ({}, {"channel": -1, "id": "a.ch-1", "path": "a.ch-1.npy"}, "its channel is -1"),
        ({}, {"path": "b.npy"}, "not where melcli stores its output"),
        ({}, {"id": "../a", "path": "../a.npy"}, "not where melcli stores its output"),
        ({}, {"path": "features-1000000000000.h5", "start": 0}, "not where melcli stores its output"),
        ({}, {"dtype": "object"}, "its dtype or crc32 is invalid"),
        (FAILED, {"reason": "bored"}, 'its reason is "bored"'),
    ],
)
def test_what_no_run_writes_is_named(known, changed, words):
    assert words in fault({**plain(**known), **changed})
