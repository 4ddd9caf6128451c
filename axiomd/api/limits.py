"""Routes for what tenants may use, and what they do use."""

from typing import Any

import attrs
from quart import Blueprint, g

from axiomd.api.box import Box
from axiomd.api.executions import query_of, request_body, take_no_query
from axiomd.api.views import Json
from axiomd.api.wire import read_body
from axiomd.clock import rfc3339
from axiomd.engine.keyring import DEFAULT_TENANT
from axiomd.errors import Forbidden, Invalid, NotFound
from axiomd.execution.status import Status
from axiomd.execution.tenant_limits import OwnLimits


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

    async def limits(self, tenant: str) -> Json:
        """The limits in force for a tenant, and those that are its own."""
        take_no_query()
        self._find(tenant)
        return self._limits_view(tenant)

    async def set_limits(self, tenant: str) -> Json:
        """Replace what is a tenant's own; what is left out, or null, is as for everybody."""
        take_no_query()
        if g.tenant != DEFAULT_TENANT:
            words = f"Only keys of the tenant {DEFAULT_TENANT} set limits, which run this box."
            raise Forbidden(words)
        self._find(tenant)
        own = read_body(await request_body(), OwnLimits)
        if problems := list(own.problems()):
            raise Invalid("These limits cannot be.", problems=problems)
        await self._box.engine.limits.put(tenant, own)
        return self._limits_view(tenant)

    async def usage(self) -> Json:
        """What a tenant has running and waiting, and what it has had accepted."""
        query = query_of("tenant")
        tenant = query.text("tenant") or g.tenant
        query.check()
        self._find(tenant)
        engine = self._box.engine
        usage = await engine.usages.of(tenant)
        by_status = {status.value: count for status, count in usage.by_status.items()}
        days = [{"day": str(day), "accepted": count} for day, count in usage.by_day.items()]
        return {
            "tenant": tenant,
            "limits": attrs.asdict(engine.limits.of(tenant)),
            "running": engine.running(tenant),
            "queued": by_status[Status.QUEUED.value],
            "executions": by_status,
            "days": days,
            "counted_at": rfc3339(usage.at_ns),
            "complete": usage.complete,
        }

    def _find(self, tenant: str) -> None:
        """Raise NotFound unless the caller may see this tenant, and there is one."""
        if tenant == g.tenant:
            return
        if g.tenant != DEFAULT_TENANT or not self._box.keyring.has(tenant):
            raise NotFound(f"There is no tenant {tenant}.")

    def _limits_view(self, tenant: str) -> Json:
        limits = self._box.engine.limits
        view: dict[str, Any] = {"tenant": tenant, "limits": attrs.asdict(limits.of(tenant))}
        return view | {"own": attrs.asdict(limits.own(tenant))}
