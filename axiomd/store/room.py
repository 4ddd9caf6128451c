"""The room of the store: how large its map is, and that it is still while anybody looks through it.

LMDB maps its file into memory. The map starts small and grows when it is full, up to a bound if
one is set, else as far as the disk goes. It may only be moved while no transaction of this
process is open, so every transaction passes the gate here, at the cost of a lock. A map that
another process has made larger is taken over in the same way.
"""

import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import lmdb

from axiomd.limits import MAP_START_BYTES, MAP_STEP_BYTES_MAX, MIB


class Room:
    """The gate before the transactions of one environment."""

    def __init__(self, environment: "lmdb.Environment", bytes_max: int) -> None:
        """bytes_max: what the map may grow to; 0 for as far as the disk goes."""
        self._environment = environment
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._inside = 0
        self._moving = False

    def begin(self, *, write: bool = False) -> "lmdb.Transaction":
        """A transaction; `end` it, whatever happens. Never begin one inside another."""
        while True:
            with self._lock:
                while self._moving:
                    self._changed.wait()
                self._inside += 1
            try:
                return self._environment.begin(write=write)
            except lmdb.MapResizedError:
                self._leave()
                self._adopt()
            except BaseException:
                self._leave()
                raise

    def end(self, transaction: "lmdb.Transaction") -> None:
        """Let go of a transaction; what it wrote is gone unless it was committed."""
        transaction.abort()
        self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._moving:
                self._changed.notify_all()

    def grow(self) -> bool:
        """Make the map larger; False if it is as large as it may be. No transaction is open."""
        with self._still():
            mine = self._size()
            self._environment.set_mapsize(0)
            theirs = self._size()
            if theirs > mine:
                # Another process has made it larger already.
                return True
            wanted = mine + min(max(mine, MIB), MAP_STEP_BYTES_MAX)
            if self._bytes_max:
                wanted = min(wanted, self._bytes_max)
            wanted -= wanted % mmap.PAGESIZE
            grows = wanted > mine and _is_to_be_had(wanted)
            # Not as it was a moment ago: what nothing was committed to, LMDB has forgotten.
            self._environment.set_mapsize(wanted if grows else mine)
        return grows

    def _size(self) -> int:
        return int(self._environment.info()["map_size"])

    def _adopt(self) -> None:
        """Take over the size that another process has given the map."""
        with self._still():
            self._environment.set_mapsize(0)

    @contextmanager
    def _still(self) -> Iterator[None]:
        """While nobody is inside, and nobody comes in."""
        with self._lock:
            while self._moving:
                self._changed.wait()
            self._moving = True
            while self._inside:
                self._changed.wait()
        try:
            yield
        finally:
            with self._lock:
                self._moving = False
                self._changed.notify_all()


class Reading:
    """One read transaction, as a context."""

    __slots__ = ("_room", "_transaction")

    def __init__(self, room: Room) -> None:
        self._room = room

    def __enter__(self) -> "lmdb.Transaction":
        self._transaction = self._room.begin()
        return self._transaction

    def __exit__(self, *_: object) -> None:
        self._room.end(self._transaction)


def first_size(bytes_max: int) -> int:
    """How large a map is opened; a file that is larger already is mapped whole in any case."""
    return min(bytes_max, MAP_START_BYTES) if bytes_max else MAP_START_BYTES


def _is_to_be_had(size: int) -> bool:
    """Whether this process has so much address space left: LMDB does not survive if it has not."""
    try:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ).close()
    except (OSError, OverflowError):
        return False
    return True
