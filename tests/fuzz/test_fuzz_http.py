"""Bytes on a connection: whatever they are, the connection is answered or closed, and no other."""

import socket
from contextlib import suppress

import pytest
import trio
import trio.testing
from fuzz.foreign import damaged
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypothesis import given
from hypothesis.strategies import lists
from structlog.testing import capture_logs

from axiomd.api.connections import (
    Connection,
    Connections,
    GuardedConfig,
    HttpOnly,
    guard_connections,
)
from axiomd.settings import ServerSettings

GET = b"GET /healthz?x=y HTTP/1.1\r\nHost: box\r\nAccept: */*\r\nCookie: a=b\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: box\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"PUT /b HTTP/1.1\r\nHost: box\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
EXPECTING = b"POST /c HTTP/1.1\r\nHost: box\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"
UPGRADING = (
    b"GET / HTTP/1.1\r\nHost: box\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n\x81\x01a"
)
HTTP_2 = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"
    b"\0\0\x05\x01\x05\0\0\0\x01\x82\x86\x04\x01/"
)
GOOD = (GET, POST, CHUNKED, EXPECTING, UPGRADING, HTTP_2, GET + POST + GET)


async def application(scope, receive, send, *_):
    """Reads what there is, and answers."""
    assert scope["type"] == "http"
    while (message := await receive())["type"] == "http.request" and message["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})


async def spoken_to(parts: list[bytes]) -> bytes:
    """What a connection answers to these parts, until it closes or waits for more."""
    config = GuardedConfig()
    config.errorlog = None
    settings = ServerSettings(head_timeout_s=0.1, idle_timeout_s=0.1)
    guard_connections(config, Connections(settings, 10))
    ours, theirs = socket.socketpair()
    answered = b""
    with ours, trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
            connection = Connection(application, config, WorkerContext(None), {}, stream)
            nursery.start_soon(connection.run)
            client = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
            try:
                for part in parts:
                    await client.send_all(part)
                    await trio.testing.wait_all_tasks_blocked(0.001)
                await client.send_eof()
            except trio.BrokenResourceError:
                pass
            with suppress(trio.BrokenResourceError):
                async for piece in client:
                    answered += piece
    return answered


@given(lists(damaged(*GOOD), min_size=1, max_size=3))
def test_any_bytes_are_answered_or_closed_and_no_fault_of_ours(parts):
    with capture_logs() as logged:
        answered = trio.run(spoken_to, parts)
    assert logged == []
    assert not answered or answered.startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize("good", GOOD[:5])
def test_what_is_whole_is_answered(good):
    assert b"here" in trio.run(spoken_to, [good])


def test_the_connection_is_what_the_server_runs():
    assert issubclass(Connection, TCPServer)
    assert issubclass(HttpOnly, H11Protocol)
