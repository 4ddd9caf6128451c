"""How worn a node process is: the calls it has run, and the memory it has gathered over them.

Memory is looked at after the first call, and then the more rarely the less it grows.
"""

import mmap
import os

from axiomd.limits import MIB

LOOK_EVERY_MAX = 16
"""Calls between two looks at most, so that a sudden growth is seen soon."""


class Wear:
    """The wear of one process."""

    def __init__(self, pid: int) -> None:
        self._statm = f"/proc/{pid}/statm"
        self.calls = 0
        """Calls it was given."""
        self._first_pages = -1
        self._look_at = 1
        self._every = 1

    def is_out(self, calls_max: int, growth_mib_max: int) -> bool:
        """Whether it should be replaced; to be asked when a call in it has ended."""
        if self.calls >= calls_max:
            return True
        return self.calls >= self._look_at and self._has_grown(growth_mib_max * MIB)

    def _has_grown(self, bytes_max: int) -> bool:
        pages = self._pages()
        if self._first_pages < 0:
            self._first_pages = pages
        grown = (pages - self._first_pages) * mmap.PAGESIZE
        self._every = 1 if grown > bytes_max / 2 else min(2 * self._every, LOOK_EVERY_MAX)
        self._look_at = self.calls + self._every
        return grown > bytes_max

    def _pages(self) -> int:
        try:
            # Without Python's buffers: this is on the way of calls.
            fd = os.open(self._statm, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            # Dead: whoever holds it finds out.
            return 0
        try:
            return int(os.read(fd, 256).split()[1])
        except (OSError, IndexError):
            return 0
        finally:
            os.close(fd)
