"""API keys: made, listed, revoked. A key is shown once; only its hash is stored."""

import attrs

from axiomd.clock import Clock
from axiomd.errors import Invalid, NotFound, Problem
from axiomd.ids import Ids, key_hash
from axiomd.limits import KEY_NAME_CHARACTERS_MAX
from axiomd.store.commit import RowsCommit
from axiomd.store.keys import API_KEYS
from axiomd.store.reader import Reader
from axiomd.store.records import ApiKeyRecord, encode_api_key
from axiomd.store.writer import Writer

DEFAULT_TENANT = "default"


def new_key(ids: Ids, clock: Clock, name: str, tenant: str) -> tuple[str, RowsCommit]:
    """A new key and the commit that makes it valid. Raises Invalid for an unusable name."""
    if not name.strip() or len(name) > KEY_NAME_CHARACTERS_MAX:
        words = f"must be 1 to {KEY_NAME_CHARACTERS_MAX} characters"
        raise Invalid("The key needs a name.", problems=[Problem("name", words)])
    key = ids.api_key()
    record = ApiKeyRecord(tenant, name.strip(), key[:8], key[-4:], clock.now_ns())
    return key, RowsCommit(((API_KEYS, key_hash(key), encode_api_key(record)),))


class Keyring:
    """The API keys of this box."""

    def __init__(self, writer: Writer, reader: Reader, clock: Clock, ids: Ids) -> None:
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._ids = ids

    async def create(self, name: str, tenant: str) -> str:
        """A new key, valid once this returns; it cannot be shown again."""
        key, commit = new_key(self._ids, self._clock, name, tenant)
        await self._writer.submit(commit).wait()
        return key

    def list(self, tenant: str) -> list[ApiKeyRecord]:
        """A tenant's keys that are not revoked, oldest first."""
        mine = [record for _, record in self._reader.api_keys() if record.tenant == tenant]
        return sorted(
            (record for record in mine if not record.revoked_ns), key=lambda r: r.created_ns
        )

    def has(self, tenant: str) -> bool:
        """Whether there is such a tenant: whoever has, or had, a key is one."""
        return any(record.tenant == tenant for _, record in self._reader.api_keys())

    async def revoke(self, tenant: str, first8: str) -> None:
        """End a key, named by its first eight characters, at once. Raises NotFound."""
        for digest, record in self._reader.api_keys():
            if record.tenant == tenant and record.first8 == first8 and not record.revoked_ns:
                revoked = attrs.evolve(record, revoked_ns=self._clock.now_ns())
                row = (API_KEYS, digest, encode_api_key(revoked))
                await self._writer.submit(RowsCommit((row,))).wait()
                return
        raise NotFound(f"There is no key that begins with {first8}.")
