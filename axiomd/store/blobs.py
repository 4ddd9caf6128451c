"""Large payloads, out of band: one file for each content, named by its SHA-256.

A payload is durable before any record names it: `put` returns after the file and its directory
are on disk. Files are drafted in another directory first, so a name that exists is whole.

What nothing names is collected. A record names a blob with a row of the table `bl`, written in
the record's own transaction; until then the `Payload` that `put` handed out holds the blob: as
long as that object lives, its blob stays. So whoever drops the payload without a commit leaves a
file that can go, and nobody has to say so. Both are asked under one lock, in which `put` marks a
content as held before it looks whether the file is there already.
"""

import fcntl
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakValueDictionary

import attrs

from axiomd.disk import no_room, sync_directory
from axiomd.errors import StoreFailed, StoreFull
from axiomd.execution.call import Content, FilePart
from axiomd.execution.journal import Payload
from axiomd.limits import INLINE_BYTES_MAX

_DRAFTS = ".drafts"
_LOCK = ".lock"
_DIGEST_CHARS = 64


@attrs.frozen(eq=False)
class Blobs:
    """The directory of blobs. Its functions block: call them from a thread, `is_small` apart."""

    root: Path
    sync: bool = True
    _held: "WeakValueDictionary[bytes, Payload]" = attrs.field(
        init=False, factory=WeakValueDictionary
    )
    """Payloads that were handed out and are still somebody's."""
    _lock: threading.Lock = attrs.field(init=False, factory=threading.Lock)

    @staticmethod
    def is_small(content: Content) -> bool:
        """Whether a payload lives in the record itself, which needs no thread."""
        return len(content) <= INLINE_BYTES_MAX

    def keep(self, content: Content) -> Payload:
        """`content` as a payload that a record may name: inline if small, else a durable blob."""
        if self.is_small(content):
            return Payload(len(content), bytes(content))
        return self.put(content)

    def put(self, content: Content) -> Payload:
        """Store `content`; the same content is stored once. Raises StoreFull.

        The blob is safe from being collected as long as the payload is referred to.
        """
        digest = hashlib.sha256(content).digest()
        payload = self._hold(digest, len(content))
        path = self.path(digest)
        try:
            if not path.exists():
                self._write(path, content)
            self._sync_names(path)
        except OSError as failure:
            if no_room(failure):
                raise StoreFull(f"The store cannot grow: {failure}") from failure
            raise
        return payload

    def _hold(self, digest: bytes, size: int) -> Payload:
        """The one payload of this content that is handed out, to all who want it at a time."""
        with self._lock:
            payload = self._held.get(digest) or Payload(size, None, digest)
            self._held[digest] = payload
        return payload

    def hold(self, payload: Payload) -> Payload | None:
        """A payload that a record names, for another record to name it too; None if it is gone.

        As from `put`, its blob stays as long as what is returned here is referred to.
        """
        if payload.inline is not None:
            return payload
        held = self._hold(payload.blob, payload.size)
        return held if self.path(payload.blob).exists() else None

    def get(self, payload: Payload) -> bytes:
        """The bytes of a payload, wherever they are."""
        if payload.inline is not None:
            return payload.inline
        return self.read(payload.blob)

    def read(self, digest: bytes) -> bytes:
        """The content named `digest`. Raises StoreFailed if it is missing or damaged."""
        try:
            content = self.path(digest).read_bytes()
        except FileNotFoundError:
            raise StoreFailed(f"blob {digest.hex()} is missing") from None
        if hashlib.sha256(content).digest() != digest:
            raise StoreFailed(f"blob {digest.hex()} is damaged")
        return content

    def part(self, payload: Payload) -> bytes | FilePart:
        """The bytes of a payload, or the file that they are in, which was found undamaged.

        Raises StoreFailed.
        """
        if payload.inline is not None:
            return payload.inline
        path = self.path(payload.blob)
        if not path.exists():
            raise StoreFailed(f"blob {payload.blob.hex()} is missing")
        if self.is_damaged(payload.blob):
            raise StoreFailed(f"blob {payload.blob.hex()} is damaged")
        return FilePart(str(path), payload.size)

    def slices(self, payloads: Sequence[Payload]) -> "Callable[[int, int], bytes]":
        """Payloads one behind the other, to be read in slices: (offset, bytes at most).

        Raises StoreFailed.
        """
        parts = [self.part(payload) for payload in payloads]

        def read(offset: int, count: int) -> bytes:
            found = b""
            for part in parts:
                size = part.size if isinstance(part, FilePart) else len(part)
                if offset < size and count > len(found):
                    piece = _slice(part, offset, count - len(found))
                    found = found + piece if found else piece
                offset = max(0, offset - size)
            return found

        return read

    def size(self, digest: bytes) -> int | None:
        """Bytes of the content named `digest`; None if it is not there."""
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def is_damaged(self, digest: bytes) -> bool:
        """Whether a content that is there is not the one it is named by."""
        try:
            with self.path(digest).open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest() != digest
        except FileNotFoundError:
            return False

    # -- what nothing names -------------------------------------------------------------------

    def shelves(self) -> list[str]:
        """The directories that blobs are in."""
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if len(path.name) == 2)

    def on_shelf(self, shelf: str) -> list[bytes]:
        """The names of what is in one directory."""
        names = sorted(path.name for path in (self.root / shelf).iterdir())
        return [bytes.fromhex(name) for name in names if len(name) == _DIGEST_CHARS]

    def every(self) -> Iterator[bytes]:
        """The names of all that is there, one directory at a time."""
        for shelf in self.shelves():
            yield from self.on_shelf(shelf)

    def collect(self, digest: bytes, is_named: Callable[[bytes], bool]) -> bool:
        """Remove a blob that nobody holds and no record names; whether it was removed.

        is_named: asks the store, in a snapshot of its own: what was held before is named by then.
        """
        with self._lock:
            if digest in self._held or is_named(digest):
                return False
            self.path(digest).unlink(missing_ok=True)
        return True

    @contextmanager
    def collecting(self) -> Iterator[bool]:
        """Whether blobs may be collected within: not while another process copies them."""
        with self._flock(fcntl.LOCK_EX | fcntl.LOCK_NB) as had:
            yield had

    @contextmanager
    def pinned(self) -> Iterator[None]:
        """While within, no process collects a blob; one that is at it is waited for."""
        with self._flock(fcntl.LOCK_SH):
            yield

    @contextmanager
    def _flock(self, kind: int) -> Iterator[bool]:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, kind)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(lock)

    def remove_drafts(self) -> None:
        """Remove what a process that was killed left half written; before anything is put."""
        shutil.rmtree(self.root / _DRAFTS, ignore_errors=True)

    def path(self, digest: bytes) -> Path:
        """Where the content named `digest` is, if it is anywhere."""
        name = digest.hex()
        return self.root / name[:2] / name

    def _write(self, path: Path, content: Content) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        drafts = self.root / _DRAFTS
        drafts.mkdir(exist_ok=True, mode=0o700)
        draft = drafts / f"{path.name}.{os.urandom(4).hex()}"
        try:
            # Unbuffered: the content goes to the disk from where it is.
            with draft.open("wb", buffering=0) as file:
                rest = memoryview(content)
                while rest:
                    rest = rest[file.write(rest) :]
                if self.sync:
                    os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    def _sync_names(self, path: Path) -> None:
        # Also for a file that was there: whoever wrote it may have died before this.
        if self.sync:
            sync_directory(path.parent)
            sync_directory(self.root)


def _slice(part: bytes | FilePart, offset: int, count: int) -> bytes:
    if isinstance(part, bytes):
        return part[offset : offset + count]
    with Path(part.path).open("rb", buffering=0) as file:
        return os.pread(file.fileno(), count, offset)
