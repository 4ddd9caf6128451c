"""Boxes of their own for tests that kill, stop and starve them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from box import Box, running
from lab import package

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


def prepare(box: Box) -> None:
    """Push the package."""
    with box.client() as user:
        pushed = user.push(package())
        assert pushed.status_code == 201, pushed.text


def compiled(box: Box, document: Mapping[str, Any]) -> str:
    """The artifact of a flow."""
    with box.client() as user:
        return user.compile(document)
