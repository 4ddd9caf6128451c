"""What `axiomd verify` holds secrets and flow configs against.

Only what can be seen without a key: that a value can be opened is seen by whoever starts a server.
"""

from collections.abc import Iterator, Mapping

import lmdb

from axiomd.execution.flow_configs import NODE_TIMEOUT_S_MAX, NODE_TIMEOUT_S_MIN, Sealed
from axiomd.store import keys
from axiomd.store.delivery_rules import Faults, RowLook
from axiomd.store.env import get
from axiomd.store.vault import SEALING_KEY, is_config_row
from axiomd.store.vault_records import decode_config, decode_secret


class VaultLooks:
    """Looks at the rows of secrets and flow configs."""

    def __init__(self, tables: Mapping[str, "lmdb._Database"]) -> None:
        self._tables = tables

    def of_tables(self) -> Iterator[tuple[str, RowLook]]:
        """Each table, and what is wrong with a row of it."""
        yield keys.SECRETS, self._secret_faults
        yield keys.FLOW_CONFIGS, self._config_faults

    def _get(self, transaction: "lmdb.Transaction", table: str, key: bytes) -> bytes | None:
        return get(transaction, key, self._tables[table])

    def _secret_faults(self, transaction: "lmdb.Transaction", _: bytes, value: bytes) -> Faults:
        """A secret is sealed, and the key that seals is known."""
        yield from self._sealed_faults(transaction, decode_secret(value).value)

    def _sealed_faults(self, transaction: "lmdb.Transaction", sealed: Sealed) -> Faults:
        if not (sealed.key_id and sealed.nonce and sealed.content):
            yield "it is not sealed"
        if self._get(transaction, keys.META, SEALING_KEY) is None:
            yield "it is sealed, and nobody knows with which key others would be"

    def _config_faults(self, transaction: "lmdb.Transaction", key: bytes, value: bytes) -> Faults:
        """A config is found by its profile, and a profile leads to its config."""
        if not is_config_row(key):
            yield from self._profile_faults(transaction, key, value)
            return
        config = decode_config(key, value)
        name = keys.profile_key(config.tenant, config.flow, config.profile)
        if self._get(transaction, keys.FLOW_CONFIGS, name) != config.config_id.encode():
            yield f"profile {config.profile} does not lead to it"
        seconds = config.node_timeout_s
        if seconds and not NODE_TIMEOUT_S_MIN <= seconds <= NODE_TIMEOUT_S_MAX:
            yield f"its node timeout is {seconds:g} s"
        for sealed in config.secrets.values():
            yield from self._sealed_faults(transaction, sealed)

    def _profile_faults(self, transaction: "lmdb.Transaction", key: bytes, value: bytes) -> Faults:
        tenant = key.partition(b"\0")[0].decode()
        own = keys.flow_config_key(tenant, value.decode())
        stored = self._get(transaction, keys.FLOW_CONFIGS, own)
        config = decode_config(own, stored) if stored is not None else None
        if config is None or keys.profile_key(tenant, config.flow, config.profile) != key:
            yield f"it leads to config {value.decode()}, which is not there, or another's"
