"""How commands follow the building of a package's environment, and build one for its tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from axiomd.authoring.requirements import Requirements
from axiomd.cli.client import Client
from axiomd.cli.output import stderr
from axiomd.cli.streams import resumed
from axiomd.runners.build_process import BuildLog, build_now
from axiomd.settings import from_process


class BuildDisplay:
    """What a build says, line by line on stderr, with a bar for the present download."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bar = progress.add_task("environment", total=None)

    def line(self, text: str) -> None:
        """One line of the build's log."""
        self._progress.console.print(Text(text, "dim"), soft_wrap=True)
        self._progress.update(self._bar, completed=0, total=None)

    def download(self, done: int, total: int) -> None:
        """How much of the present download is here."""
        self._progress.update(self._bar, completed=done, total=total)


@contextmanager
def build_display() -> Iterator[BuildDisplay]:
    """A display, gone at the end but for its lines."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr(), transient=True) as progress:
        yield BuildDisplay(progress)


def follow_build(client: Client, package: str, version: str) -> Any:
    """Show the build of a pushed package to its end; how the environment stands then."""
    path = f"/app/v1/packages/{package}/{version}/environment"
    with build_display() as display:
        # Only the closing event ends a stream; whatever else does is a loss.
        for event in resumed(client, path, {}, lambda: False):
            if event.data.get("is_final"):
                return event.data["environment"]
            if "progress" in event.data:
                told = event.data["progress"]
                display.download(told["bytes_done"], told["bytes_total"])
            else:
                display.line(event.data["text"])
    raise AssertionError("a stream ends with its closing event or raises")


def interpreter_for(requirements: Requirements) -> Path:
    """The Python of an environment in the user's cache, built if it is not there yet.

    Raises EnvironmentFailed with pip's words.
    """
    root = Path(platformdirs.user_cache_dir("axiomd", appauthor=False)) / "environments"
    settings = from_process(None, {}).environments
    with build_display() as display:
        return build_now(root, requirements, settings, _teller(display))


def _teller(display: BuildDisplay) -> Callable[[BuildLog], None]:
    shown = 0

    def tell(log: BuildLog) -> None:
        nonlocal shown
        for line in log.after(shown):
            display.line(line.text)
            shown = line.seq + 1
        if log.progress is not None:
            display.download(log.progress.bytes_done, log.progress.bytes_total)

    return tell
