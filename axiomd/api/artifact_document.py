"""The document of one artifact: its invoke route, with messages where the box's has any JSON.

A program that is made from it knows the input and the output of this flow, and the one mode that
it has. Pure.
"""

from typing import Any

import attrs

from axiomd.api.curl import curl
from axiomd.api.described.executions import EXECUTIONS
from axiomd.api.described.invocations import INVOCATIONS
from axiomd.api.described.route import Route
from axiomd.api.openapi import SCHEMAS, Builder, Json
from axiomd.api.schema import Schema, schema_name
from axiomd.api.shapes import FrameView, InvokedView, OutputView, ResultView
from axiomd.api.wire import InvokeBody, StreamBody
from axiomd.engine.catalog import LoadedArtifact

_ROUTES = {route.operation_id: route for route in (*INVOCATIONS, *EXECUTIONS)}
_TAKEN, _PRINTED = "input.", "output."
"""What precedes messages as they are taken, and as they are printed."""
_MOMENT_S = 1_772_357_400
_EXECUTION_ID = "019a3c5d7e8f0123456789abcdef0123"


def artifact_document(loaded: LoadedArtifact, url: str) -> Json:
    """How this artifact is invoked, and how its output is read.

    url: where the box is, for the command that is shown.
    """
    artifact = loaded.artifact
    unary = artifact.mode == "unary"
    taken = loaded.entry.describer(SCHEMAS + _TAKEN, printed=False)
    printed = loaded.terminal.describer(SCHEMAS + _PRINTED, printed=True)
    inner = {
        **_under(_TAKEN, taken.objects(loaded.entry.descriptor)),
        **_under(_PRINTED, printed.objects(loaded.terminal.descriptor)),
    }
    output = printed.message(loaded.terminal.descriptor)
    routes = _unary_routes(loaded, url) if unary else _pipeline_routes(loaded, url)
    about = f"Artifact `{artifact.graph_id}` of the flow `{artifact.flow}`."
    document = Builder(inner).document(
        routes,
        title=f"{artifact.flow} {artifact.graph_id}",
        about=f"{artifact.description}\n\n{about}".strip(),
    )
    told: list[tuple[type, str, Schema]] = [
        (InvokeBody if unary else StreamBody, "graph_id", {"const": artifact.graph_id}),
        (InvokeBody if unary else StreamBody, "input", taken.message(loaded.entry.descriptor)),
    ]
    if unary:
        nullable = {"anyOf": [output, {"type": "null"}]}
        told += [(ResultView, "output", nullable), (OutputView, "output", nullable)]
    else:
        told.append((FrameView, "payload", output))
    for cls, name, schema in told:
        properties = document["components"]["schemas"][schema_name(cls)]["properties"]
        about_it = properties[name].get("description")
        properties[name] = schema | ({"description": about_it} if about_it else {})
    return document


def _under(prefix: str, schemas: dict[str, Schema]) -> dict[str, Schema]:
    return {prefix + name: schema for name, schema in schemas.items()}


def _unary_routes(loaded: LoadedArtifact, url: str) -> list[Route]:
    request = {**_request(loaded), "wait": True}
    result = {"output": _output(loaded), "success": True, "completed_at": _MOMENT_S}
    example = {"accepted": True, "execution_id": _EXECUTION_ID, "result": result}
    invoke = _ROUTES["invoke"]
    (answer,) = invoke.answers
    assert answer.kind is InvokedView
    answered = attrs.evolve(invoke, answers=(attrs.evolve(answer, example=example),))
    return [_particular(answered, request, url, streams=False), _ROUTES["getOutput"]]


def _pipeline_routes(loaded: LoadedArtifact, url: str) -> list[Route]:
    invoke = _ROUTES["invokeStream"]
    return [_particular(invoke, _request(loaded), url, streams=True), _ROUTES["resumeStream"]]


def _request(loaded: LoadedArtifact) -> Json:
    return {"graph_id": loaded.artifact.graph_id, "input": loaded.entry.example()}


def _output(loaded: LoadedArtifact) -> Any:
    """An output, made up, as it is printed."""
    return loaded.terminal.to_json(loaded.terminal.parse_json(loaded.terminal.example()))


def _particular(route: Route, request: Json, url: str, *, streams: bool) -> Route:
    """An invoke route with the request that is shown for this artifact."""
    assert route.body is not None
    command = curl(url + route.path, request, streams=streams)
    sample = {"lang": "Shell", "label": "curl", "source": command}
    return attrs.evolve(
        route,
        about="",
        body=attrs.evolve(route.body, example=request),
        extensions={"x-codeSamples": [sample]},
    )
