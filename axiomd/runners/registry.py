"""The runners of this box by name, and how long they live.

A new kind of runner is one file beside this one and one row here.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from axiomd.measures import Measures
from axiomd.runners.base import Runner
from axiomd.runners.inline import InlineRunner
from axiomd.runners.pool import Packages
from axiomd.runners.process import open_process_runner
from axiomd.settings import RunnerSettings

Runners = Mapping[str, Runner]
"""What `Placement.runner` names."""


@asynccontextmanager
async def open_runners(
    settings: RunnerSettings,
    packages: Packages,
    nodes_lock_fd: int = -1,
    *,
    payload_bytes_max: int,
    data_dir: Path,
    measures: Measures | None = None,
) -> AsyncIterator[Runners]:
    """Every runner; when the context is left, nothing of theirs is running any more."""
    async with open_process_runner(
        settings,
        packages,
        nodes_lock_fd=nodes_lock_fd,
        payload_bytes_max=payload_bytes_max,
        data_dir=data_dir,
        measures=measures,
    ) as process:
        yield {"process": process, "inline": InlineRunner()}
