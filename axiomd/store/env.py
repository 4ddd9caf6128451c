"""Opening the LMDB environment: its tables, its format version, and who may have it.

Two processes may have the store open: the server, which holds `axiomd.lock` for its lifetime,
and a short command beside it (`axiomd keys create`). LMDB's own write lock orders their commits.
"""

import errno
import fcntl
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import attrs
import lmdb

from axiomd.disk import says_no_room
from axiomd.errors import DataDirBusy, NotFound, StoreFailed, StoreFull
from axiomd.limits import COMMIT_BATCH_BYTES_MAX
from axiomd.settings import StoreSettings
from axiomd.store.keys import META, TABLES
from axiomd.store.room import Reading, Room, first_size

T = TypeVar("T")

FORMAT = 5
"""Version of the layout in `keys.py`; an older store is upgraded, a newer one refused."""

FORMAT_KEY = b"format"
_BOOTS_KEY = b"boots"
_URL_KEY = b"url"
_READERS_MAX = 512
_ROOM_BYTES_MIN = 2 * COMMIT_BATCH_BYTES_MAX
"""A file that may grow by less has run into the end of its disk."""

Upgrade = Callable[["Store", int, int], None]
"""Brings a store from the first format to the second."""


@attrs.frozen(eq=False)
class Store:
    """An open environment with its tables."""

    environment: "lmdb.Environment"
    tables: dict[str, "lmdb._Database"]
    room: Room

    def read(self) -> Reading:
        """A snapshot, as a context. Never awaited in: a reader held open makes the file grow.

        Never opened inside another, either: the map could not be moved between the two.
        """
        return Reading(self.room)

    def transact(self, body: Callable[["lmdb.Transaction"], T]) -> T:
        """The one write transaction, in which `body` runs; committed and on disk on return.

        A full map grows, and `body` runs again from its beginning: it must leave nothing behind
        but what it writes. Raises StoreFull when the disk has no room, or the map may not grow:
        then nothing was written.
        """
        while True:
            try:
                return self._transact(body)
            except lmdb.MapFullError as failure:
                if not self.room.grow():
                    raise StoreFull(f"The store cannot grow: {failure}") from failure

    def _transact(self, body: Callable[["lmdb.Transaction"], T]) -> T:
        try:
            transaction = self.room.begin(write=True)
            try:
                result = body(transaction)
                transaction.commit()
            finally:
                self.room.end(transaction)
        except lmdb.MapFullError:
            raise
        except lmdb.DiskError as failure:
            raise StoreFull(f"The store cannot grow: {failure}") from failure
        except lmdb.Error as failure:
            # LMDB tells most of its troubles with the disk by their text only.
            if says_no_room(str(failure)) or (_cut_short(failure) and not self._may_grow()):
                raise StoreFull(f"The store cannot grow: {failure}") from failure
            raise StoreFailed(str(failure)) from failure
        return result

    def _may_grow(self) -> bool:
        """Whether the file could take a batch more, by the disk and by the process's limit."""
        file = Path(self.environment.path()) / "data.mdb"
        disk = os.statvfs(file)
        size_max, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
        room = disk.f_bavail * disk.f_frsize
        if size_max != resource.RLIM_INFINITY:
            room = min(room, size_max - file.stat().st_size)
        return room >= _ROOM_BYTES_MIN


def get(transaction: "lmdb.Transaction", key: bytes, table: "lmdb._Database") -> bytes | None:
    """The value of a key, or None."""
    value = transaction.get(key, db=table)
    assert value is None or isinstance(value, bytes), "transactions here are opened unbuffered"
    return value


@contextmanager
def open_store(
    settings: StoreSettings,
    directory: Path,
    *,
    read_only: bool = False,
    upgrade: Upgrade | None = None,
) -> Iterator[Store]:
    """The store in `directory`, made if it is new.

    read_only: to look only, which needs no room on the disk; NotFound if there is no store.
    upgrade: what brings an older store to this format; for whoever holds the data directory.
    Raises StoreFailed if it is of another format or cannot be opened.
    """
    path = directory / "store"
    if read_only and not (path / "data.mdb").is_file():
        raise NotFound(f"There is no axiomd store in {directory}.")
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        environment = lmdb.open(
            str(path),
            map_size=first_size(settings.map_size_bytes),
            max_dbs=len(TABLES),
            max_readers=_READERS_MAX,
            sync=settings.sync,
            metasync=settings.sync,
            meminit=False,
            readonly=read_only,
        )
    except lmdb.Error as failure:
        raise StoreFailed(f"The store in {path} cannot be opened: {failure}") from failure
    try:
        environment.reader_check()
        yield _open_tables(environment, Room(environment, settings.map_size_bytes), upgrade)
    finally:
        environment.close()


def _open_tables(environment: "lmdb.Environment", room: Room, upgrade: Upgrade | None) -> Store:
    """The store with all its tables, its format checked before any but the first is touched."""
    try:
        meta = environment.open_db(META.encode())
        found = _read_format(Store(environment, {META: meta}, room))
        if found > FORMAT or (found < FORMAT and upgrade is None):
            raise StoreFailed(_OTHER_FORMAT[found < FORMAT].format(found, FORMAT))
        tables = {name: environment.open_db(name.encode()) for name in TABLES}
    except lmdb.Error as failure:
        path = environment.path()
        raise StoreFailed(f"The store in {path} cannot be opened: {failure}") from failure
    store = Store(environment, tables, room)
    if found < FORMAT and upgrade is not None:
        upgrade(store, found, FORMAT)
    return store


_OTHER_FORMAT = (
    "The store has format {}, which a newer axiomd wrote: this one reads format {} and changed "
    "nothing. Start it with that version, or with a backup from before.",
    "The store has format {}, this axiomd reads format {}: `axiomd serve` brings it there.",
)
"""Said of a newer store, and of an older one."""


def stored_format(directory: Path) -> int | None:
    """The format of the store in a data directory, whatever it is; None if there is no store.

    Changes nothing. Raises StoreFailed if what is there is no store of ours.
    """
    path = directory / "store"
    # A start that was killed in its first instant leaves an empty file, which the next one fills.
    if not (path / "data.mdb").is_file() or not (path / "data.mdb").stat().st_size:
        return None
    try:
        with lmdb.open(str(path), max_dbs=1, readonly=True, lock=False) as environment:
            try:
                meta = environment.open_db(META.encode(), create=False)
            except lmdb.NotFoundError:
                return None
            with environment.begin(meta) as transaction:
                found = transaction.get(FORMAT_KEY)
            return int(found) if found is not None else None
    except (lmdb.Error, ValueError) as failure:
        raise StoreFailed(f"The store in {path} cannot be opened: {failure}") from failure


@contextmanager
def lock_data_dir(directory: Path) -> Iterator[None]:
    """Hold the data directory for one server.

    Raises DataDirBusy, naming the process, if another server has it.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(directory / "axiomd.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise DataDirBusy(
                f"Another axiomd (process {owner}) is running on {directory}. "
                "Stop it, or choose another directory with --data-dir."
            ) from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def count_boot(store: Store) -> int:
    """Record that a server started on this store, and say how often that has happened."""

    def count(transaction: "lmdb.Transaction") -> int:
        meta = store.tables[META]
        boots = int(get(transaction, _BOOTS_KEY, meta) or b"0") + 1
        transaction.put(_BOOTS_KEY, str(boots).encode(), db=meta)
        return boots

    return store.transact(count)


def note_url(store: Store, url: str) -> None:
    """Record where the server on this store is reached, for commands beside it."""
    meta = store.tables[META]
    store.transact(lambda transaction: transaction.put(_URL_KEY, url.encode(), db=meta))


def noted_url(store: Store) -> str | None:
    """Where the last server on this store was reached."""
    with store.read() as transaction:
        value = get(transaction, _URL_KEY, store.tables[META])
    return value.decode() if value is not None else None


def _read_format(store: Store) -> int:
    """The format of the store; a new one is given this axiomd's."""
    meta = store.tables[META]
    with store.read() as transaction:
        found = get(transaction, FORMAT_KEY, meta)
    if found is None:
        store.transact(lambda new: new.put(FORMAT_KEY, str(FORMAT).encode(), db=meta))
    return int(found or FORMAT)


def _cut_short(failure: "lmdb.Error") -> bool:
    """LMDB calls it an I/O error when the disk took the first part of a write only."""
    return os.strerror(errno.EIO) in str(failure)
