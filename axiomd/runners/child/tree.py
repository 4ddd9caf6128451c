"""The processes that node code starts: whose they are, and their end.

Whatever a node process starts and lets go of, in a session of its own or not, becomes its child
again (it is a subreaper), and the zygote's when it dies. So the zygote's children that it did not
fork itself are what dead node processes have left behind.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import time
from typing import Iterator  # noqa: UP035 (Python 3.8)

from . import kernel

PAUSE_S = 0.0005
"""Seconds that the kernel gets to end what was killed."""
STRAYS_S = 1.0
"""Seconds for which strays are killed while more appear."""


def adopt_strays() -> None:
    """Become the parent of what descendants of this process let go of."""
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1, "subreaper")


def kill_strays(known: set[int]) -> bool:
    """Kill and reap the children that are not known, and theirs; whether none is left."""
    deadline = time.monotonic() + STRAYS_S
    while True:
        strays = children() - known
        if not strays:
            return True
        if time.monotonic() > deadline:
            return False
        for pid in strays:
            os.kill(pid, signal.SIGKILL)
        time.sleep(PAUSE_S)
        for pid in strays:
            os.waitpid(pid, os.WNOHANG)


def children() -> set[int]:
    """The children of this process, which has one thread; those that wait to be reaped too."""
    try:
        text = pathlib.Path("/proc/thread-self/children").read_text()
        return {int(pid) for pid in text.split()}
    except FileNotFoundError:
        return set(_search_children())


def _search_children() -> Iterator[int]:
    """The same where the kernel keeps no such list."""
    mine = str(os.getpid())
    for process in pathlib.Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                if (process / "stat").read_text().rpartition(")")[2].split()[1] == mine:
                    yield int(process.name)
