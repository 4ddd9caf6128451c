"""Routes for tenants: the operator sees and changes all of them, everybody else sees itself."""

import bisect
from typing import Annotated, TypedDict

import attrs
from quart import Blueprint, g

from axiomd.api.auth import Caller
from axiomd.api.box import Box
from axiomd.api.executions import query_of, request_body, take_no_query
from axiomd.api.schema import Words
from axiomd.api.shapes import Moment
from axiomd.api.views import Json, moment
from axiomd.api.wire import PAGE_PARAMETERS, read_body, read_json, read_page
from axiomd.engine.tenants import Days, TenantChanges
from axiomd.errors import Invalid, Malformed, Problem
from axiomd.ids import TENANT_ID
from axiomd.limits import RETENTION_DAYS_MAX, TENANT_NAME_CHARACTERS_MAX
from axiomd.store.cursors import NO_CURSOR, read_row_cursor, write_row_cursor
from axiomd.store.tenants import Tenant
from axiomd.strict import structure

_Name = Annotated[str, Words(minLength=1, maxLength=TENANT_NAME_CHARACTERS_MAX)]
_Days = Annotated[float, Words(minimum=0, maximum=RETENTION_DAYS_MAX)]


class TenantView(TypedDict):
    """One of those that share the box."""

    tenant: str
    """Its ID."""
    name: str
    """What people call it."""
    created_at: Moment | None
    disabled: bool
    """Whether its keys and sessions are refused."""
    retention_days: float | None
    """Days that its ended executions are kept, 0 for ever; null as the box is set."""
    keys: int
    """API keys of it that are valid."""


@attrs.frozen
class NewTenantBody:
    """A new tenant."""

    tenant: Annotated[str, Words(pattern=f"^{TENANT_ID.pattern}$")]
    """Its ID, which stays."""
    name: _Name | None = None
    """What people call it; its ID if not given."""


@attrs.frozen
class ChangeTenantBody:
    """What is to be another of a tenant: what is not given stays as it is."""

    name: _Name | None = None
    """Not null."""
    disabled: bool | None = None
    """Not null."""
    retention_days: _Days | None = None
    """Null as the box is set, 0 for ever."""


def tenants_routes(box: Box) -> Blueprint:
    """Tenants below /app/v1."""
    routes = Blueprint("tenants", __name__, url_prefix="/app/v1")
    tenants = _TenantRoutes(box)
    routes.get("/tenants")(tenants.list_tenants)
    routes.post("/tenants")(tenants.create)
    routes.get("/tenants/<tenant>")(tenants.show)
    routes.patch("/tenants/<tenant>")(tenants.change)
    return routes


class _TenantRoutes:
    """The handlers, over a box."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def list_tenants(self) -> Json:
        """A page of the tenants the caller may see, by ID."""
        limit, cursor = read_page(query_of(*PAGE_PARAMETERS))
        caller: Caller = g.caller
        every = await self._box.engine.parts.run_blocking(self._box.tenants.every)
        seen = [one for one in every.values() if caller.is_operator or one.tenant == g.tenant]
        first = bisect.bisect_right(seen, _read_place(cursor), key=_place) if cursor else 0
        page = seen[first : first + limit]
        more = write_row_cursor(_place(page[-1])) if len(seen) > first + limit else None
        return {"tenants": [tenant_view(one) for one in page], "next_cursor": more}

    async def create(self) -> tuple[TenantView, int]:
        """A new tenant, without a key yet."""
        take_no_query()
        caller: Caller = g.caller
        caller.require_operator()
        body = read_body(await request_body(), NewTenantBody)
        made = await self._box.tenants.create(body.tenant, body.name, caller.actor)
        return tenant_view(made), 201

    async def show(self, tenant: str) -> TenantView:
        """One tenant."""
        take_no_query()
        caller: Caller = g.caller
        return tenant_view(self._box.tenants.find(caller.tenant_asked(tenant)))

    async def change(self, tenant: str) -> TenantView:
        """Rename, disable, enable, or keep its executions for another time; bites at once."""
        take_no_query()
        caller: Caller = g.caller
        caller.require_operator()
        changes = read_changes(await request_body())
        return tenant_view(await self._box.tenants.change(tenant, changes, caller.actor))


def read_changes(body: bytes) -> TenantChanges:
    """The body that changes a tenant. Raises Malformed, Invalid."""
    given = read_json(body)
    read = structure(given, ChangeTenantBody, title="The request body is not valid.")
    problems = [
        Problem(key, "cannot be null; leave it out to leave it as it is")
        for key in ("name", "disabled")
        if key in given and given[key] is None
    ]
    if not given:
        problems.append(Problem("", "name, disabled or retention_days: at least one of them"))
    if problems:
        raise Invalid("The request body is not valid.", problems=problems)
    retention = Days(read.retention_days) if "retention_days" in given else None
    return TenantChanges(read.name, read.disabled, retention)


def tenant_view(tenant: Tenant) -> TenantView:
    """A tenant."""
    return {
        "tenant": tenant.tenant,
        "name": tenant.name,
        "created_at": moment(tenant.created_ns),
        "disabled": bool(tenant.record.disabled_ns),
        "retention_days": tenant.record.retention_days,
        "keys": tenant.keys,
    }


def _place(tenant: Tenant) -> bytes:
    return tenant.tenant.encode()


def _read_place(cursor: str) -> bytes:
    place = read_row_cursor(cursor)
    try:
        place.decode()
    except UnicodeDecodeError:
        raise Malformed(NO_CURSOR) from None
    return place
