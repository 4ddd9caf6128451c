"""Routes for API keys."""

from typing import TypedDict

from quart import Blueprint, g

from axiomd.api.box import Box
from axiomd.api.executions import request_body
from axiomd.api.shapes import Moment
from axiomd.api.views import Json
from axiomd.api.wire import read_new_key
from axiomd.clock import rfc3339


class KeyView(TypedDict):
    """An API key as it is listed."""

    name: str
    key: str
    """Its first eight and last four characters."""
    created_at: Moment


class NewKeyView(TypedDict):
    """A new API key: it is shown this once."""

    key: str
    name: str


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
        keys: list[KeyView] = [
            {
                "name": record.name,
                "key": f"{record.first8}…{record.last4}",
                "created_at": rfc3339(record.created_ns),
            }
            for record in self._box.keyring.list(g.tenant)
        ]
        return {"keys": keys, "next_cursor": None}

    async def create(self) -> tuple[NewKeyView, int]:
        """A new key, shown this once."""
        body = read_new_key(await request_body())
        key = await self._box.keyring.create(body.name, g.tenant)
        return {"key": key, "name": body.name}, 201

    async def revoke(self, first8: str) -> RevokedKeyView:
        """End a key at once."""
        await self._box.keyring.revoke(g.tenant, first8)
        return {"revoked": first8}
