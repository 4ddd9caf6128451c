"""Tenants: created, renamed, disabled, enabled, and for how long their executions are kept.

The tenant `default` is the operator's: it is always there, may see and change all tenants, and
cannot be disabled. Whether a tenant is disabled is read at each request; what it has in flight
goes on. The commits are made here for the server and for commands beside it alike.
"""

from collections.abc import Mapping

import attrs

from axiomd.clock import Clock
from axiomd.engine.keyring import DEFAULT_TENANT
from axiomd.engine.revising import revise
from axiomd.errors import Invalid, NotFound, Problem, WrongState
from axiomd.ids import TENANT_ID
from axiomd.limits import RETENTION_DAYS_MAX, TENANT_NAME_CHARACTERS_MAX
from axiomd.store import keys
from axiomd.store.acts import Act, ActKind, Actor, acted
from axiomd.store.commit import RowsCommit
from axiomd.store.reader import Reader
from axiomd.store.records import TenantRecord, encode_tenant
from axiomd.store.tenants import Tenant
from axiomd.store.writer import Writer
from axiomd.strict import unknown


@attrs.frozen
class Days:
    """For how long ended executions are kept; None as the box is set, 0 for ever."""

    kept: float | None


@attrs.frozen
class TenantChanges:
    """What is to be another of a tenant; None leaves it as it is."""

    name: str | None = None
    disabled: bool | None = None
    retention: Days | None = None


def every_tenant(reader: Reader) -> Mapping[str, Tenant]:
    """Every tenant by its ID; the operator's is always one of them."""
    found = reader.tenants()
    if DEFAULT_TENANT not in found:
        found = dict(sorted({**found, DEFAULT_TENANT: Tenant(DEFAULT_TENANT)}.items()))
    return found


def find_tenant(reader: Reader, tenant: str) -> Tenant:
    """A tenant. Raises NotFound, naming the nearest one."""
    known = every_tenant(reader)
    if tenant not in known:
        raise NotFound(unknown("tenant", tenant, known))
    return known[tenant]


def created(reader: Reader, tenant: str, name: str | None, by: Actor, at_ns: int) -> RowsCommit:
    """What makes a new tenant, called `name`, or as its ID.

    Raises Invalid, WrongState if there is one of that ID.
    """
    problems = [] if TENANT_ID.fullmatch(tenant) else [Problem("tenant", _ID_WORDS)]
    problems += _name_problems(name) if name is not None else []
    if problems:
        raise Invalid("The tenant cannot be called so.", problems=problems)
    if tenant in every_tenant(reader):
        raise WrongState(f"There is a tenant {tenant} already.")
    record = TenantRecord(name=(name or "").strip(), created_ns=at_ns)
    return RowsCommit(
        ((keys.TENANTS, tenant.encode(), encode_tenant(record)),),
        acts=acted(by, tenant, at_ns, ActKind.TENANT_CREATED, tenant, name=record.name or tenant),
        still=((keys.TENANTS, tenant.encode(), None),),
    )


_ID_WORDS = "must be 1 to 63 lowercase letters, digits and dashes, and begin with no dash"


def _name_problems(name: str) -> list[Problem]:
    if name.strip() and name.isprintable() and len(name) <= TENANT_NAME_CHARACTERS_MAX:
        return []
    words = f"must be 1 to {TENANT_NAME_CHARACTERS_MAX} printable characters on one line"
    return [Problem("name", words)]


def changed(
    reader: Reader, tenant: str, changes: TenantChanges, by: Actor, at_ns: int
) -> RowsCommit | None:
    """What changes a tenant; None if it is so already.

    Raises NotFound, Invalid, WrongState if it is the operator's and to be disabled.
    """
    _check(changes)
    found = find_tenant(reader, tenant)
    before = found.record
    if tenant == DEFAULT_TENANT and changes.disabled:
        raise WrongState(f"The tenant {DEFAULT_TENANT} is the operator's and cannot be disabled.")
    after = _after(before, changes, at_ns)
    if after == before:
        return None
    return RowsCommit(
        ((keys.TENANTS, tenant.encode(), encode_tenant(after)),),
        acts=_acts(tenant, before, after, by, at_ns),
        still=((keys.TENANTS, tenant.encode(), found.row),),
    )


def _check(changes: TenantChanges) -> None:
    problems = _name_problems(changes.name) if changes.name is not None else []
    days = changes.retention.kept if changes.retention is not None else None
    if days is not None and not 0 <= days <= RETENTION_DAYS_MAX:
        words = f"must be from 0, which keeps them for ever, to {RETENTION_DAYS_MAX}, not {days}"
        problems.append(Problem("retention_days", words))
    if problems:
        raise Invalid("The tenant cannot be changed so.", problems=problems)


def _after(record: TenantRecord, changes: TenantChanges, at_ns: int) -> TenantRecord:
    if changes.name is not None:
        record = attrs.evolve(record, name=changes.name.strip())
    if changes.disabled is not None and changes.disabled != bool(record.disabled_ns):
        record = attrs.evolve(record, disabled_ns=at_ns if changes.disabled else 0)
    if changes.retention is not None:
        record = attrs.evolve(record, retention_days=changes.retention.kept)
    return record


def _acts(
    tenant: str, before: TenantRecord, after: TenantRecord, by: Actor, at_ns: int
) -> tuple[Act, ...]:
    found: list[tuple[ActKind, dict[str, object]]] = []
    if after.name != before.name:
        named: dict[str, object] = {"before": before.name or tenant, "after": after.name}
        found.append((ActKind.TENANT_RENAMED, named))
    if after.disabled_ns != before.disabled_ns:
        kind = ActKind.TENANT_DISABLED if after.disabled_ns else ActKind.TENANT_ENABLED
        found.append((kind, {}))
    if after.retention_days != before.retention_days:
        days: dict[str, object] = {"before": before.retention_days, "after": after.retention_days}
        found.append((ActKind.TENANT_RETENTION_CHANGED, days))
    return tuple(
        act for kind, detail in found for act in acted(by, tenant, at_ns, kind, tenant, **detail)
    )


class Tenants:
    """The tenants of this box."""

    def __init__(self, writer: Writer, reader: Reader, clock: Clock) -> None:
        self._writer = writer
        self._reader = reader
        self._clock = clock

    def every(self) -> Mapping[str, Tenant]:
        """Every tenant by its ID, in their order."""
        return every_tenant(self._reader)

    def find(self, tenant: str) -> Tenant:
        """A tenant. Raises NotFound."""
        return find_tenant(self._reader, tenant)

    async def create(self, tenant: str, name: str | None, by: Actor) -> Tenant:
        """A new tenant. Raises Invalid, WrongState if there is one of that ID, StoreFull."""
        await revise(
            self._writer,
            lambda: created(self._reader, tenant, name, by, self._clock.now_ns()),
        )
        return self.find(tenant)

    async def change(self, tenant: str, changes: TenantChanges, by: Actor) -> Tenant:
        """Change a tenant, at once. Raises NotFound, Invalid, WrongState, StoreFull."""
        await revise(
            self._writer,
            lambda: changed(self._reader, tenant, changes, by, self._clock.now_ns()),
        )
        return self.find(tenant)
