"""Routes for secrets and flow configs. A value goes in, and none ever comes out."""

from quart import Blueprint, Response, g

from axiomd.api.box import Box
from axiomd.api.executions import query_of, request_body, take_no_query
from axiomd.api.vault_wire import known_config_id, known_name, read_config, read_secret
from axiomd.api.views import Json
from axiomd.api.wire import PAGE_PARAMETERS, read_page
from axiomd.clock import rfc3339
from axiomd.execution.flow_configs import FlowConfig
from axiomd.store.cursors import read_row_cursor, write_row_cursor


def vault_routes(box: Box) -> Blueprint:
    """Secrets and flow configs below /app/v1."""
    routes = Blueprint("vault", __name__, url_prefix="/app/v1")
    vault = _Vault(box)
    routes.get("/secrets")(vault.list_secrets)
    routes.put("/secrets/<name>")(vault.put_secret)
    routes.delete("/secrets/<name>")(vault.delete_secret)
    routes.get("/configs")(vault.list_configs)
    routes.post("/configs")(vault.create_config)
    routes.get("/configs/<config_id>")(vault.config)
    routes.put("/configs/<config_id>")(vault.replace_config)
    routes.delete("/configs/<config_id>")(vault.delete_config)
    return routes


class _Vault:
    """The handlers, over a box."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def list_secrets(self) -> Json:
        """A page of the tenant's secrets by name, without their values."""
        limit, cursor = read_page(query_of(*PAGE_PARAMETERS))
        page = self._box.secrets.list(g.tenant, limit, cursor)
        views = [
            {
                "name": one.name,
                "created_at": rfc3339(one.created_ns),
                "updated_at": rfc3339(one.updated_ns),
            }
            for one in page.rows
        ]
        return {"secrets": views, "next_cursor": page.cursor}

    async def put_secret(self, name: str) -> tuple[Json, int]:
        """Set a secret, or replace it."""
        take_no_query()
        value = read_secret(name, await request_body())
        created = await self._box.secrets.put(g.tenant, name, value)
        return {"name": name, "created": created}, 201 if created else 200

    async def delete_secret(self, name: str) -> Response:
        """Remove a secret."""
        take_no_query()
        await self._box.secrets.delete(g.tenant, known_name(name))
        return Response(b"", status=204)

    async def list_configs(self) -> Json:
        """A page of the tenant's flow configs, newest first."""
        query = query_of("flow", *PAGE_PARAMETERS)
        limit, cursor = read_page(query)
        found = self._box.configs.list(g.tenant, query.text("flow"))
        if cursor is not None:
            last = read_row_cursor(cursor)
            found = [one for one in found if one.config_id.encode() < last]
        more = len(found) > limit
        following = write_row_cursor(found[limit - 1].config_id.encode()) if more else None
        return {"configs": [config_view(one) for one in found[:limit]], "next_cursor": following}

    async def create_config(self) -> tuple[Json, int]:
        """Make a flow config."""
        take_no_query()
        wanted = read_config(await request_body())
        return config_view(await self._box.configs.create(g.tenant, wanted)), 201

    async def config(self, config_id: str) -> Json:
        """One flow config."""
        take_no_query()
        return config_view(self._box.configs.find(g.tenant, known_config_id(config_id)))

    async def replace_config(self, config_id: str) -> Json:
        """Replace all of a flow config but its flow."""
        take_no_query()
        identity, wanted = known_config_id(config_id), read_config(await request_body())
        return config_view(await self._box.configs.replace(g.tenant, identity, wanted))

    async def delete_config(self, config_id: str) -> Response:
        """Remove a flow config."""
        take_no_query()
        await self._box.configs.delete(g.tenant, known_config_id(config_id))
        return Response(b"", status=204)


def config_view(config: FlowConfig) -> Json:
    """A flow config; of its secrets only the names are shown."""
    return {
        "config_id": config.config_id,
        "flow": config.flow or None,
        "profile": config.profile,
        "node_timeout_seconds": config.node_timeout_s or None,
        "secrets": sorted(config.secrets),
        "created_at": rfc3339(config.created_ns),
        "updated_at": rfc3339(config.updated_ns),
    }
