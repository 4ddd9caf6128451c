"""The keys that secrets are sealed with: one file that only its owner can read.

`secrets.key` is a ring of keys, so that they can be replaced while both are at hand. Which of them
seals is noted in the store, in the transaction that the sealed row is written in; the file only
has to hold every key that any row was sealed with. It is replaced as a whole and durably, before
anything names a key that is new in it. The one place that knows how values are sealed.
"""

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from axiomd.disk import no_room, sync_directory
from axiomd.errors import KeyFileUnusable, StoreFull, WrongState
from axiomd.execution.flow_configs import Sealed

KEY_FILE = "secrets.key"
_LOCK_FILE = "secrets.lock"
_FORMAT = 1
_KEY_BYTES = 32
_NONCE_BYTES = 12
_ID_CHARACTERS = 16

RandomBytes = Callable[[int], bytes]


@attrs.frozen
class Key:
    """AES-256-GCM."""

    secret: bytes = attrs.field(repr=False)

    @property
    def key_id(self) -> str:
        """What it is called; follows from it, so that a damaged one is told from a whole one."""
        return hashlib.sha256(b"axiomd secrets key\0" + self.secret).hexdigest()[:_ID_CHARACTERS]

    def seal(self, text: str, place: bytes, random_bytes: RandomBytes) -> Sealed:
        """A text, to be read by this key in this place only."""
        nonce = random_bytes(_NONCE_BYTES)
        return Sealed(self.key_id, nonce, AESGCM(self.secret).encrypt(nonce, text.encode(), place))

    def open(self, sealed: Sealed, place: bytes) -> str:
        """What was sealed. Raises KeyFileUnusable if it was not by this key, or not here."""
        try:
            return AESGCM(self.secret).decrypt(sealed.nonce, sealed.content, place).decode()
        except (InvalidTag, ValueError):
            raise KeyFileUnusable(
                f"A secret is damaged: it is not what key {self.key_id} has sealed there."
            ) from None


Ring = Mapping[str, Key]
"""Keys by ID, the newest one last."""


def secret_place(tenant: str, name: str) -> bytes:
    """Where a tenant's secret is: nothing that is sealed can be moved from one place to another."""
    return f"secret\0{tenant}\0{name}".encode()


def override_place(tenant: str, config_id: str, name: str) -> bytes:
    """Where a flow config's value of a secret is."""
    return f"config\0{tenant}\0{config_id}\0{name}".encode()


class KeyFile:
    """`secrets.key` of a data directory. Every function blocks on the disk."""

    def __init__(self, directory: Path, random_bytes: RandomBytes) -> None:
        self.path = directory / KEY_FILE
        self.random_bytes = random_bytes

    def read(self) -> Ring:
        """Every key; none if there is no file.

        Raises KeyFileUnusable if others can read it, or if it is damaged.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return {}
        except OSError as failure:
            raise KeyFileUnusable(f"{self.path} cannot be read: {failure.strerror}.") from None
        with os.fdopen(descriptor, "rb") as file:
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            if mode & 0o077:
                raise KeyFileUnusable(
                    f"{self.path} can be read by others (mode {mode:04o}): "
                    f"take that away with `chmod 600 {self.path}`."
                )
            content = file.read()
        return self._parsed(content)

    def make(self) -> Ring:
        """A first key, unless there is a file by now; what is in it."""
        with suppress(FileExistsError):
            self._write({(key := self.new_key()).key_id: key}, first=True)
        return self.read()

    def new_key(self) -> Key:
        """A key that nothing was sealed with yet."""
        return Key(self.random_bytes(_KEY_BYTES))

    def replace(self, ring: Ring) -> None:
        """Put other keys into the file, all or none of them. Raises StoreFull."""
        self._write(ring, first=False)

    def _write(self, ring: Ring, *, first: bool) -> None:
        text = json.dumps(
            {"format": _FORMAT, "keys": [{"id": i, "key": k.secret.hex()} for i, k in ring.items()]}
        )
        # Its own name for each, as two may make the first one side by side.
        draft = self.path.with_name(f".{KEY_FILE}.{self.random_bytes(8).hex()}.lock")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode() + b"\n")
                file.flush()
                os.fsync(descriptor)
            if first:
                os.link(draft, self.path)
            else:
                draft.replace(self.path)
            sync_directory(self.path.parent)
        except OSError as failure:
            if no_room(failure):
                raise StoreFull(f"There is no room for {self.path}: {failure}") from failure
            raise
        finally:
            draft.unlink(missing_ok=True)

    def _parsed(self, content: bytes) -> Ring:
        try:
            told: Any = json.loads(content)
            assert told["format"] == _FORMAT
            keys = [Key(bytes.fromhex(one["key"])) for one in told["keys"]]
            assert all(len(key.secret) == _KEY_BYTES for key in keys)
            assert [key.key_id for key in keys] == [one["id"] for one in told["keys"]]
            assert keys
        except (ValueError, LookupError, TypeError, AssertionError, RecursionError):
            raise KeyFileUnusable(
                f"{self.path} is damaged, or no key file of this axiomd; put the one of a backup "
                "in its place."
            ) from None
        return {key.key_id: key for key in keys}


@contextmanager
def keys_kept(directory: Path) -> Iterator[None]:
    """For whoever copies store and key file: no key leaves the file meanwhile."""
    with _locked(directory, fcntl.LOCK_SH):
        yield


@contextmanager
def keys_replaced(directory: Path) -> Iterator[None]:
    """For whoever replaces keys. Raises WrongState while another does, or a backup is made."""
    with _locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB):
        # Keys that somebody who was killed has left behind.
        for draft in directory.glob(f".{KEY_FILE}.*.lock"):
            draft.unlink(missing_ok=True)
        yield


@contextmanager
def _locked(directory: Path, how: int) -> Iterator[None]:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(directory / _LOCK_FILE, flags, 0o600)
    try:
        try:
            fcntl.flock(descriptor, how)
        except BlockingIOError:
            raise WrongState(
                "A backup is being made, or the key is being replaced: try again when it is done."
            ) from None
        yield
    finally:
        os.close(descriptor)
