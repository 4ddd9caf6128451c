"""The edge: one ASGI application, its error mapping, its server.

Requests are checked for a key before anything else. Errors become HTTP in `answers.py` alone.
"""

import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import hypercorn.trio
import trio
from quart import Response, g, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from axiomd.api import answers
from axiomd.api.audit import audit_routes
from axiomd.api.auth import caller_of, shown_by
from axiomd.api.box import Box
from axiomd.api.connections import Connections, GuardedConfig, guard_connections
from axiomd.api.dashboard import Dashboard
from axiomd.api.debug import debug_routes
from axiomd.api.described.table import LITERAL, methods_of
from axiomd.api.documents import documents_routes
from axiomd.api.environments import environments_routes
from axiomd.api.exchange import EXCHANGE, Exchange, Receive, Scope, Send, answer_error
from axiomd.api.executions import executions_routes
from axiomd.api.flows import flows_routes
from axiomd.api.forks import forks_routes
from axiomd.api.heads import check_head
from axiomd.api.invoke import INVOKE_PATH, answer_invoke, too_large
from axiomd.api.keys import keys_routes
from axiomd.api.limits import limits_routes
from axiomd.api.metrics import metrics_routes
from axiomd.api.one_write import write_answers_at_once
from axiomd.api.pauses import pauses_routes
from axiomd.api.schedules import schedules_routes
from axiomd.api.sessions import SIGN_IN_ENDPOINT, sessions_routes
from axiomd.api.tenants import tenants_routes
from axiomd.api.vault import vault_routes
from axiomd.api.webhooks import webhooks_routes
from axiomd.api.why import why_routes
from axiomd.errors import AxiomdError, Malformed, MethodNotAllowed, NotFound, Recovering, Refused
from axiomd.measures import OTHER
from axiomd.settings import ServerSettings

_CLOSED_PREFIXES = ("/invocations/", "/app/")
"""Routes that need a key, or a session: all but the one that makes a session."""
_BACKLOG = 1024
_RECOVERY_PATIENCE_S = 0.5
"""Seconds that a request waits for the end of a start, which is mostly much sooner."""
PAGES = "/*"
"""What all pages and files of the dashboard are counted as."""

ROUTES = (
    executions_routes,
    pauses_routes,
    forks_routes,
    flows_routes,
    environments_routes,
    keys_routes,
    sessions_routes,
    debug_routes,
    webhooks_routes,
    tenants_routes,
    audit_routes,
    limits_routes,
    vault_routes,
    documents_routes,
    schedules_routes,
    metrics_routes,
    why_routes,
)
"""Everything but the hottest route, and those that need no key."""

INVOKING = frozenset(
    {
        "executions.invoke_stream",
        "executions.call_node",
        "forks.fork",
        "forks.retry",
        "debug.start",
    }
)
"""The other routes that start executions, or a node."""

Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def make_application(box: Box, dashboard: Dashboard) -> Application:
    """The ASGI application: the framework, with the hottest route and the pages before it."""
    framework = make_framework(box)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            exchange = Exchange(
                scope, receive, send, box.settings.body_timeout_s, box.engine.parts.measures
            )
            receive, send = exchange.receive, exchange.send
            path = scope["path"]
            try:
                check_head(scope, box.settings.names)
                if not box.engine.answers and not await _is_answered(box, path):
                    raise Recovering
            except (Recovering, Refused) as refusal:
                await answer_error(send, refusal)
                return
            if path == INVOKE_PATH and scope["method"] == "POST":
                exchange.route = INVOKE_PATH
                await answer_invoke(box, scope, receive, send)
                return
            exchange.route = PAGES
            if await dashboard.answer(scope, send):
                return
            exchange.route, scope[EXCHANGE] = OTHER, exchange
        await framework(scope, receive, send)  # type: ignore[arg-type]

    return application


async def _is_answered(box: Box, path: str) -> bool:
    """Whether a request is answered: while the box starts, only what asks how it is."""
    if not path.startswith(_CLOSED_PREFIXES):
        return True
    return await box.engine.wait_answers(_RECOVERY_PATIENCE_S)


def make_framework(box: Box) -> QuartTrio:
    """Every other route."""
    app = QuartTrio("axiomd", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = box.settings.body_bytes_max
    app.config["BODY_TIMEOUT"] = None
    # No page of another site may ask us anything, so none has to ask first whether it may.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False

    async def require_key() -> None:
        if request.url_rule is not None:
            asked: Scope = request.scope  # type: ignore[assignment]
            asked[EXCHANGE].route = request.url_rule.rule
        if request.path.startswith(_CLOSED_PREFIXES) and request.endpoint != SIGN_IN_ENDPOINT:
            g.caller = caller_of(box, shown_by(request))
            g.tenant = g.caller.key.tenant
            invokes = request.endpoint in INVOKING
            box.engine.rates.count_request(g.tenant, invokes=invokes)
        # Such a path is not an ID that another route takes, whatever the method.
        if request.method not in LITERAL.get(request.path, (request.method,)):
            raise _method_refused()

    async def healthz() -> dict[str, Any]:
        return {"status": "ok"}

    async def readyz() -> dict[str, Any]:
        box.engine.refuse_when_draining()
        box.engine.refuse_when_recovering()
        return {"status": "ready", **box.engine.statistics()}

    async def keep_to_itself(response: Response) -> Response:
        # What a browser that has signed in is told is for it alone.
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.before_request(require_key)
    app.after_request(keep_to_itself)
    app.get("/healthz")(healthz)
    app.get("/readyz")(readyz)
    for make_routes in ROUTES:
        app.register_blueprint(make_routes(box))
    app.register_error_handler(Exception, partial(_answer_error, box.settings))
    return app


async def _answer_error(settings: ServerSettings, failure: Exception) -> Response:
    error = (
        _framework_error(settings, failure)
        if isinstance(failure, HTTPException)
        else answers.to_error(failure, **_asked())
    )
    return Response(
        answers.dump(answers.envelope(error)),
        status=error.status,
        headers={"Content-Type": answers.JSON_TYPE, **answers.error_headers(error)},
    )


def _asked() -> dict[str, str]:
    """What the current request is about, for the log."""
    given = {"route": request.url_rule.rule if request.url_rule is not None else request.path}
    if "tenant" in g:
        given["tenant"] = g.tenant
    identity = (request.view_args or {}).get("execution_id")
    return given | ({"execution_id": identity} if identity else {})


def _framework_error(settings: ServerSettings, failure: HTTPException) -> AxiomdError:
    match failure.code:
        case 404:
            return NotFound(f"There is no route {request.path}.")
        case 405:
            return _method_refused()
        case 413:
            return too_large(settings.body_bytes_max)
        case code if code is not None and code < 500:
            return Malformed(failure.description or "The request is malformed.")
        case _:
            return answers.to_error(failure)


def _method_refused() -> MethodNotAllowed:
    error = MethodNotAllowed(f"{request.path} does not take {request.method}.")
    # The framework does not know the route that stands in front of it.
    error.allowed = methods_of(request.path)
    return error


def open_socket(settings: ServerSettings) -> socket.socket:
    """The listening socket. Raises OSError if the address cannot be had.

    A client that takes no bytes is dropped by the kernel after `send_timeout_s`: the server
    would wait for it for ever.
    """
    host, _, port = settings.bind.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            timeout_ms = int(settings.send_timeout_s * 1000)
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout_ms)
        listening.bind((host, int(port)))
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


async def serve(
    box: Box,
    dashboard: Dashboard,
    listening: socket.socket,
    stopping: trio.Event,
    connections_max: int,
) -> None:
    """Answer requests until `stopping`, then give open ones `stop_grace_s`."""
    write_answers_at_once()
    config = GuardedConfig()
    guard_connections(config, Connections(box.settings, connections_max))
    # Handed over: the server closes it when it stops listening, and nobody may close it twice.
    config.bind = [f"fd://{listening.detach()}"]
    # The server listens once more on the socket it is given, with this.
    config.backlog = _BACKLOG
    config.worker_class = "trio"
    config.graceful_timeout = box.settings.stop_grace_s
    config.shutdown_timeout = box.settings.stop_grace_s
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = None
    await hypercorn.trio.serve(
        make_application(box, dashboard),  # type: ignore[arg-type]
        config,
        shutdown_trigger=stopping.wait,
        mode="asgi",
    )
