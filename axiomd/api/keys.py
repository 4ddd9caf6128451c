"""Routes for API keys."""

from typing import TypedDict

from quart import Blueprint, g

from axiomd.api.auth import Caller
from axiomd.api.box import Box
from axiomd.api.executions import request_body, take_no_query
from axiomd.api.shapes import Moment
from axiomd.api.views import Json, moment
from axiomd.api.wire import read_new_key
from axiomd.clock import rfc3339
from axiomd.store.acts import masked
from axiomd.store.records import ApiKeyRecord


class KeyView(TypedDict):
    """An API key as it is listed."""

    name: str
    key: str
    """Its first eight and last four characters."""
    created_at: Moment
    last_used_at: Moment | None


class NewKeyView(TypedDict):
    """A new API key: it is shown this once."""

    key: str
    name: str
    tenant: str


class RevokedKeyView(TypedDict):
    """A key that is no longer one."""

    revoked: str
    """Its first eight characters."""


def keys_routes(box: Box) -> Blueprint:
    """API keys below /app/v1."""
    routes = Blueprint("keys", __name__, url_prefix="/app/v1")
    ring = KeyRoutes(box)
    routes.get("/keys")(ring.list_keys)
    routes.post("/keys")(ring.create)
    routes.delete("/keys/<first8>")(ring.revoke)
    return routes


class KeyRoutes:
    """The handlers of API keys."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def list_keys(self) -> Json:
        """The tenant's keys, masked."""
        take_no_query()
        views = [key_view(record) for record in self._box.keyring.list(g.tenant)]
        return {"keys": views, "next_cursor": None}

    async def create(self) -> tuple[NewKeyView, int]:
        """A new key, shown this once; the operator makes them for others too."""
        take_no_query()
        body = read_new_key(await request_body())
        caller: Caller = g.caller
        tenant = caller.tenant_asked(body.tenant)
        if tenant != g.tenant:
            self._box.tenants.find(tenant)
        key = await self._box.keyring.create(body.name, tenant, caller.actor)
        return {"key": key, "name": body.name, "tenant": tenant}, 201

    async def revoke(self, first8: str) -> RevokedKeyView:
        """End a key at once."""
        take_no_query()
        await self._box.keyring.revoke(g.tenant, first8, g.caller.actor)
        return {"revoked": first8}


def key_view(key: ApiKeyRecord) -> KeyView:
    """A key in a list."""
    return {
        "name": key.name,
        "key": masked(key),
        "created_at": rfc3339(key.created_ns),
        "last_used_at": moment(key.last_used_ns),
    }
