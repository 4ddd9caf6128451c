"""What each tenant's webhooks are signed with: made at first use, shown, replaced.

The one place that reads and writes signing secrets.
"""

import base64

import attrs

from axiomd.clock import NS_PER_DAY, Clock
from axiomd.engine.revising import revise
from axiomd.execution.signatures import SECRET_PREFIX, SigningSecrets
from axiomd.ids import Ids
from axiomd.store import keys
from axiomd.store.acts import ActKind, Actor, acted
from axiomd.store.commit import RowsCommit
from axiomd.store.delivery_records import encode_secrets
from axiomd.store.outbox import Outbox
from axiomd.store.writer import Writer

_OVERLAP_NS = NS_PER_DAY
"""How long messages are signed with a secret that was replaced, beside the new one."""


class Signing:
    """The signing secrets of this box."""

    def __init__(self, writer: Writer, outbox: Outbox, clock: Clock, ids: Ids) -> None:
        self._writer = writer
        self._outbox = outbox
        self._clock = clock
        self._ids = ids

    async def of(self, tenant: str) -> SigningSecrets:
        """A tenant's secrets; they are made if there are none. Raises StoreFull."""
        found = self._outbox.secrets(tenant)
        if found is None:
            first = SigningSecrets(self._new(), self._clock.now_ns())
            row = (keys.SIGNING_SECRETS, tenant.encode())
            # Whoever was faster has made them.
            await self._writer.submit(_put(tenant, first, unless=row)).wait()
            found = self._outbox.secrets(tenant)
            assert found is not None
        return found

    async def rotate(self, tenant: str, by: Actor) -> SigningSecrets:
        """Replace a tenant's secret; the old one signs too for a day. Raises StoreFull."""
        await self.of(tenant)
        made: list[SigningSecrets] = []

        def rotated() -> RowsCommit:
            before, at_ns = self._outbox.secrets(tenant), self._clock.now_ns()
            assert before is not None
            until_ns = at_ns + _OVERLAP_NS
            made.append(SigningSecrets(self._new(), at_ns, before.current, until_ns))
            acts = acted(by, tenant, at_ns, ActKind.WEBHOOK_SECRET_ROTATED, tenant)
            still = (keys.SIGNING_SECRETS, tenant.encode(), encode_secrets(before))
            return attrs.evolve(_put(tenant, made[-1]), acts=acts, still=(still,))

        await revise(self._writer, rotated)
        return made[-1]

    def _new(self) -> str:
        return SECRET_PREFIX + base64.b64encode(self._ids.signing_bytes()).decode()


def _put(
    tenant: str, secrets: SigningSecrets, unless: tuple[str, bytes] | None = None
) -> RowsCommit:
    row = (keys.SIGNING_SECRETS, tenant.encode(), encode_secrets(secrets))
    return RowsCommit((row,), unless)
