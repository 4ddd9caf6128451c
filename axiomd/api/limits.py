"""Routes for what tenants may use, and what they do use."""

from typing import Any, TypedDict

import attrs
from quart import Blueprint, g

from axiomd.api.auth import Caller
from axiomd.api.box import Box
from axiomd.api.executions import query_of, request_body, take_no_query
from axiomd.api.shapes import Moment
from axiomd.api.wire import read_body
from axiomd.clock import rfc3339
from axiomd.errors import Invalid
from axiomd.execution.status import Status
from axiomd.execution.tenant_limits import OwnLimits


class LimitNumbersView(TypedDict):
    """Limits, by the names of the settings; 0 is no bound, and of a burst one second's."""

    requests_per_s: float
    requests_burst: int
    invocations_per_s: float
    invocations_burst: int
    executions_max: int
    flow_executions_max: int


class OwnNumbersView(TypedDict):
    """The same, of those that are a tenant's own; null is as for everybody."""

    requests_per_s: float | None
    requests_burst: int | None
    invocations_per_s: float | None
    invocations_burst: int | None
    executions_max: int | None
    flow_executions_max: int | None


class TenantLimitsView(TypedDict):
    """The limits of a tenant."""

    tenant: str
    limits: LimitNumbersView
    """Those in force."""
    own: OwnNumbersView


class DayView(TypedDict):
    """A day, UTC."""

    day: str
    accepted: int
    """Executions that were accepted then, of those that are kept."""


class UsageView(TypedDict):
    """How much of the box a tenant uses."""

    tenant: str
    limits: LimitNumbersView
    """Those in force."""
    running: int
    """Executions that have a worker now."""
    queued: int
    """Executions that waited for one when it was counted."""
    executions: dict[str, int]
    """Executions that are kept, by status."""
    days: list[DayView]
    """The last 30 days, today first."""
    counted_at: Moment
    complete: bool
    """Whether everything was counted; if not, the newest ones were."""


def limits_routes(box: Box) -> Blueprint:
    """Limits and usage below /app/v1."""
    routes = Blueprint("limits", __name__, url_prefix="/app/v1")
    bounds = _Bounds(box)
    routes.get("/tenants/<tenant>/limits")(bounds.limits)
    routes.put("/tenants/<tenant>/limits")(bounds.set_limits)
    routes.get("/usage")(bounds.usage)
    return routes


class _Bounds:
    """The handlers, over a box."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def limits(self, tenant: str) -> TenantLimitsView:
        """The limits in force for a tenant, and those that are its own."""
        take_no_query()
        self._find(tenant)
        return self._limits_view(tenant)

    async def set_limits(self, tenant: str) -> TenantLimitsView:
        """Replace what is a tenant's own; what is left out, or null, is as for everybody."""
        take_no_query()
        caller: Caller = g.caller
        caller.require_operator()
        self._box.tenants.find(tenant)
        own = read_body(await request_body(), OwnLimits)
        if problems := list(own.problems()):
            raise Invalid("These limits cannot be.", problems=problems)
        await self._box.engine.limits.put(tenant, own, caller.actor)
        return self._limits_view(tenant)

    async def usage(self) -> UsageView:
        """What a tenant has running and waiting, and what it has had accepted."""
        query = query_of("tenant")
        asked = query.text("tenant")
        query.check()
        tenant = self._find(asked)
        engine = self._box.engine
        usage = await engine.usages.of(tenant)
        return {
            "tenant": tenant,
            "limits": self._limits_view(tenant)["limits"],
            "running": engine.running(tenant),
            "queued": usage.by_status[Status.QUEUED],
            "executions": {status.value: count for status, count in usage.by_status.items()},
            "days": [{"day": str(day), "accepted": n} for day, n in usage.by_day.items()],
            "counted_at": rfc3339(usage.at_ns),
            "complete": usage.complete,
        }

    def _find(self, asked: str | None) -> str:
        """The tenant that is asked about. Raises Forbidden unless the caller may see it, NotFound
        unless there is one."""
        caller: Caller = g.caller
        return self._box.tenants.find(caller.tenant_asked(asked)).tenant

    def _limits_view(self, tenant: str) -> TenantLimitsView:
        limits = self._box.engine.limits
        in_force: dict[str, Any] = attrs.asdict(limits.of(tenant))
        own: dict[str, Any] = attrs.asdict(limits.own(tenant))
        return {
            "tenant": tenant,
            "limits": LimitNumbersView(**in_force),  # type: ignore[typeddict-item]
            "own": OwnNumbersView(**own),  # type: ignore[typeddict-item]
        }
