"""API keys: made, listed, revoked. A key is shown once; only its hash is stored.

A key is found by its SHA-256, and by nothing else: how long that takes tells nothing of any key,
and who shows one that is unknown, malformed or revoked is told the same.
"""

import attrs

from axiomd.clock import Clock
from axiomd.engine.key_use import KeyUse
from axiomd.engine.revising import revise
from axiomd.errors import Invalid, NotFound, Problem
from axiomd.ids import Ids, key_hash
from axiomd.limits import KEY_NAME_CHARACTERS_MAX
from axiomd.store.acts import Act, ActKind, Actor, acted, masked
from axiomd.store.commit import RowsCommit
from axiomd.store.keys import API_KEYS
from axiomd.store.reader import Reader
from axiomd.store.records import ApiKeyRecord, encode_api_key
from axiomd.store.writer import Writer

DEFAULT_TENANT = "default"
"""The operator's: whoever has a key of it may see and change all tenants."""
COMMAND_LINE = Actor("command line", DEFAULT_TENANT)
"""Whoever may write the data directory, beside the server."""
FIRST_START = Actor("first start", DEFAULT_TENANT)
"""The server itself, which lets somebody in where nobody can come in yet."""


def new_key(ids: Ids, clock: Clock, name: str, tenant: str, by: Actor) -> tuple[str, RowsCommit]:
    """A new key and the commit that makes it valid. Raises Invalid for an unusable name."""
    if not name.strip() or len(name) > KEY_NAME_CHARACTERS_MAX:
        words = f"must be 1 to {KEY_NAME_CHARACTERS_MAX} characters"
        raise Invalid("The key needs a name.", problems=[Problem("name", words)])
    key = ids.api_key()
    record = ApiKeyRecord(tenant, name.strip(), key[:8], key[-4:], clock.now_ns())
    return key, RowsCommit(
        ((API_KEYS, key_hash(key), encode_api_key(record)),),
        acts=_acts(by, record, record.created_ns, ActKind.KEY_CREATED),
    )


def _acts(by: Actor, key: ApiKeyRecord, at_ns: int, kind: ActKind) -> tuple[Act, ...]:
    return acted(by, key.tenant, at_ns, kind, key.name, key=masked(key))


class Keyring:
    """The API keys of this box."""

    def __init__(self, writer: Writer, reader: Reader, clock: Clock, ids: Ids) -> None:
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._ids = ids
        self.use = KeyUse(writer, reader, clock)

    async def create(self, name: str, tenant: str, by: Actor) -> str:
        """A new key, valid once this returns; it cannot be shown again."""
        key, commit = new_key(self._ids, self._clock, name, tenant, by)
        await self._writer.submit(commit).wait()
        return key

    def list(self, tenant: str) -> list[ApiKeyRecord]:
        """A tenant's keys that are not revoked, oldest first, their last use as it is known now."""
        mine = [
            attrs.evolve(record, last_used_ns=self.use.last_ns(digest, record))
            for digest, record in self._reader.api_keys()
            if record.tenant == tenant and not record.revoked_ns
        ]
        return sorted(mine, key=lambda record: record.created_ns)

    async def revoke(self, tenant: str, first8: str, by: Actor) -> None:
        """End a key, named by its first eight characters, at once. Raises NotFound."""
        await revise(self._writer, lambda: self._revoked(tenant, first8, by))

    def _revoked(self, tenant: str, first8: str, by: Actor) -> RowsCommit:
        for digest, record in self._reader.api_keys():
            if record.tenant == tenant and record.first8 == first8 and not record.revoked_ns:
                at_ns = self._clock.now_ns()
                last_used_ns = self.use.last_ns(digest, record)
                revoked = attrs.evolve(record, revoked_ns=at_ns, last_used_ns=last_used_ns)
                return RowsCommit(
                    ((API_KEYS, digest, encode_api_key(revoked)),),
                    acts=_acts(by, record, at_ns, ActKind.KEY_REVOKED),
                    still=((API_KEYS, digest, encode_api_key(record)),),
                )
        raise NotFound(f"There is no key that begins with {first8}.")
