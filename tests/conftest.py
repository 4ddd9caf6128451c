"""What every test can have: quiet logs and a world of its own.

Modules for tests live in `tests/worlds` (a box in a directory, its disk, its node code, the
invariants of its store) and `tests/contract` (what runners share).
"""

import logging

import pytest
import structlog
from worlds.box import World

LONGEST = (
    *("test_power_cuts", "test_soak", "test_kill", "test_language_model", "test_console"),
    *("test_accessible", "test_stream_kills", "test_tries_again", "test_webhook_cuts"),
    *("test_against_oracle", "test_large_outputs", "test_look", "test_execution_page"),
)
"""Files that begin first, so that no worker is left alone with one at the end."""

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def pytest_collection_modifyitems(items):
    """In their own order, but the longest files first."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.fixture
def make_world(tmp_path):
    """Worlds of one story or several, each in a directory of its own."""

    def make(*stories, seed=0):
        made.append(World(tmp_path / str(len(made)), stories, seed))
        return made[-1]

    made = []
    return make
