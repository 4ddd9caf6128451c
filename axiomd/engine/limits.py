"""The limits in force for each tenant: read from memory, changed through the store."""

from collections.abc import Callable

import attrs

from axiomd.clock import Clock
from axiomd.errors import AxiomdError
from axiomd.execution.tenant_limits import OwnLimits, in_force
from axiomd.settings import LimitsSettings
from axiomd.store.acts import ActKind, Actor, acted
from axiomd.store.commit import RowsCommit
from axiomd.store.keys import TENANT_LIMITS
from axiomd.store.limit_records import encode_own_limits
from axiomd.store.reader import Reader
from axiomd.store.writer import Writer

_NONE = OwnLimits()


class TenantLimits:
    """Whose limits are which. Only this process changes them, so memory and store agree."""

    def __init__(self, writer: Writer, reader: Reader, clock: Clock, box: LimitsSettings) -> None:
        """box: what holds for whoever has nothing else set."""
        self._writer = writer
        self._clock = clock
        self._box = box
        self._own = reader.tenant_limits()
        self._in_force = {tenant: in_force(box, own) for tenant, own in self._own.items()}
        self.on_changed: Callable[[str], None] = lambda _: None
        """Called with a tenant whose limits are others from now on."""

    def of(self, tenant: str) -> LimitsSettings:
        """The limits in force."""
        return self._in_force.get(tenant, self._box)

    def own(self, tenant: str) -> OwnLimits:
        """Those that are set for the tenant alone."""
        return self._own.get(tenant, _NONE)

    async def put(self, tenant: str, own: OwnLimits, by: Actor) -> None:
        """Set a tenant's own limits, durably; they are in force once that is on disk.

        Raises StoreFull. Cancelling leaves open whether they are set.
        """
        key, at_ns = tenant.encode(), self._clock.now_ns()
        given = {name: most for name, most in attrs.asdict(own).items() if most is not None}
        acts = acted(by, tenant, at_ns, ActKind.TENANT_LIMITS_CHANGED, tenant, **given)
        if own.given:
            commit = RowsCommit(((TENANT_LIMITS, key, encode_own_limits(own)),), acts=acts)
        else:
            commit = RowsCommit((), deletes=((TENANT_LIMITS, key),), acts=acts)

        def take(refusal: AxiomdError | None) -> None:
            # Here and not after the wait: of two changes the one that is on disk last counts.
            if refusal is None:
                self._own[tenant] = own
                self._in_force[tenant] = in_force(self._box, own)
                self.on_changed(tenant)

        ticket = self._writer.submit(commit)
        ticket.then(take)
        await ticket.wait()
