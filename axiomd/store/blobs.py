"""Large payloads, out of band: one file for each content, named by its SHA-256.

A payload is durable before any record names it: `put` returns after the file and its directory
are on disk. Files are drafted in another directory first, so a name that exists is whole.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import attrs

from axiomd.disk import no_room, sync_directory
from axiomd.errors import StoreFailed, StoreFull
from axiomd.execution.journal import Payload
from axiomd.limits import INLINE_BYTES_MAX

_DRAFTS = ".drafts"


@attrs.frozen
class Blobs:
    """The directory of blobs. Its functions block: call them from a thread, `inline` apart."""

    root: Path
    sync: bool = True

    @staticmethod
    def is_small(content: bytes) -> bool:
        """Whether a payload lives in the record itself, which needs no thread."""
        return len(content) <= INLINE_BYTES_MAX

    def keep(self, content: bytes) -> Payload:
        """`content` as a payload that a record may name: inline if small, else a durable blob."""
        if self.is_small(content):
            return Payload(len(content), content)
        return Payload(len(content), None, self.put(content))

    def put(self, content: bytes) -> bytes:
        """Store `content`; the same content is stored once. Raises StoreFull."""
        digest = hashlib.sha256(content).digest()
        path = self._path(digest)
        try:
            if not path.exists():
                self._write(path, content)
            self._sync_names(path)
        except OSError as failure:
            if no_room(failure):
                raise StoreFull(f"The store cannot grow: {failure}") from failure
            raise
        return digest

    def get(self, payload: Payload) -> bytes:
        """The bytes of a payload, wherever they are."""
        if payload.inline is not None:
            return payload.inline
        return self.read(payload.blob)

    def read(self, digest: bytes) -> bytes:
        """The content named `digest`. Raises StoreFailed if it is missing or damaged."""
        try:
            content = self._path(digest).read_bytes()
        except FileNotFoundError:
            raise StoreFailed(f"blob {digest.hex()} is missing") from None
        if hashlib.sha256(content).digest() != digest:
            raise StoreFailed(f"blob {digest.hex()} is damaged")
        return content

    def size(self, digest: bytes) -> int | None:
        """Bytes of the content named `digest`; None if it is not there."""
        try:
            return self._path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def every(self) -> Iterator[bytes]:
        """The names of all that is there, one directory at a time."""
        for number in range(256):
            directory = self.root / f"{number:02x}"
            if directory.is_dir():
                yield from sorted(bytes.fromhex(path.name) for path in directory.iterdir())

    def is_damaged(self, digest: bytes) -> bool:
        """Whether a content that is there is not the one it is named by."""
        try:
            with self._path(digest).open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest() != digest
        except FileNotFoundError:
            return False

    def remove_drafts(self) -> None:
        """Remove what a process that was killed left half written; before anything is put."""
        shutil.rmtree(self.root / _DRAFTS, ignore_errors=True)

    def _path(self, digest: bytes) -> Path:
        name = digest.hex()
        return self.root / name[:2] / name

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        drafts = self.root / _DRAFTS
        drafts.mkdir(exist_ok=True, mode=0o700)
        draft = drafts / f"{path.name}.{os.urandom(4).hex()}"
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
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
