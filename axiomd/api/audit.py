"""The route of the log of administrative acts."""

from typing import Annotated, Any, TypedDict

from quart import Blueprint, g

from axiomd.api.auth import Caller
from axiomd.api.box import Box
from axiomd.api.executions import query_of
from axiomd.api.schema import Words
from axiomd.api.shapes import Moment
from axiomd.api.views import Json
from axiomd.api.wire import PAGE_PARAMETERS, read_json, read_page
from axiomd.clock import rfc3339
from axiomd.errors import Invalid, Problem
from axiomd.store.acts import Act, ActKind
from axiomd.strict import unknown


class ActView(TypedDict):
    """One line of the log of administrative acts."""

    at: Moment
    by: str
    """A key's name and first eight characters, `console session`, `command line`, `first start`."""
    act: Annotated[str, Words(enum=[kind.value for kind in ActKind])]
    subject: str
    """What it was done to."""
    detail: dict[str, Any]


def audit_routes(box: Box) -> Blueprint:
    """The log below /app/v1."""
    routes = Blueprint("audit", __name__, url_prefix="/app/v1")

    async def audit() -> Json:
        """A page of a tenant's log, newest first: the caller's own, or for the operator any."""
        query = query_of("act", "tenant", *PAGE_PARAMETERS)
        kind, asked = _read_kind(query.text("act")), query.text("tenant")
        limit, cursor = read_page(query)
        caller: Caller = g.caller
        tenant = caller.tenant_asked(asked)
        if tenant != g.tenant:
            box.tenants.find(tenant)
        run_blocking = box.engine.parts.run_blocking
        page = await run_blocking(box.reader.acts, tenant, kind, limit, cursor)
        return {"acts": [act_view(act) for act in page.rows], "next_cursor": page.cursor}

    routes.get("/audit")(audit)
    return routes


def _read_kind(text: str | None) -> ActKind | None:
    known = {kind.value: kind for kind in ActKind}
    if text is None or text in known:
        return known[text] if text is not None else None
    raise Invalid("The query is not valid.", problems=[Problem("act", unknown("act", text, known))])


def act_view(act: Act) -> ActView:
    """One line of the log."""
    return {
        "at": rfc3339(act.at_ns),
        "by": act.by,
        "act": act.kind.value,
        "subject": act.subject,
        "detail": read_json(act.detail.encode()),
    }
