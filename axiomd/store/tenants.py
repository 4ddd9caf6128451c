"""Tenants and whose key is whose: reads of the tables of tenants and API keys.

A tenant exists once it was created, or once it has had a key.
"""

import attrs

from axiomd.store import keys
from axiomd.store.env import Store, get
from axiomd.store.records import ApiKeyRecord, TenantRecord, decode_api_key, decode_tenant
from axiomd.store.walking import forwards


@attrs.frozen
class Holder:
    """An API key that is valid, and its tenant, of one instant."""

    key: ApiKeyRecord
    disabled: bool
    """Whether its tenant is."""


@attrs.frozen
class Tenant:
    """A tenant as a list shows it."""

    tenant: str
    record: TenantRecord = attrs.field(factory=TenantRecord)
    row: bytes | None = None
    """The record as it is stored; None if nothing was ever set."""
    created_ns: int = 0
    """When it was created, or had its first key; 0 if neither is known."""
    keys: int = 0
    """API keys that are valid."""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.record.name or self.tenant


def holder(store: Store, digest: bytes) -> Holder | None:
    """Whose API key has this SHA-256; None if it is unknown or revoked."""
    with store.read() as transaction:
        value = get(transaction, digest, store.tables[keys.API_KEYS])
        if value is None:
            return None
        key = decode_api_key(value)
        if key.revoked_ns:
            return None
        own = get(transaction, key.tenant.encode(), store.tables[keys.TENANTS])
    return Holder(key, own is not None and bool(decode_tenant(own).disabled_ns))


def every_tenant(store: Store) -> dict[str, Tenant]:
    """Every tenant, in the order of their IDs."""
    with store.read() as transaction:
        walk = transaction.cursor(store.tables[keys.TENANTS])
        found = {
            key.decode(): Tenant(key.decode(), record, value, record.created_ns)
            for key, value in forwards(walk, b"", b"", 2**31)
            for record in (decode_tenant(value),)
        }
        for _, value in forwards(transaction.cursor(store.tables[keys.API_KEYS]), b"", b"", 2**31):
            key_record = decode_api_key(value)
            known = found.get(key_record.tenant, Tenant(key_record.tenant))
            found[key_record.tenant] = _with_key(known, key_record)
    return dict(sorted(found.items()))


def _with_key(tenant: Tenant, key: ApiKeyRecord) -> Tenant:
    created_ns = tenant.record.created_ns or min(
        tenant.created_ns or key.created_ns, key.created_ns
    )
    return attrs.evolve(tenant, created_ns=created_ns, keys=tenant.keys + (not key.revoked_ns))
