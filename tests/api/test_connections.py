"""One client's connection: what is wrong with it ends it alone; how many there may be."""

import inspect
from functools import partial

import hypercorn.trio
import hypercorn.trio.run as worker
import pytest
import trio
from hypercorn.trio.tcp_server import TCPServer
from structlog.testing import capture_logs

from axiomd.api.connections import Connections, GuardedConfig, HttpOnly, guard_connections
from axiomd.settings import (
    RunnerSettings,
    ServerSettings,
    Settings,
    connections_allowed,
    descriptors_reserved,
)

ASKED = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})


@pytest.fixture
async def port(nursery, monkeypatch):
    """A server of ours with `application`."""
    monkeypatch.setattr(worker, "TCPServer", TCPServer)
    config = GuardedConfig()
    config.bind, config.errorlog = ["127.0.0.1:0"], None
    guard_connections(config, Connections(ServerSettings(), 10))
    serve = partial(hypercorn.trio.serve, application, config, mode="asgi")
    binds = await nursery.start(partial(serve, shutdown_trigger=trio.Event().wait))
    return int(binds[0].rpartition(":")[2])


async def answer_of(port, sent):
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(sent)
        received = b""
        async for piece in stream:
            received += piece
    return received


async def test_a_fault_in_one_connection_is_logged_and_ends_no_other(port, monkeypatch):
    handle = HttpOnly.handle

    async def break_on_purpose(self, event):
        if b"broken" in getattr(event, "data", b""):
            raise KeyError("on purpose")
        await handle(self, event)

    monkeypatch.setattr(HttpOnly, "handle", break_on_purpose)
    with trio.fail_after(10), capture_logs() as logged:
        assert await answer_of(port, b"broken") == b""
        assert b"here" in await answer_of(port, ASKED)
    assert [line["event"] for line in logged] == ["connection_failed"]
    assert "on purpose" in logged[0]["error"]


def test_the_methods_that_are_replaced_are_there_to_be_replaced():
    """A release of hypercorn that works differently has to be looked at."""
    for name in ("run", "protocol_send", "_read_data", "_idle_timeout"):
        assert inspect.iscoroutinefunction(getattr(TCPServer, name))
    source = inspect.getsource(worker)
    assert "TCPServer," in source
    for name in ("_check_protocol", "_create_stream", "_send_error_response"):
        assert f"await self.{name}(" in inspect.getsource(HttpOnly.__bases__[0])


class Client:
    """Stands for a connection."""

    ended = False

    def end(self):
        self.ended = True


def test_who_owes_bytes_for_longest_makes_room():
    connections = Connections(ServerSettings(), 3)
    first, second, third, fourth, fifth = (Client() for _ in range(5))
    assert all(connections.enter(one) for one in (first, second, third))
    # The first is being answered, and begins to owe anew after the others.
    connections.owes(first, False)
    connections.owes(first, True)
    connections.owes(second, False)
    assert connections.enter(fourth)
    assert connections.enter(fifth)
    assert [one.ended for one in (first, second, third)] == [True, False, True]


def test_nobody_makes_room_who_is_being_answered():
    connections = Connections(ServerSettings(), 2)
    first, second, third = (Client() for _ in range(3))
    for one in (first, second):
        connections.enter(one)
        connections.owes(one, False)
    assert not connections.enter(third)
    connections.leave(first)
    assert connections.enter(third)
    # Who has left owes nothing, whatever is heard of it later.
    connections.owes(first, True)
    connections.owes(third, False)
    assert not connections.enter(Client())


@pytest.mark.parametrize(
    ("descriptors", "allowed"),
    [(2**20, 4096), (5000, 5000 - 2176), (1024, 256), (3, 1)],
)
def test_connections_leave_descriptors_for_the_store_and_the_nodes(descriptors, allowed):
    assert connections_allowed(Settings(), descriptors) == allowed


def test_more_node_processes_leave_less_for_connections():
    many = Settings(runners=RunnerSettings(processes_max=1000))
    assert descriptors_reserved(many) > descriptors_reserved(Settings())
