"""What one call may take of the machine: memory and processor time, set before it and reset after.

The limits are soft ones: they stop accidents, and code that means harm can raise them again. With
`hard` it cannot, and the process serves no other call afterwards.

Memory is RLIMIT_DATA: the private, writable memory of the process, which is what a program
allocates. RLIMIT_AS would also count address space that is merely reserved, tens of gigabytes for
some libraries. Memory that processes share and files in memory are not counted.
"""

from __future__ import annotations

import math
import resource

MIB = 1024 * 1024
OPEN_FILES = 1024
"""Files a node process may have open; it may raise that itself, as any program may."""


class Limits:
    """The bounds of a placement's calls; 0 for none. Entered for each call."""

    def __init__(self, memory_mib: int, cpu_seconds: int, hard: bool) -> None:
        self.memory_mib, self._cpu_seconds, self._hard = memory_mib, cpu_seconds, hard
        self._before: list[tuple[int, int]] = []

    def __enter__(self) -> None:
        if self.memory_mib:
            self._set(resource.RLIMIT_DATA, self.memory_mib * MIB)
        if self._cpu_seconds:
            # Counted over the life of a process, in whole seconds; SIGXCPU ends it.
            usage = resource.getrusage(resource.RUSAGE_SELF)
            used = math.ceil(usage.ru_utime + usage.ru_stime)
            # At a hard limit it would be SIGKILL, which could be anybody's.
            self._set(resource.RLIMIT_CPU, used + self._cpu_seconds, 1)

    def __exit__(self, *failure: object) -> None:
        while self._before:
            kind, soft = self._before.pop()
            _, hard = resource.getrlimit(kind)
            resource.setrlimit(kind, (_least(soft, hard), hard))

    def _set(self, kind: int, value: int, room: int = 0) -> None:
        soft, hard = resource.getrlimit(kind)
        least = _least(value, hard)
        resource.setrlimit(kind, (least, _least(value + room, hard) if self._hard else hard))
        self._before.append((kind, soft))


def _least(soft: int, hard: int) -> int:
    infinite = resource.RLIM_INFINITY
    return hard if soft == infinite or (hard != infinite and soft > hard) else soft


def bound_files() -> None:
    """Give this process the usual number of open files, and no core files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_least(OPEN_FILES, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
