"""A copy of everything durable, taken beside a running server; and a data directory made from one.

A backup is a directory: `store/data.mdb`, a snapshot of the store; `blobs/`, every blob that this
snapshot names; the other files of the data directory that only it has (keys); and `manifest.json`
with what was copied and its hashes. What can be made again (installed packages, environments) is
not in it: the next start makes it. Blobs are pinned before the snapshot is taken and until the
last one is copied, so none that it names can be collected in between; and no key that secrets of
the snapshot are sealed with leaves its file before that is copied.

Both ways write beside the destination and rename at the end: what exists is whole.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import lmdb

from axiomd.clock import rfc3339
from axiomd.disk import no_room, sync_directory
from axiomd.errors import Invalid, NotFound, Problem, StoreFailed, StoreFull, WrongState
from axiomd.limits import MIB, PROBLEMS_MAX, SCAN_ROWS_MAX
from axiomd.settings import StoreSettings
from axiomd.store import keys
from axiomd.store.blobs import Blobs
from axiomd.store.env import FORMAT, Store, open_store
from axiomd.store.key_file import keys_kept
from axiomd.strict import structure

BACKUP_FORMAT = 1
MANIFEST = "manifest.json"
_STORE_FILE = "store/data.mdb"
_FILE_NAME = re.compile(r"store/data\.mdb|[A-Za-z0-9_][A-Za-z0-9_.-]*")
_CHUNK_BYTES = MIB


@attrs.frozen
class Manifest:
    """What a backup says of itself."""

    backup_format: int
    store_format: int
    axiomd: str
    """The version that wrote it."""
    created_at: str
    executions: int
    files: dict[str, str]
    """Path to SHA-256, of every file but blobs, which are named by theirs."""
    blobs: int
    blobs_hash: str
    """SHA-256 over the names of all blobs, in order."""
    size: int
    """Bytes of all files."""


@attrs.frozen
class Progress:
    """How far a copy has come."""

    what: str
    """`store`, `blobs` or `files`."""
    copied: int
    """Bytes so far."""


OnProgress = Callable[[Progress], None]


class _Copy:
    """Files on their way from one directory to another, hashed while they are copied."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._names = hashlib.sha256()
        self.size = 0
        self.blobs = 0

    def file(self, source: Path, target: Path, what: str) -> str:
        """Copy one file durably; its SHA-256."""
        hashed = hashlib.sha256()
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with source.open("rb", buffering=0) as given, _create(target) as taken:
            while chunk := given.read(_CHUNK_BYTES):
                hashed.update(chunk)
                taken.write(chunk)
                self.size += len(chunk)
                self._on_progress(Progress(what, self.size))
            taken.flush()
            os.fsync(taken.fileno())
        return hashed.hexdigest()

    def there(self, path: Path) -> str:
        """The SHA-256 of a file that was copied already."""
        self.size += path.stat().st_size
        self._on_progress(Progress("store", self.size))
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def blob(self, source: Path, target: Path) -> bool:
        """Copy one blob; whether it is what its name says. In the order of names."""
        self.blobs += 1
        self._names.update(bytes.fromhex(source.name))
        return self.file(source, target, "blobs") == source.name

    @property
    def blobs_hash(self) -> str:
        """Of the names of the blobs that were copied."""
        return self._names.hexdigest()


def back_up(
    settings: StoreSettings,
    directory: Path,
    destination: Path,
    *,
    now_ns: int,
    version: str,
    on_progress: OnProgress = lambda _: None,
) -> Manifest:
    """Copy a data directory, whether a server runs on it or not; blocks.

    version: of this axiomd. Raises WrongState if there is something at `destination`, NotFound
    if there is no data directory, StoreFull if there is no room, StoreFailed for a damaged blob.
    """
    if destination.exists():
        raise WrongState(f"There is something at {destination} already; it is not overwritten.")
    with (
        open_store(settings, directory, read_only=True) as store,
        _drafted(destination) as draft,
        Blobs(directory / "blobs").pinned(),
        keys_kept(directory),
    ):
        copy = _Copy(on_progress)
        _copy_store(store, draft)
        files = {_STORE_FILE: copy.there(draft / _STORE_FILE)}
        for path in other_files(directory):
            files[path.name] = copy.file(path, draft / path.name, "files")
        executions = _copy_blobs(settings, directory, draft, copy)
        manifest = Manifest(
            backup_format=BACKUP_FORMAT,
            store_format=FORMAT,
            axiomd=version,
            created_at=rfc3339(now_ns),
            executions=executions,
            files=files,
            blobs=copy.blobs,
            blobs_hash=copy.blobs_hash,
            size=copy.size,
        )
        _write_manifest(draft, manifest)
    return manifest


def _copy_blobs(settings: StoreSettings, directory: Path, draft: Path, copy: _Copy) -> int:
    """Copy what the snapshot names, and nothing else; the number of its executions."""
    blobs = Blobs(directory / "blobs")
    with open_store(settings, draft, read_only=True) as snapshot:
        for digest in _named(snapshot):
            path = blobs.path(digest)
            if not path.exists() or not copy.blob(path, draft / _blob_path(digest)):
                raise StoreFailed(f"blob {digest.hex()} is missing or damaged")
        executions = _count(snapshot, keys.EXECUTIONS)
    (draft / "store" / "lock.mdb").unlink()
    return executions


def restore(source: Path, directory: Path, on_progress: OnProgress = lambda _: None) -> Manifest:
    """Make a data directory from a backup; blocks.

    Raises NotFound if there is no backup, WrongState if the directory is not empty or the backup
    is of a later axiomd, Invalid, naming what, if anything in it is not as it was written.
    """
    manifest = read_manifest(source)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise WrongState(f"{directory} is not empty; a backup is restored to an empty directory.")
    with _drafted(directory) as draft:
        problems = list(_copy_back(source, draft, manifest, _Copy(on_progress)))
        if problems:
            raise Invalid(f"The backup {source} is damaged.", problems=problems[:PROBLEMS_MAX])
    return manifest


def _copy_back(source: Path, draft: Path, manifest: Manifest, copy: _Copy) -> Iterator[Problem]:
    """Copy everything; what of it is not as it was written."""
    for name, wanted in manifest.files.items():
        if not (source / name).is_file():
            yield Problem(name, "is missing")
        elif copy.file(source / name, draft / name, "files") != wanted:
            yield Problem(name, "is not what was written")
    blobs = Blobs(source / "blobs")
    for digest in blobs.every():
        if not copy.blob(blobs.path(digest), draft / _blob_path(digest)):
            yield Problem(str(_blob_path(digest)), "is not what was written")
    if (copy.blobs, copy.blobs_hash) != (manifest.blobs, manifest.blobs_hash):
        yield Problem(
            "blobs", f"has {copy.blobs} blobs, not the {manifest.blobs} that were written"
        )


def read_manifest(source: Path) -> Manifest:
    """What a backup says of itself. Raises NotFound, Invalid, WrongState."""
    title = f"The backup {source} is damaged."
    try:
        told: Any = json.loads((source / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"There is no backup in {source}: it has no {MANIFEST}.") from None
    except (ValueError, RecursionError) as failure:
        problems = [Problem(MANIFEST, f"is not JSON: {failure}")]
        raise Invalid(title, problems=problems) from None
    manifest = structure(told, Manifest, file=MANIFEST, title=title)
    strange = [name for name in manifest.files if not _FILE_NAME.fullmatch(name)]
    if strange:
        problems = [Problem(f"files.{name}", "is no file of a data directory") for name in strange]
        raise Invalid(title, problems=problems)
    if manifest.backup_format > BACKUP_FORMAT or manifest.store_format > FORMAT:
        raise WrongState(
            f"The backup was written by axiomd {manifest.axiomd}, in formats "
            f"{manifest.backup_format} and {manifest.store_format}; this one reads "
            f"{BACKUP_FORMAT} and {FORMAT}."
        )
    return manifest


def other_files(directory: Path) -> list[Path]:
    """Files of a data directory beside store and blobs that cannot be made again: keys."""
    return sorted(path for path in directory.iterdir() if path.is_file() and path.suffix != ".lock")


@contextmanager
def _drafted(destination: Path) -> Iterator[Path]:
    """A directory that becomes `destination`, durably and at once, if nothing fails."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(
        tempfile.mkdtemp(prefix=f".{destination.name}.", suffix=".partial", dir=destination.parent)
    )
    try:
        yield draft
        for folder, _, _ in os.walk(draft):
            sync_directory(Path(folder))
        # Replaces an empty directory, and nothing else.
        draft.rename(destination)
        sync_directory(destination.parent)
    except OSError as failure:
        if no_room(failure):
            raise StoreFull(f"There is no room for {destination}: {failure}") from failure
        raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _create(path: Path) -> Any:
    """A new file that only its owner may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _copy_store(store: Store, draft: Path) -> None:
    """A snapshot of the store, without the room that was free in it."""
    target = draft / "store"
    target.mkdir(mode=0o700)
    while True:
        with store.read():
            # The map is as large as another process may have made it.
            pass
        try:
            store.environment.copy(str(target), compact=True)
        except lmdb.MapResizedError:
            (target / "data.mdb").unlink(missing_ok=True)
        except lmdb.Error as failure:
            raise StoreFailed(f"The store cannot be copied: {failure}") from failure
        else:
            break
    (target / "data.mdb").chmod(0o600)
    with (target / "data.mdb").open("rb") as file:
        os.fsync(file.fileno())


def _count(store: Store, table: str) -> int:
    with store.read() as transaction:
        return int(transaction.stat(store.tables[table])["entries"])


def _named(store: Store) -> Iterator[bytes]:
    """The blobs that a store names, each once, in order."""
    first = b""
    while True:
        with store.read() as transaction:
            walk = transaction.cursor(store.tables[keys.BLOB_REFERENCES])
            some: list[bytes] = []
            more = walk.set_range(first) if first else walk.first()
            while more and len(some) < SCAN_ROWS_MAX:
                some.append(bytes(walk.key())[: keys.BLOB_BYTES])
                more = walk.set_range(some[-1] + b"\xff")
        if not some:
            return
        yield from some
        first = some[-1] + b"\xff"


def _blob_path(digest: bytes) -> Path:
    name = digest.hex()
    return Path("blobs", name[:2], name)


def _write_manifest(draft: Path, manifest: Manifest) -> None:
    with _create(draft / MANIFEST) as file:
        file.write(json.dumps(attrs.asdict(manifest), indent=2).encode())
        file.flush()
        os.fsync(file.fileno())
