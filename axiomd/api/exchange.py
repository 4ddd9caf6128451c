"""One request and its answer, as ASGI messages: an answer may come before the body was read.

Such an answer says `Connection: close`, since what is left of the body makes the connection
useless for another request. A body that comes too slowly is answered here, and its client has left
as far as anybody else can tell. The last message is shielded: with it the server closes or reuses
the connection, while the framework already cancels whoever sends it. Without the shield the
connection stayed open and dead, and the client's next request on it was never answered.
"""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

import trio

from axiomd.api import answers
from axiomd.errors import AxiomdError, TooSlow
from axiomd.limits import BODY_BYTES_PER_S_MIN
from axiomd.measures import OTHER, Measures

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

SAFETY = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""What every answer tells a browser: it is what it says, for pages of ours, in no frame."""
_CLOSE = (b"connection", b"close")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
EXCHANGE = "axiomd.exchange"
"""Where a request's scope has its exchange."""


class Exchange:
    """Stands between the server and an application for one request."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        body_timeout_s: float,
        measures: Measures,
    ) -> None:
        """body_timeout_s: what a body may take beyond its size at the least rate."""
        self._receive = receive
        self._send = send
        self._allowed_s = body_timeout_s
        self._began_s: float | None = None
        self._started = self._late = False
        self._measures = measures
        self._method = scope["method"] if scope["method"] in _METHODS else OTHER
        self._began = perf_counter()
        self.route = OTHER
        """The rule that the path follows; requests are counted by it."""
        self._unread = any(
            (name == b"content-length" and value != b"0") or name == b"transfer-encoding"
            for name, value in scope["headers"]
        )

    async def receive(self) -> Any:
        """The next part of the body, or the client's leaving."""
        if not self._unread:
            return await self._receive()
        if self._began_s is None:
            self._began_s = trio.current_time()
        with trio.move_on_at(self._began_s + self._allowed_s):
            message = await self._receive()
            self._allowed_s += len(message.get("body", b"")) / BODY_BYTES_PER_S_MIN
            if not message.get("more_body"):
                self._unread = False
            return message
        await self._answer_late()
        return {"type": "http.disconnect"}

    async def _answer_late(self) -> None:
        if not self._started:
            await answer_error(self.send, TooSlow("The body of the request came too slowly."))
        self._late = True

    async def send(self, message: Any) -> None:
        """The next part of the answer."""
        if self._late:
            return
        if message["type"] == "http.response.start":
            self._count(message["status"])
            self._started = True
            extra = (*SAFETY, _CLOSE) if self._unread else SAFETY
            message = {**message, "headers": [*message["headers"], *extra]}
        last = message["type"] == "http.response.body" and not message.get("more_body")
        if not last:
            await self._send(message)
            return
        # Shielded as the server's own writing is; what bounds it is the socket's timeout.
        with trio.CancelScope(shield=True):
            await self._send(message)

    def _count(self, status: int) -> None:
        """The answer begins."""
        took_s = perf_counter() - self._began
        self._measures.requests.add(self._method, self.route, str(status))
        self._measures.request_s.observe(took_s, self._method, self.route)


async def respond(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    """Send a whole JSON answer."""
    raw = [
        (b"content-type", answers.JSON_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in headers.items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def answer_error(send: Send, error: AxiomdError) -> None:
    """Answer with an error where no framework is about to."""
    body = answers.dump(answers.envelope(error))
    await respond(send, error.status, body, answers.error_headers(error))
