"""An OUT that is empty, and each store in turn."""

import pytest

from tests.store.stores import STORES


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return str(tmp_path / "out")


@pytest.fixture(params=list(STORES.values()), ids=list(STORES))
def store(request):
    return request.param
