"""Routes for what is pushed and compiled: packages, flow drafts, artifacts."""

from collections.abc import Callable, Sequence
from typing import Any, TypedDict, TypeVar

from quart import Blueprint, Response, g, request

from axiomd.api.box import Box
from axiomd.api.environments import EnvironmentView, environment_view
from axiomd.api.executions import query_of, request_body, take_no_query
from axiomd.api.shapes import CompiledView, GraphId, JsonSchema, Moment, TopologyView
from axiomd.api.views import Json, artifact_view, topology_view
from axiomd.api.wire import PAGE_PARAMETERS, read_json, read_page
from axiomd.clock import rfc3339
from axiomd.errors import Invalid, NotFound, Problem
from axiomd.flow.artifact import Mode
from axiomd.flow.package import PackageManifest
from axiomd.flow.source import FlowSource, read_flow_json, read_flow_yaml
from axiomd.runners.builds import EnvironmentState
from axiomd.store.reader import Rows
from axiomd.store.records import DraftRecord, PackageRecord

T = TypeVar("T")


class ImportView(TypedDict):
    """A package whose messages are imported."""

    package: str
    version: str


class NodeView(TypedDict):
    """A node of a package."""

    name: str
    description: str
    type: Mode
    input: str
    output: str


class PackageView(TypedDict):
    """One version of a package."""

    name: str
    version: str
    digest: str
    """SHA-256 of the content that the version names."""
    pushed_at: Moment
    environment: EnvironmentView
    description: str
    imports: list[ImportView]
    nodes: list[NodeView]


class PushedView(PackageView):
    """What a push left behind."""

    changed: bool
    """Whether the version names another content than before, or is new."""


class ShownPackageView(PackageView):
    """One version of a package, with the messages of its nodes."""

    messages: dict[str, JsonSchema]


class DraftView(TypedDict):
    """A flow as it is being edited."""

    name: str
    updated_at: Moment
    graph_id: GraphId | None
    """The artifact it was last compiled to, since it was saved."""


class ShownDraftView(DraftView):
    """A flow as it is being edited, with its document."""

    document: dict[str, Any]


class DeletedView(TypedDict):
    """A draft that is gone."""

    deleted: str


def flows_routes(box: Box) -> Blueprint:
    """Packages, flows and artifacts below /app/v1."""
    routes = Blueprint("flows", __name__, url_prefix="/app/v1")
    shelf = Shelf(box)
    routes.post("/packages")(shelf.push)
    routes.get("/packages")(shelf.packages)
    routes.get("/packages/<handle>/<name>/<version>")(shelf.package)
    routes.get("/packages/<handle>/<name>/<version>/messages.proto")(shelf.messages)
    routes.get("/flows")(shelf.flows)
    routes.put("/flows/<handle>/<name>")(shelf.save)
    routes.get("/flows/<handle>/<name>")(shelf.flow)
    routes.delete("/flows/<handle>/<name>")(shelf.delete)
    routes.post("/flows/<handle>/<name>/compile")(shelf.compile)
    routes.get("/artifacts")(shelf.artifacts)
    routes.get("/artifacts/<graph_id>")(shelf.artifact)
    return routes


class Shelf:
    """The handlers, over a box."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def push(self) -> tuple[PushedView, int]:
        """Take a packed package."""
        take_no_query()
        pushed = await self._box.catalog.push(g.tenant, await request_body(), g.caller.actor)
        view = self._view(pushed.package, pushed.checked.manifest)
        return {**view, "changed": pushed.changed}, 201 if pushed.changed else 200

    async def packages(self) -> Json:
        """A page of the packages, each version a row."""
        page = await self._page(self._box.reader.packages)
        views = await self._box.engine.parts.run_blocking(self._package_views, page.rows)
        return {"packages": views, "next_cursor": page.cursor}

    def _package_views(self, records: Sequence[PackageRecord]) -> list[PackageView]:
        return [self._view(record, self._box.catalog.manifest(record)) for record in records]

    def _view(self, record: PackageRecord, manifest: PackageManifest) -> PackageView:
        return package_view(record, manifest, self._box.environments.state(record.digest))

    async def package(self, handle: str, name: str, version: str) -> ShownPackageView:
        """One version of a package, with the schemas of its nodes' messages."""
        take_no_query()
        record = self._find(handle, name, version)
        manifest = self._box.catalog.manifest(record)
        types = self._box.catalog.types_of(self._box.catalog.manifest_of(record))
        schemas = {
            message: types.find(message).json_schema()
            for node in manifest.nodes
            for message in (node.input, node.output)
        }
        return {**self._view(record, manifest), "messages": schemas}

    async def messages(self, handle: str, name: str, version: str) -> Response:
        """A package's own proto file, for packages that import it."""
        take_no_query()
        record = self._find(handle, name, version)
        return Response(record.own_proto, content_type="text/plain; charset=utf-8")

    async def flows(self) -> Json:
        """A page of the flow drafts."""
        page = await self._page(self._box.reader.drafts)
        return {"flows": [draft_view(row) for row in page.rows], "next_cursor": page.cursor}

    async def save(self, handle: str, name: str) -> DraftView:
        """Store a draft: a flow's JSON, or its YAML under a YAML content type."""
        take_no_query()
        source = read_source(await request_body(), request.content_type or "")
        expected = f"{handle}/{name}"
        if source.name != expected:
            words = f"must be {expected!r}, as in the address, not {source.name!r}"
            raise Invalid("The flow has another name.", problems=[Problem("name", words)])
        return draft_view(await self._box.catalog.save_draft(g.tenant, source, g.caller.actor))

    async def flow(self, handle: str, name: str) -> ShownDraftView:
        """One draft with its document."""
        take_no_query()
        draft = self._box.reader.draft(g.tenant, f"{handle}/{name}")
        return {**draft_view(draft), "document": read_json(draft.document.encode())}

    async def delete(self, handle: str, name: str) -> tuple[DeletedView, int]:
        """Forget a draft; artifacts and executions stay."""
        take_no_query()
        await self._box.catalog.delete_draft(g.tenant, f"{handle}/{name}", g.caller.actor)
        return {"deleted": f"{handle}/{name}"}, 200

    async def compile(self, handle: str, name: str) -> tuple[CompiledView, int]:
        """Compile the stored draft."""
        take_no_query()
        artifact, created = await self._box.catalog.compile_draft(
            g.tenant, f"{handle}/{name}", g.caller.actor
        )
        warnings = await self._box.engine.parts.run_blocking(self._box.provision.warnings, artifact)
        view: CompiledView = {
            **artifact_view(artifact),
            "created": created,
            "warnings": [{"path": one.path, "message": one.message} for one in warnings],
        }
        return view, 201 if created else 200

    async def artifacts(self) -> Json:
        """A page of the artifacts, newest first."""
        page = await self._page(self._box.reader.artifacts)
        return {"artifacts": [artifact_view(row) for row in page.rows], "next_cursor": page.cursor}

    async def artifact(self, graph_id: str) -> TopologyView:
        """One artifact with its topology."""
        take_no_query()
        return topology_view(self._box.catalog.load(g.tenant, graph_id))

    async def _page(self, read: Callable[[str, int, str | None], Rows[T]]) -> Rows[T]:
        """The page of a list that the request asks for."""
        limit, cursor = read_page(query_of(*PAGE_PARAMETERS))
        run_blocking = self._box.engine.parts.run_blocking
        page: Rows[T] = await run_blocking(read, g.tenant, limit, cursor)
        return page

    def _find(self, handle: str, name: str, version: str) -> PackageRecord:
        record = self._box.reader.package(g.tenant, f"{handle}/{name}", version)
        if record is None:
            raise NotFound(f"There is no package {handle}/{name}@{version}.")
        return record


def read_source(body: bytes, content_type: str) -> FlowSource:
    """A flow's source from a request body."""
    if "yaml" in content_type:
        return read_flow_yaml(body)
    return read_flow_json(read_json(body))


def package_view(
    record: PackageRecord, manifest: PackageManifest, environment: EnvironmentState
) -> PackageView:
    """A package in a list."""
    return {
        "name": record.name,
        "version": record.version,
        "digest": record.digest,
        "pushed_at": rfc3339(record.pushed_ns),
        "environment": environment_view(environment),
        "description": manifest.description,
        "imports": [{"package": i.package, "version": i.version} for i in manifest.imports],
        "nodes": [
            {
                "name": node.name,
                "description": node.description,
                "type": node.type,
                "input": node.input,
                "output": node.output,
            }
            for node in manifest.nodes
        ],
    }


def draft_view(draft: DraftRecord) -> DraftView:
    """A flow draft in a list."""
    return {
        "name": draft.name,
        "updated_at": rfc3339(draft.updated_ns),
        "graph_id": draft.graph_id or None,
    }
