"""One request and its answer, as ASGI messages: an answer may come before the body was read.

Such an answer says `Connection: close`, since what is left of the body makes the connection
useless for another request. The last message is shielded: with it the server closes or reuses
the connection, while the framework already cancels whoever sends it. Without the shield the
connection stayed open and dead, and the client's next request on it was never answered.
"""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

import trio

from axiomd.measures import OTHER, Measures

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

_CLOSE = (b"connection", b"close")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
EXCHANGE = "axiomd.exchange"
"""Where a request's scope has its exchange."""


class Exchange:
    """Stands between the server and an application for one request."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, measures: Measures) -> None:
        self._receive = receive
        self._send = send
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
        message = await self._receive()
        if not message.get("more_body"):
            self._unread = False
        return message

    async def send(self, message: Any) -> None:
        """The next part of the answer."""
        if message["type"] == "http.response.start":
            self._count(message["status"])
            if self._unread:
                message = {**message, "headers": [*message["headers"], _CLOSE]}
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
