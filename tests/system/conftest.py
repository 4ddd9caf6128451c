"""Boxes of their own for tests that kill, stop and starve them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from system.box import Box, User, running
from system.lab import prepare

OpenBox = Callable[..., Box]


@pytest.fixture
def open_box(tmp_path: Path) -> Iterator[OpenBox]:
    """Starts boxes below the test's directory, with the package pushed."""
    with ExitStack() as stack:

        def start(name: str = "data", **settings: Any) -> Box:
            box = stack.enter_context(running(tmp_path / name, **settings))
            prepare(box)
            return box

        yield start


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """A box of the test's own, with the package pushed; some files have another one."""
    with running(tmp_path / "data") as box:
        prepare(box)
        yield box


@pytest.fixture
def user(box: Box) -> Iterator[User]:
    with box.client() as user:
        yield user
