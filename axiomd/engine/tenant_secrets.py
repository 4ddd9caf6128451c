"""The secrets of tenants: set, listed by name, removed, and opened for one call.

Only `values` ever gives a value out, and only `engine/provision.py` asks for it.
"""

from collections.abc import Sequence

import attrs

from axiomd.clock import Clock
from axiomd.engine.sealer import Sealer
from axiomd.errors import Invalid, KeyFileUnusable, NotFound, Problem
from axiomd.execution.flow_configs import Secret
from axiomd.limits import SECRETS_PER_TENANT_MAX
from axiomd.store import keys
from axiomd.store.batch import Overtaken
from axiomd.store.commit import RowsCommit
from axiomd.store.key_file import override_place, secret_place
from axiomd.store.reader import Rows
from axiomd.store.vault import SecretName, Vault
from axiomd.store.vault_records import decode_secret, encode_secret
from axiomd.store.writer import Writer


class TenantSecrets:
    """The secrets of this box."""

    def __init__(self, writer: Writer, vault: Vault, sealer: Sealer, clock: Clock) -> None:
        self._writer = writer
        self._vault = vault
        self._sealer = sealer
        self._clock = clock

    def list(self, tenant: str, limit: int, cursor: str | None) -> Rows[SecretName]:
        """A page of a tenant's secrets by name. Raises Malformed."""
        return self._vault.secret_names(tenant, limit, cursor)

    async def put(self, tenant: str, name: str, value: str) -> bool:
        """Set a secret; whether it is a new one.

        Raises Invalid if the tenant has too many, KeyFileUnusable, StoreFull.
        """
        key = keys.secret_key(tenant, name)
        while True:
            before, at_ns = self._vault.secret_row(tenant, name), self._clock.now_ns()
            if before is None and self._vault.count_secrets(tenant) >= SECRETS_PER_TENANT_MAX:
                words = f"there are {SECRETS_PER_TENANT_MAX} secrets already; remove one first"
                raise Invalid("The secret is not valid.", problems=[Problem("name", words)])
            sealing = await self._sealer.sealing()
            secret = Secret(sealing.seal(value, secret_place(tenant, name)), at_ns, at_ns)
            if before is not None:
                secret = attrs.evolve(secret, created_ns=decode_secret(before).created_ns)
            put = (keys.SECRETS, key, encode_secret(secret))
            given = (*sealing.given, (keys.SECRETS, key, before))
            commit = RowsCommit((put, *sealing.puts), given=given)
            if not isinstance(await self._writer.submit(commit).wait(), Overtaken):
                return before is None

    async def delete(self, tenant: str, name: str) -> None:
        """Remove a secret. Raises NotFound."""
        key = keys.secret_key(tenant, name)
        while (before := self._vault.secret_row(tenant, name)) is not None:
            row = (keys.SECRETS, key)
            commit = RowsCommit((), deletes=(row,), given=((*row, before),))
            if not isinstance(await self._writer.submit(commit).wait(), Overtaken):
                return
        raise NotFound(f"There is no secret {name}.")

    def values(
        self, tenant: str, names: Sequence[str], config_ids: Sequence[str]
    ) -> dict[str, str]:
        """The values of those names that have one. Raises KeyFileUnusable."""
        try:
            return self._values(tenant, names, config_ids)
        except KeyFileUnusable:
            # Sealed anew between the look at the row and that at the ring, perhaps.
            return self._values(tenant, names, config_ids)

    def _values(
        self, tenant: str, names: Sequence[str], config_ids: Sequence[str]
    ) -> dict[str, str]:
        found = self._vault.values(tenant, names, config_ids)
        return {
            name: self._sealer.open(
                sealed,
                override_place(tenant, config_id, name)
                if config_id
                else secret_place(tenant, name),
            )
            for name, (sealed, config_id) in found.items()
        }

    def known(self, tenant: str, names: Sequence[str], config_ids: Sequence[str]) -> set[str]:
        """Those of the names that have a value."""
        return set(self._vault.values(tenant, names, config_ids))
