"""How long the fuzzers run: a moment with everything else, long with `-m fuzz`."""

import pytest
from hypothesis import HealthCheck, settings

_ALWAYS = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}

settings.register_profile("moment", max_examples=25, derandomize=True, database=None, **_ALWAYS)
settings.register_profile("long", max_examples=5_000, **_ALWAYS)


def pytest_configure(config: pytest.Config) -> None:
    asked = str(config.getoption("-m", default="")).split()
    settings.load_profile("long" if asked == ["fuzz"] else "moment")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/tests/fuzz/" in str(item.path):
            item.add_marker(pytest.mark.fuzz)
