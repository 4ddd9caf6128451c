"""Secrets and flow configs as everybody but the writer sees them: sealed, and by tenant.

Like the `Reader`, every function opens and closes its own read transaction and never awaits. What
a row is judged by when it is written comes with it: `Row.stored` is its value, what `still` names.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import attrs
import lmdb

from axiomd.execution.flow_configs import DEFAULT_PROFILE, FlowConfig, Sealed, Secret
from axiomd.store import keys
from axiomd.store.cursors import read_page
from axiomd.store.env import Store, get
from axiomd.store.reader import Rows
from axiomd.store.vault_records import decode_config, decode_secret
from axiomd.store.walking import forwards

SEALING_KEY: Final = b"secrets key"
"""Row of `me`: the ID of the key that seals; who seals with another one has been overtaken."""


@attrs.frozen
class SecretName:
    """What is shown of a secret."""

    name: str
    created_ns: int
    updated_ns: int


@attrs.frozen
class StoredConfig:
    """A config, and its row's value: whoever replaces it has to have seen that one."""

    config: FlowConfig
    row: bytes


class Vault:
    """Sealed values and what names them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tables = store.tables

    # -- secrets ------------------------------------------------------------------------------

    def secret_row(self, tenant: str, name: str) -> bytes | None:
        """A secret's row; None if there is none."""
        key = keys.secret_key(tenant, name)
        if len(key) > keys.KEY_BYTES_MAX:
            return None
        with self._store.read() as transaction:
            return get(transaction, key, self._tables[keys.SECRETS])

    def secret_names(self, tenant: str, limit: int, cursor: str | None) -> Rows[SecretName]:
        """A page of a tenant's secrets by name. Raises Malformed."""
        prefix = keys.text_key(tenant)
        page, more = read_page(self._store, keys.SECRETS, prefix, limit, cursor)
        return Rows([_named(key, decode_secret(value)) for key, value in page], more)

    def count_secrets(self, tenant: str) -> int:
        """How many secrets a tenant has."""
        prefix = keys.text_key(tenant)
        with self._store.read() as transaction:
            walk = transaction.cursor(self._tables[keys.SECRETS])
            return sum(1 for _ in forwards(walk, prefix, prefix, 2**31))

    def values(
        self, tenant: str, names: Sequence[str], config_ids: Sequence[str]
    ) -> dict[str, tuple[Sealed, str]]:
        """What stands for each name, sealed, with the config that it is from; empty for none.

        config_ids: whose values stand for the tenant's, the first one first. One that is gone, or
        another tenant's, is passed over.
        """
        found: dict[str, tuple[Sealed, str]] = {}
        with self._store.read() as transaction:
            configs = [self._config(transaction, tenant, one) for one in config_ids]
            for name in names:
                own = next((c for c in configs if c is not None and name in c.secrets), None)
                if own is not None:
                    found[name] = own.secrets[name], own.config_id
                    continue
                key = keys.secret_key(tenant, name)
                if len(key) > keys.KEY_BYTES_MAX:
                    continue
                value = get(transaction, key, self._tables[keys.SECRETS])
                if value is not None:
                    found[name] = decode_secret(value).value, ""
        return found

    # -- flow configs -------------------------------------------------------------------------

    def config(self, tenant: str, config_id: str) -> StoredConfig | None:
        """A tenant's config; None if it has none of that ID."""
        key = keys.flow_config_key(tenant, config_id)
        if len(key) > keys.KEY_BYTES_MAX:
            return None
        with self._store.read() as transaction:
            row = get(transaction, key, self._tables[keys.FLOW_CONFIGS])
        return StoredConfig(decode_config(key, row), row) if row is not None else None

    def configs(self, tenant: str) -> list[FlowConfig]:
        """A tenant's configs, oldest first: a bounded number."""
        prefix = keys.flow_configs_of(tenant)
        with self._store.read() as transaction:
            walk = transaction.cursor(self._tables[keys.FLOW_CONFIGS])
            return [decode_config(*row) for row in forwards(walk, prefix, prefix, 2**31)]

    def config_of(self, tenant: str, flow: str, profile: str) -> str:
        """The ID of the config of a profile; empty if there is none."""
        with self._store.read() as transaction:
            key = keys.profile_key(tenant, flow, profile)
            found = get(transaction, key, self._tables[keys.FLOW_CONFIGS])
        return found.decode() if found is not None else ""

    def holding(self, tenant: str, flow: str, config_id: str = "") -> list[FlowConfig]:
        """What holds for an invocation: the tenant's default, the flow's, and the one named.

        Each only if there is one.
        """
        with self._store.read() as transaction:
            table = self._tables[keys.FLOW_CONFIGS]
            names = [
                get(transaction, keys.profile_key(tenant, of, DEFAULT_PROFILE), table)
                for of in ("", flow)
            ]
            wanted = [name.decode() for name in names if name is not None]
            found = [self._config(transaction, tenant, one) for one in [*wanted, config_id] if one]
            return [config for config in found if config is not None]

    def _config(
        self, transaction: "lmdb.Transaction", tenant: str, config_id: str
    ) -> FlowConfig | None:
        key = keys.flow_config_key(tenant, config_id)
        if len(key) > keys.KEY_BYTES_MAX:
            return None
        row = get(transaction, key, self._tables[keys.FLOW_CONFIGS])
        return decode_config(key, row) if row is not None else None

    # -- keys ---------------------------------------------------------------------------------

    def sealing_key(self) -> bytes | None:
        """The ID of the key that seals; None before the first one was made."""
        with self._store.read() as transaction:
            return get(transaction, SEALING_KEY, self._tables[keys.META])

    def sealed_with(self) -> set[str]:
        """The IDs of all keys that anything is sealed with; looks at every row."""
        with self._store.read() as transaction:
            return {sealed.key_id for _, sealed in _every_sealed(transaction, self._tables)}


def _every_sealed(
    transaction: "lmdb.Transaction", tables: dict[str, "lmdb._Database"]
) -> Iterator[tuple[bytes, Sealed]]:
    for key, value in transaction.cursor(tables[keys.SECRETS]):
        yield bytes(key), decode_secret(bytes(value)).value
    for key, value in transaction.cursor(tables[keys.FLOW_CONFIGS]):
        if is_config_row(bytes(key)):
            for sealed in decode_config(bytes(key), bytes(value)).secrets.values():
                yield bytes(key), sealed


def is_config_row(key: bytes) -> bool:
    """Whether a row of `cf` holds a config, and does not name one."""
    return key.partition(b"\0")[2].startswith(b"c")


def _named(key: bytes, secret: Secret) -> SecretName:
    name = key.partition(b"\0")[2].decode()
    return SecretName(name, secret.created_ns, secret.updated_ns)
