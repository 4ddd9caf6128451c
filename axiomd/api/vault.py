"""Routes for secrets and flow configs. A value goes in, and none ever comes out."""

from typing import Annotated, TypedDict

from quart import Blueprint, Response, g

from axiomd.api.box import Box
from axiomd.api.executions import query_of, request_body, take_no_query
from axiomd.api.schema import Words
from axiomd.api.shapes import Moment
from axiomd.api.vault_wire import known_config_id, known_name, read_config, read_secret
from axiomd.api.views import Json
from axiomd.api.wire import PAGE_PARAMETERS, read_page
from axiomd.clock import rfc3339
from axiomd.execution.flow_configs import FlowConfig
from axiomd.ids import ARTIFACT_ID
from axiomd.store.cursors import read_row_cursor, write_row_cursor
from axiomd.store.vault import SecretName

ConfigId = Annotated[
    str, Words(pattern=f"^{ARTIFACT_ID.pattern}$", examples=["01JX5M4ZV8QK3T0B9N2R7C6D1E"])
]


class SecretView(TypedDict):
    """A secret, without its value."""

    name: str
    created_at: Moment
    updated_at: Moment


class SetSecretView(TypedDict):
    """A secret that was set."""

    name: str
    created: bool
    """Whether it is a new one."""


class FlowConfigView(TypedDict):
    """A flow config; of its secrets the names."""

    config_id: ConfigId
    flow: str | None
    """Null for all flows."""
    profile: str
    node_timeout_seconds: float | None
    """Null if it says nothing about that."""
    secrets: list[str]
    created_at: Moment
    updated_at: Moment


def vault_routes(box: Box) -> Blueprint:
    """Secrets and flow configs below /app/v1."""
    routes = Blueprint("vault", __name__, url_prefix="/app/v1")
    vault = _Vault(box)
    routes.get("/secrets")(vault.list_secrets)
    routes.put("/secrets/<secret_name>")(vault.put_secret)
    routes.delete("/secrets/<secret_name>")(vault.delete_secret)
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
        return {"secrets": [secret_view(one) for one in page.rows], "next_cursor": page.cursor}

    async def put_secret(self, secret_name: str) -> tuple[SetSecretView, int]:
        """Set a secret, or replace it."""
        take_no_query()
        value = read_secret(secret_name, await request_body())
        created = await self._box.secrets.put(g.tenant, secret_name, value, g.caller.actor)
        return {"name": secret_name, "created": created}, 201 if created else 200

    async def delete_secret(self, secret_name: str) -> Response:
        """Remove a secret."""
        take_no_query()
        await self._box.secrets.delete(g.tenant, known_name(secret_name), g.caller.actor)
        return _nothing()

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

    async def create_config(self) -> tuple[FlowConfigView, int]:
        """Make a flow config."""
        take_no_query()
        wanted = read_config(await request_body())
        return config_view(await self._box.configs.create(g.tenant, wanted, g.caller.actor)), 201

    async def config(self, config_id: str) -> FlowConfigView:
        """One flow config."""
        take_no_query()
        return config_view(self._box.configs.find(g.tenant, known_config_id(config_id)))

    async def replace_config(self, config_id: str) -> FlowConfigView:
        """Replace all of a flow config but its flow."""
        take_no_query()
        identity, wanted = known_config_id(config_id), read_config(await request_body())
        return config_view(
            await self._box.configs.replace(g.tenant, identity, wanted, g.caller.actor)
        )

    async def delete_config(self, config_id: str) -> Response:
        """Remove a flow config."""
        take_no_query()
        await self._box.configs.delete(g.tenant, known_config_id(config_id), g.caller.actor)
        return _nothing()


def _nothing() -> Response:
    """It is done, and there is nothing to tell."""
    answer = Response(b"", status=204)
    del answer.headers["Content-Type"]
    return answer


def secret_view(secret: SecretName) -> SecretView:
    """A secret in a list."""
    return {
        "name": secret.name,
        "created_at": rfc3339(secret.created_ns),
        "updated_at": rfc3339(secret.updated_ns),
    }


def config_view(config: FlowConfig) -> FlowConfigView:
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
