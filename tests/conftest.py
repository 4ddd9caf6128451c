"""What every test can have: quiet logs and a world of its own.

Modules for tests live in `tests/worlds` (a box in a directory, its disk, its node code, the
invariants of its store) and `tests/contract` (what runners share).
"""

import logging

import pytest
import structlog
from worlds.box import World

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


@pytest.fixture
def make_world(tmp_path):
    """Worlds of one story or several, each in a directory of its own."""

    def make(*stories, seed=0):
        made.append(World(tmp_path / str(len(made)), stories, seed))
        return made[-1]

    made = []
    return make
