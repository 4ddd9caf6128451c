"""What is told of the routes of tenants and of the log of administrative acts."""

import re

from axiomd.api.audit import ActView
from axiomd.api.described.parameters import page, text
from axiomd.api.described.route import Answer, Body, Page, Route
from axiomd.api.tenants import ChangeTenantBody, NewTenantBody, TenantView
from axiomd.errors import Forbidden, NotFound, Occupied, WrongState
from axiomd.ids import TENANT_ID
from axiomd.store.acts import ActKind

_TAG = "Tenants"
_TENANT = "/app/v1/tenants/{tenant}"
_OPERATORS = "For keys and sessions of the tenant `default`, the operator's."

TENANTS = (
    Route(
        "GET",
        "/app/v1/tenants",
        "listTenants",
        "List tenants, by their IDs",
        (Answer(200, "A page of them.", Page("tenants", TenantView)),),
        _TAG,
        "The operator sees all of them, everybody else itself.",
        query=page(),
    ),
    Route(
        "POST",
        "/app/v1/tenants",
        "createTenant",
        "Make a tenant",
        (Answer(201, "The tenant. It has no key yet.", TenantView),),
        _TAG,
        _OPERATORS,
        body=Body("Which one.", NewTenantBody, {"tenant": "acme", "name": "Acme Ltd"}),
        refusals=(Forbidden, WrongState),
    ),
    Route(
        "GET",
        _TENANT,
        "getTenant",
        "Show a tenant",
        (Answer(200, "The tenant.", TenantView),),
        _TAG,
        "The operator sees all of them, everybody else itself.",
        refusals=(Forbidden,),
    ),
    Route(
        "PATCH",
        _TENANT,
        "changeTenant",
        "Rename, disable or enable a tenant, or keep its executions for another time",
        (Answer(200, "As it is from now on.", TenantView),),
        _TAG,
        f"{_OPERATORS} It bites at the tenant's next request; its executions go on.",
        body=Body("What is to be another.", ChangeTenantBody, {"disabled": True}),
        refusals=(Forbidden, WrongState, Occupied),
    ),
    Route(
        "GET",
        "/app/v1/audit",
        "listActs",
        "List administrative acts, newest first",
        (Answer(200, "A page of the log.", Page("acts", ActView)),),
        _TAG,
        query=(
            text("act", "Only these.", f"({'|'.join(map(re.escape, ActKind))})", "key.created"),
            text("tenant", "Whose log; for the operator.", TENANT_ID.pattern, "acme"),
            *page(),
        ),
        refusals=(Forbidden, NotFound),
    ),
)
