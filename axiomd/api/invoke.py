"""How an execution starts: the invoke routes.

The unary route is the hottest of all and speaks ASGI itself, in front of the framework: that
costs a third less for each request. Everything that it does is in functions that the other
routes share.
"""

import hashlib
from contextlib import aclosing
from typing import Any
from urllib.parse import parse_qs

import attrs
import trio

from axiomd.api import answers
from axiomd.api.auth import tenant_of
from axiomd.api.box import Box
from axiomd.api.exchange import Receive, Scope, Send, answer_error, respond
from axiomd.api.results import finished_view
from axiomd.api.shapes import InvokedView
from axiomd.api.webhook_wire import read_target
from axiomd.api.wire import InvokeBody, Query, StreamBody, read_invoke, read_json
from axiomd.engine.catalog import LoadedArtifact
from axiomd.engine.engine import Accepted
from axiomd.errors import Invalid, Problem, TooLarge, WrongMode
from axiomd.execution.execution import Execution
from axiomd.execution.flow_configs import Terms
from axiomd.execution.trace_context import NO_ORIGIN, Origin, read_origin
from axiomd.flow.artifact import Artifact
from axiomd.flow.large_json import Leaf
from axiomd.ids import ARTIFACT_ID
from axiomd.store.commit import IdempotencyClaim

INVOKE_PATH = "/invocations/v1/flows/invoke"
STREAM_PATH = "/invocations/v1/flows/invoke/stream"

_PATIENCE_S = 1.0
"""Seconds a waiting request spends before it also watches for its client's leaving."""


async def answer_invoke(box: Box, scope: Scope, receive: Receive, send: Send) -> None:
    """POST /invocations/v1/flows/invoke, as ASGI."""
    leaves: list[Leaf] = []
    view: Any
    tenant = ""
    try:
        given = _headers(scope)
        # Before the body: who has no key sends us no megabytes.
        tenant = tenant_of(box, scope, given)
        box.engine.rates.count_request(tenant, invokes=True)
        refuse_query(scope)
        body = await read_request(box, scope, receive)
        view = await invoke(box, tenant, _beside(given), body, receive, leaves)
    except Exception as failure:  # noqa: BLE001 - the error mapper of this route
        error = answers.to_error(failure, route=INVOKE_PATH, tenant=tenant)
        await answer_error(send, error)
        return
    if leaves:
        await respond_in_pieces(box, send, view, leaves)
    else:
        await respond(send, 202, answers.dump(view), {})


@attrs.frozen
class Beside:
    """What an invocation says beside its body, in headers."""

    idempotency_key: str = ""
    origin: Origin = NO_ORIGIN
    """The span that it is made in."""


def _beside(headers: dict[bytes, bytes]) -> Beside:
    key = headers.get(b"idempotency-key", b"").decode("latin-1")
    parent = headers.get(b"traceparent")
    if parent is None:
        return Beside(key)
    state = headers.get(b"tracestate", b"").decode("latin-1")
    return Beside(key, read_origin(parent.decode("latin-1"), state))


def refuse_query(scope: Scope) -> None:
    """Raise Invalid if a request, as ASGI, has parameters: this route takes none."""
    if scope["query_string"]:
        given = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        Query(given, ()).check()


def _headers(scope: Scope) -> dict[bytes, bytes]:
    return dict(scope["headers"])


async def read_request(box: Box, scope: Scope, receive: Receive) -> bytes:
    """The body, or TooLarge as soon as it is known to be over the cap."""
    cap = box.settings.body_bytes_max
    announced = _headers(scope).get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > cap:
        raise too_large(cap)
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > cap:
            raise too_large(cap)
    return b"".join(parts)


def too_large(cap: int) -> TooLarge:
    """The refusal of a body over the cap."""
    return TooLarge(f"The body is over {cap} bytes, which is the most this box takes.")


async def respond_in_pieces(box: Box, send: Send, view: Any, leaves: list[Leaf]) -> None:
    """Send an answer whose large parts are read while they are written; its length is unknown."""
    raw = [(b"content-type", answers.JSON_TYPE.encode())]
    await send({"type": "http.response.start", "status": 202, "headers": raw})
    async with aclosing(box.written(view, leaves)) as pieces:
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def invoke(
    box: Box,
    tenant: str,
    beside: Beside,
    body: bytes,
    receive: Receive,
    leaves: list[Leaf],
) -> InvokedView:
    """Accept a unary execution and, if it is asked for, wait for its end.

    leaves: takes what is too large in the output to be held.
    """
    request = read_invoke(body, InvokeBody)
    loaded = box.catalog.load(tenant, request.graph_id)
    if loaded.artifact.mode != "unary":
        raise WrongMode(f"{request.graph_id} is a pipeline: invoke it on {STREAM_PATH}.")
    accepted = await accept(box, loaded, request, beside, body)
    view: InvokedView = {"accepted": True, "execution_id": accepted.execution_id}
    if not request.wait:
        return view
    ended = await _wait(box, accepted.execution_id, request.timeout_seconds, receive)
    if ended is None:
        return {**view, "timed_out": True}
    return await finished_view(box, ended, leaves)


async def accept_stream(
    box: Box, tenant: str, beside: Beside, body: bytes
) -> tuple[Execution, float]:
    """Accept a pipeline execution; it and the seconds its stream may take."""
    request = read_invoke(body, StreamBody)
    loaded = box.catalog.load(tenant, request.graph_id)
    if loaded.artifact.mode != "pipeline":
        raise WrongMode(f"{request.graph_id} is unary: invoke it on {INVOKE_PATH}.")
    accepted = await accept(box, loaded, request, beside, body)
    return box.reader.execution(tenant, accepted.execution_id), request.timeout_seconds


async def accept(
    box: Box,
    loaded: LoadedArtifact,
    request: InvokeBody | StreamBody,
    beside: Beside,
    body: bytes,
) -> Accepted:
    """Check what was asked for and make the execution durable. body: what it was read from."""
    webhook = read_target(box, request.webhook)
    artifact = loaded.artifact
    terms = find_terms(box, artifact, request.config_id)
    box.engine.refuse_when_draining()
    payload = loaded.entry.parse_json(request.input)
    key = beside.idempotency_key
    claim = _idempotency(key, body) if key else None
    return await box.engine.accept(
        artifact,
        payload,
        claim,
        webhook=webhook,
        terms=terms,
        priority=request.priority,
        origin=beside.origin,
    )


def find_terms(box: Box, artifact: Artifact, config_id: str | None) -> Terms:
    """What an invocation is given. Raises Invalid if it cannot have the config that it names."""
    if config_id is not None and not ARTIFACT_ID.fullmatch(config_id):
        problems = [Problem("config_id", "there is no such flow config")]
        raise Invalid("The request body is not valid.", problems=problems)
    return box.configs.terms(artifact.tenant, artifact.flow, config_id)


def _idempotency(key: str, body: bytes) -> IdempotencyClaim:
    # Over the meaning of the body, so that white space and key order do not make a conflict.
    meaning = answers.dump(_sorted(read_json(body)))
    return IdempotencyClaim(hashlib.sha256(key.encode()).digest(), hashlib.sha256(meaning).digest())


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


async def _wait(
    box: Box, execution_id: str, timeout_s: float, receive: Receive
) -> Execution | None:
    ended = await box.engine.wait_ended(execution_id, min(timeout_s, _PATIENCE_S))
    if ended is not None or timeout_s <= _PATIENCE_S:
        return ended
    async with trio.open_nursery() as nursery:
        # A client that has gone stops the waiting; the execution does not live here.
        nursery.start_soon(_cancel_on_leaving, nursery.cancel_scope, receive)
        ended = await box.engine.wait_ended(execution_id, timeout_s - _PATIENCE_S)
        nursery.cancel_scope.cancel()
    return ended


async def _cancel_on_leaving(scope: trio.CancelScope, receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            scope.cancel()
            return
