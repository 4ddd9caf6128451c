"""What every test of the runner contract shares."""

import pytest
from node_package import install


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """Two packages of node code on disk, the way a push leaves them; never changed by a test."""
    return install(tmp_path_factory.mktemp("packages"), "d1", "d2")
