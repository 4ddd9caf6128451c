"""The edge: one ASGI application, its error mapping, its server.

Requests are checked for a key before anything else. Errors become HTTP in `answers.py` alone.
"""

import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import hypercorn.trio
import trio
from hypercorn.config import Config
from quart import Response, g, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from axiomd.api import answers
from axiomd.api.auth import caller_of, shown_by
from axiomd.api.box import Box
from axiomd.api.dashboard import Dashboard
from axiomd.api.debug import debug_routes
from axiomd.api.environments import environments_routes
from axiomd.api.exchange import EXCHANGE, Exchange, Receive, Scope, Send
from axiomd.api.executions import executions_routes
from axiomd.api.flows import flows_routes
from axiomd.api.forks import forks_routes
from axiomd.api.invoke import INVOKE_PATH, answer_invoke, respond_error, too_large
from axiomd.api.keys import keys_routes
from axiomd.api.metrics import metrics_routes
from axiomd.api.one_write import write_answers_at_once
from axiomd.api.pauses import pauses_routes
from axiomd.api.sessions import SIGN_IN_ENDPOINT, sessions_routes
from axiomd.api.webhooks import webhooks_routes
from axiomd.api.why import why_routes
from axiomd.errors import AxiomdError, Malformed, MethodNotAllowed, NotFound, Recovering
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
    metrics_routes,
    why_routes,
)
"""Everything but the hottest route, and those that need no key."""

Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def make_application(box: Box, dashboard: Dashboard) -> Application:
    """The ASGI application: the framework, with the hottest route and the pages before it."""
    framework = make_framework(box)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            exchange = Exchange(scope, receive, send, box.engine.parts.measures)
            receive, send = exchange.receive, exchange.send
            path = scope["path"]
            if not box.engine.answers and not await _is_answered(box, path):
                await respond_error(send, Recovering())
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

    async def healthz() -> dict[str, Any]:
        return {"status": "ok"}

    async def readyz() -> dict[str, Any]:
        box.engine.refuse_when_draining()
        box.engine.refuse_when_recovering()
        return {"status": "ready", **box.engine.statistics()}

    async def keep_to_itself(response: Response) -> Response:
        # What a browser that has signed in is told is for it alone, and is what it says it is.
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
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
            return MethodNotAllowed(f"{request.path} does not take {request.method}.")
        case 413:
            return too_large(settings.body_bytes_max)
        case code if code is not None and code < 500:
            return Malformed(failure.description or "The request is malformed.")
        case _:
            return answers.to_error(failure)


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
    box: Box, dashboard: Dashboard, listening: socket.socket, stopping: trio.Event
) -> None:
    """Answer requests until `stopping`, then give open ones `stop_grace_s`."""
    write_answers_at_once()
    config = Config()
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
    config.keep_alive_timeout = 75
    config.h11_max_incomplete_size = 64 * 1024
    await hypercorn.trio.serve(
        make_application(box, dashboard),  # type: ignore[arg-type]
        config,
        shutdown_trigger=stopping.wait,
        mode="asgi",
    )
