"""Routes of the API documents: what this server takes and answers, as OpenAPI."""

from functools import cache

from quart import Blueprint, Response, g, request

from axiomd.api import answers
from axiomd.api.artifact_document import artifact_document
from axiomd.api.box import Box
from axiomd.api.described.table import TABLE
from axiomd.api.executions import take_no_query
from axiomd.api.openapi import Builder, Json

_ABOUT = """\
Durable flows of typed nodes, on one box. Every invocation is an execution that goes on from its
last checkpoint whatever dies.

Every error is `{"error", "code", "problems"}`, but for two that are exactly one sentence: 401 and
429. Unknown keys and parameters are refused, with the nearest known one. JSON of messages follows
the proto3 mapping: input takes `snake_case` and `camelCase`, output has the proto's own names and
prints unset scalars, 64-bit integers are text. Times are RFC 3339, in UTC.
"""


def documents_routes(box: Box) -> Blueprint:
    """The documents of the box, and of each artifact."""
    routes = Blueprint("documents", __name__)
    documents = _Documents(box)
    routes.get("/openapi.json")(documents.box)
    routes.get("/app/v1/artifacts/<graph_id>/openapi.json")(documents.artifact)
    return routes


class _Documents:
    """The handlers, over a box."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def box(self) -> Response:
        """Every route of the box."""
        take_no_query()
        made = await self._box.engine.parts.run_blocking(_box_document_bytes)
        return Response(made, content_type=answers.JSON_TYPE)

    async def artifact(self, graph_id: str) -> Json:
        """How one artifact is invoked."""
        take_no_query()
        loaded = self._box.catalog.load(g.tenant, graph_id)
        run_blocking = self._box.engine.parts.run_blocking
        document: Json = await run_blocking(artifact_document, loaded, address())
        return document


def address() -> str:
    """Where whoever asks has found this box; only a proxy before it can tell that it was https."""
    proto = request.headers.get("X-Forwarded-Proto", "").split(",")[0].strip().lower()
    scheme = proto if proto in ("http", "https") else request.scheme
    return f"{scheme}://{request.host}"


def box_document() -> Json:
    """The document of every route."""
    return Builder().document(TABLE, title="axiomd", about=_ABOUT)


@cache
def _box_document_bytes() -> bytes:
    return answers.dump(box_document())
