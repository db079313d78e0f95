"""An OUT that is not there yet, and each store in turn."""

import pytest

from tests.store.stores import STORES


@pytest.fixture
def out(tmp_path):
    return str(tmp_path / "out")


@pytest.fixture(params=STORES.values(), ids=STORES.keys())
def store(request):
    return request.param
