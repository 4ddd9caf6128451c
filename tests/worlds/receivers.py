"""Receivers of webhooks: one in memory for stories, and a real HTTP server."""

import json
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs
import trio
from worlds import box as worlds

from axiomd.engine.posting import Body, Headers, NotPosted, Post
from axiomd.engine.signing import Signing
from axiomd.engine.webhooks import Webhooks, WriteBody, open_webhooks
from axiomd.execution.deliveries import Delivery, DeliveryStatus
from axiomd.execution.execution import Execution
from axiomd.execution.signatures import Signature
from axiomd.settings import WebhookSettings
from axiomd.store.outbox import Outbox

PRIVATE = WebhookSettings(allow_private=True, timeout_s=5.0)


@attrs.frozen
class Got:
    """One request that a receiver has seen."""

    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    def is_signed_with(self, secret: str) -> bool:
        """Whether the signature is that of this body."""
        signature = Signature((secret,), self.message_id, int(self.headers["webhook-timestamp"]))
        signature.update(self.body)
        return signature.header in self.headers["webhook-signature"]


class Inbox:
    """A receiver in memory that outlives power cuts; a `Post`."""

    def __init__(self, latency_s: float = 0.001) -> None:
        self.got: list[Got] = []
        self.answers: Callable[[str], int] = lambda _: 200
        """By URL; 0 for one that never answers, -1 for one that is not there."""
        self.latency_s = latency_s
        self.open = 0

    async def __call__(self, url: str, headers: Headers, body: Body) -> int:
        content = b"".join([piece async for piece in body])
        self.got.append(Got(url, dict(headers), content))
        self.open += 1
        try:
            await trio.sleep(self.latency_s)
            code = self.answers(url)
            if code == 0:
                await trio.sleep(20)
            if code <= 0:
                raise NotPosted("nobody is there")
            return code
        finally:
            self.open -= 1

    @property
    def ids(self) -> list[str]:
        return [got.message_id for got in self.got]


async def plain_body(delivery: Delivery, execution: Execution) -> WriteBody:
    """A body that says what it tells of."""
    view = {"type": delivery.kind, "execution_id": execution.execution_id, "seq": delivery.seq}

    async def write() -> AsyncGenerator[bytes, None]:
        yield json.dumps(view).encode()

    return write


def make_webhooks(box: worlds.Box, post: Post, settings: WebhookSettings = PRIVATE) -> Webhooks:
    """The webhooks of a life, not yet at work."""
    parts, outbox = box.parts, Outbox(box.store)
    signing = Signing(parts.writer, outbox, parts.clock, parts.ids)
    return Webhooks(parts, outbox, signing, settings, post)


@asynccontextmanager
async def telling(
    box: worlds.Box, post: Post, settings: WebhookSettings = PRIVATE
) -> AsyncIterator[Webhooks]:
    """The webhooks of a life, at work."""
    webhooks = make_webhooks(box, post, settings)
    async with open_webhooks(webhooks, plain_body):
        yield webhooks


async def all_told(webhooks: Webhooks, tenant: str) -> list[Delivery]:
    """Every delivery, once none is pending."""
    pause_s = 0.01
    while webhooks.outbox.deliveries(tenant, DeliveryStatus.PENDING, 1, None).rows:
        await trio.sleep(pause_s)
        # It may take a day, of a clock that jumps.
        pause_s = min(2 * pause_s, 60)
    return list(webhooks.outbox.deliveries(tenant, None, 1000, None).rows)


class Receiver:
    """A real HTTP receiver on the loopback."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.got: list[Got] = []
        self.answers: Callable[[int], tuple[int, dict[str, str], bytes]] = lambda _: (200, {}, b"")
        """By the number of the request."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """A receiver at work."""
    holder: list[Receiver] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver = holder[0]
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            number = len(receiver.got)
            receiver.got.append(Got(self.path, headers, body))
            status, more, content = receiver.answers(number)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):
                # Whoever asked may want to know no more.
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    holder.append(Receiver(server.server_address[1]))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield holder[0]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
