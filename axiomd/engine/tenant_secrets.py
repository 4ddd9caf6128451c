"""The secrets of tenants: set, listed by name, removed, and opened for one call.

Only `values` ever gives a value out, and only `engine/provision.py` asks for it.
"""

from collections.abc import Sequence

import attrs

from axiomd.clock import Clock
from axiomd.engine.revising import revise, revise_slowly
from axiomd.engine.sealer import Sealer
from axiomd.errors import Invalid, KeyFileUnusable, NotFound, Problem
from axiomd.execution.flow_configs import Secret
from axiomd.limits import SECRETS_PER_TENANT_MAX
from axiomd.store import keys
from axiomd.store.acts import ActKind, Actor, acted
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

    async def put(self, tenant: str, name: str, value: str, by: Actor) -> bool:
        """Set a secret; whether it is a new one.

        Raises Invalid if the tenant has too many, KeyFileUnusable, StoreFull.
        """
        before: bytes | None = None

        async def set_anew() -> RowsCommit:
            nonlocal before
            before = self._vault.secret_row(tenant, name)
            if before is None and self._vault.count_secrets(tenant) >= SECRETS_PER_TENANT_MAX:
                words = f"there are {SECRETS_PER_TENANT_MAX} secrets already; remove one first"
                raise Invalid("The secret is not valid.", problems=[Problem("name", words)])
            return await self._set(tenant, name, value, before, by)

        await revise_slowly(self._writer, set_anew)
        return before is None

    async def _set(
        self, tenant: str, name: str, value: str, before: bytes | None, by: Actor
    ) -> RowsCommit:
        sealing, at_ns = await self._sealer.sealing(), self._clock.now_ns()
        secret = Secret(sealing.seal(value, secret_place(tenant, name)), at_ns, at_ns)
        if before is not None:
            secret = attrs.evolve(secret, created_ns=decode_secret(before).created_ns)
        row = (keys.SECRETS, keys.secret_key(tenant, name))
        return RowsCommit(
            ((*row, encode_secret(secret)), *sealing.puts),
            acts=acted(by, tenant, at_ns, ActKind.SECRET_SET, name, created=before is None),
            still=(*sealing.still, (*row, before)),
        )

    async def delete(self, tenant: str, name: str, by: Actor) -> None:
        """Remove a secret. Raises NotFound."""

        def deleted() -> RowsCommit:
            before = self._vault.secret_row(tenant, name)
            if before is None:
                raise NotFound(f"There is no secret {name}.")
            row = (keys.SECRETS, keys.secret_key(tenant, name))
            acts = acted(by, tenant, self._clock.now_ns(), ActKind.SECRET_DELETED, name)
            return RowsCommit((), deletes=(row,), acts=acts, still=((*row, before),))

        await revise(self._writer, deleted)

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
