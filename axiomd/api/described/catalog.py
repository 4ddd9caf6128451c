"""What is told of the routes of packages, flows and artifacts."""

from axiomd.api.described.parameters import CURSOR, LAST_EVENT_ID, number, page
from axiomd.api.described.route import DOCUMENT, Answer, Body, Content, Page, Parameter, Route
from axiomd.api.environments import BuildEndView, BuildProgressView, BuildView, LineView
from axiomd.api.flows import (
    DeletedView,
    DraftView,
    PackageView,
    PushedView,
    ShownDraftView,
    ShownPackageView,
)
from axiomd.api.shapes import ArtifactView, CompiledView, TopologyView
from axiomd.errors import CompileFailed
from axiomd.flow.source import FlowSource
from axiomd.limits import PAGE_ROWS_MAX

_PACKAGE = "/app/v1/packages/{handle}/{name}/{version}"
_FLOW = "/app/v1/flows/{handle}/{name}"
_FLOW_EXAMPLE = {
    "name": "acme/greeting",
    "nodes": [{"alias": "greet", "package": "acme/hello@0.1.0", "node": "GreetPerson"}],
    "edges": [],
}
_FLOW_YAML = """\
name: acme/greeting
nodes:
  - {alias: greet, package: acme/hello@0.1.0, node: GreetPerson}
edges: []
"""

PACKAGES = (
    Route(
        "POST",
        "/app/v1/packages",
        "pushPackage",
        "Push a package",
        (
            Answer(200, "The version names this content already.", PushedView),
            Answer(201, "The version names this content from now on.", PushedView),
        ),
        "Packages",
        "`axiomd push` packs a directory and sends it.",
        body=Body(
            "The package's files as a zip archive.",
            others=(Content("application/zip", {"type": "string", "format": "binary"}),),
        ),
    ),
    Route(
        "GET",
        "/app/v1/packages",
        "listPackages",
        "List packages, each version a row",
        (Answer(200, "A page of them.", Page("packages", PackageView)),),
        "Packages",
        query=page(),
    ),
    Route(
        "GET",
        _PACKAGE,
        "getPackage",
        "Show one version of a package, with the schemas of its messages",
        (Answer(200, "The package.", ShownPackageView),),
        "Packages",
    ),
    Route(
        "GET",
        f"{_PACKAGE}/messages.proto",
        "getMessages",
        "Read a package's own proto file, for packages that import it",
        (
            Answer(
                200,
                "The file as it was pushed.",
                others=(Content("text/plain", {"type": "string"}),),
            ),
        ),
        "Packages",
    ),
    Route(
        "GET",
        f"{_PACKAGE}/environment",
        "getEnvironment",
        "Read how a package's environment was built, or follow the build live",
        (
            Answer(
                200,
                "The state and a page of what the build said; with `Accept: text/event-stream` "
                "each line as it is said, the progress of downloads, and how it ended.",
                BuildView,
                events=(LineView, BuildProgressView, BuildEndView),
            ),
        ),
        "Packages",
        query=(
            Parameter(
                "after",
                "Only lines behind this `seq`.",
                {"type": "integer", "minimum": 0, "maximum": 999_999_999},
            ),
            number("limit", "Lines of a page, at most.", PAGE_ROWS_MAX, 1, PAGE_ROWS_MAX),
            CURSOR,
        ),
        headers=(LAST_EVENT_ID,),
    ),
)

FLOWS = (
    Route(
        "GET",
        "/app/v1/flows",
        "listFlows",
        "List flow drafts",
        (Answer(200, "A page of them.", Page("flows", DraftView)),),
        "Flows",
        query=page(),
    ),
    Route(
        "PUT",
        _FLOW,
        "saveFlow",
        "Store a flow draft",
        (Answer(200, "It is stored; nothing about it has to be right yet.", DraftView),),
        "Flows",
        body=Body(
            "The flow; its `name` is the one in the path.",
            FlowSource,
            _FLOW_EXAMPLE,
            (Content("application/yaml", {"type": "string"}, _FLOW_YAML),),
        ),
    ),
    Route(
        "GET",
        _FLOW,
        "getFlow",
        "Show a flow draft with its document",
        (Answer(200, "The draft.", ShownDraftView),),
        "Flows",
    ),
    Route(
        "DELETE",
        _FLOW,
        "deleteFlow",
        "Forget a flow draft; artifacts and executions stay",
        (Answer(200, "It is gone.", DeletedView),),
        "Flows",
    ),
    Route(
        "POST",
        f"{_FLOW}/compile",
        "compileFlow",
        "Compile a flow draft to an artifact",
        (
            Answer(200, "The same content had been compiled before.", CompiledView),
            Answer(201, "A new artifact.", CompiledView),
        ),
        "Flows",
        refusals=(CompileFailed,),
    ),
    Route(
        "GET",
        "/app/v1/artifacts",
        "listArtifacts",
        "List artifacts, newest first",
        (Answer(200, "A page of them.", Page("artifacts", ArtifactView)),),
        "Artifacts",
        query=page(),
    ),
    Route(
        "GET",
        "/app/v1/artifacts/{graph_id}",
        "getArtifact",
        "Show an artifact with its topology and schemas",
        (Answer(200, "The artifact.", TopologyView),),
        "Artifacts",
    ),
    Route(
        "GET",
        "/app/v1/artifacts/{graph_id}/openapi.json",
        "getArtifactDocument",
        "Read how one artifact is invoked, with the schemas of its own messages",
        (Answer(200, "An OpenAPI 3.1 document.", others=(DOCUMENT,)),),
        "Artifacts",
    ),
)
