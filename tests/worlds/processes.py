"""Processes as tests see them: who is alive, who descends from whom, and under which number.

Node code may have a namespace of processes to itself; the number that it knows of a process is
then not the one that the machine has for it.
"""

import os
from collections.abc import Iterator
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def below(pid: int) -> Iterator[int]:
    """The descendants of a process."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for t in threads for child in (t / "children").read_text().split()]
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from below(child)


def own_number(pid: int) -> int:
    """The number that a process has for itself; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[-1]) for line in lines if line.startswith("NSpid:"))


def find_process(number: int, ancestor: int | None = None) -> int:
    """The descendant that has this number for itself; 0 if there is none.

    ancestor: whose; if not given, that of any runner in this very process. A server of another
    test has processes with the same numbers.
    """
    found = below_own_runners() if ancestor is None else below(ancestor)
    return next((pid for pid in found if own_number(pid) == number), 0) if number else 0


def below_own_runners() -> Iterator[int]:
    """The zygotes that this process has started, and their descendants."""
    mine = os.getpid()
    for pid in list(below(mine)):
        if parent_of(pid) == mine and b"child/start.py" in command_of(pid):
            yield pid
            yield from below(pid)


def parent_of(pid: int) -> int:
    """The process that a process is the child of; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def command_of(pid: int) -> bytes:
    """What a process was started with."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
