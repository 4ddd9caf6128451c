"""Which key seals, and opening what was sealed: between the store and the key file.

The store notes the key that seals. Whoever writes a sealed row hands `Sealing.still` to the
commit, so that a key that was replaced meanwhile, by a command beside this server, seals nothing
any more. The ring is read again whenever it lacks a key.
"""

import attrs

from axiomd.engine.parts import RunBlocking
from axiomd.errors import KeyFileUnusable
from axiomd.execution.flow_configs import Sealed
from axiomd.store import keys
from axiomd.store.key_file import Key, KeyFile, Ring
from axiomd.store.rotation import missing_words
from axiomd.store.vault import SEALING_KEY, Vault

Still = tuple[tuple[str, bytes, bytes | None], ...]
Puts = tuple[tuple[str, bytes, bytes], ...]


@attrs.frozen
class Sealing:
    """The key that seals now."""

    key: Key
    still: Still
    """What must be so in the store when the row is written."""
    puts: Puts
    """What is written with it: the key's ID, if it is the first."""
    key_file: KeyFile

    def seal(self, text: str, place: bytes) -> Sealed:
        """A text, to be read in this place only."""
        return self.key.seal(text, place, self.key_file.random_bytes)


class Sealer:
    """Seals and opens."""

    def __init__(self, key_file: KeyFile, vault: Vault, run_blocking: RunBlocking) -> None:
        self._key_file = key_file
        self._vault = vault
        self._run_blocking = run_blocking
        self._ring: Ring = {}

    def check(self) -> None:
        """Raise KeyFileUnusable unless everything that is sealed has its key at hand; blocks."""
        used = self._vault.sealed_with()
        if not used:
            return
        self._ring = self._key_file.read()
        if not self._ring:
            raise KeyFileUnusable(missing_words(self._key_file))
        for key_id in sorted(used - set(self._ring)):
            raise self._lacking(key_id)

    async def sealing(self) -> Sealing:
        """The key to seal with, made if there is none. Raises KeyFileUnusable, StoreFull."""
        noted = self._vault.sealing_key()
        if noted is not None and noted.decode() not in self._ring:
            self._ring = await self._run_blocking(self._key_file.read)
        still = ((keys.META, SEALING_KEY, noted),)
        if noted is not None and noted.decode() in self._ring:
            return Sealing(self._ring[noted.decode()], still, (), self._key_file)
        if noted is not None and self._vault.sealed_with():
            raise self._lacking(noted.decode())
        # Nothing is sealed: this is the first, or the first again.
        self._ring = await self._run_blocking(self._key_file.read)
        if not self._ring:
            self._ring = await self._run_blocking(self._key_file.make)
        key = [*self._ring.values()][-1]
        put = (keys.META, SEALING_KEY, key.key_id.encode())
        return Sealing(key, still, (put,), self._key_file)

    def open(self, sealed: Sealed, place: bytes) -> str:
        """What was sealed. Raises KeyFileUnusable."""
        if sealed.key_id not in self._ring:
            # Replaced by a command beside this server: a small file, read once.
            self._ring = self._key_file.read()
        key = self._ring.get(sealed.key_id)
        if key is None:
            raise self._lacking(sealed.key_id)
        return key.open(sealed, place)

    def _lacking(self, key_id: str) -> KeyFileUnusable:
        if not self._ring:
            return KeyFileUnusable(missing_words(self._key_file))
        return KeyFileUnusable(
            f"There are secrets sealed with key {key_id}, which {self._key_file.path} does not "
            "have: put the one of a backup in its place."
        )
