"""The connections of clients: how many, how long each may take, and that each fails alone.

hypercorn's connection is taken and made stricter. It speaks HTTP/1.1 and nothing else, drops a
client that takes too long over the head of a request, and an idle one after a while. Beyond a
number of them, whoever owes us bytes for longest makes room: a flood of idle or slow clients costs
those their connections, never one that waits for its answer. A fault in one is logged and ends it
alone; in hypercorn it would end the server.
"""

from collections.abc import Iterable
from contextlib import suppress
from math import inf
from typing import Any

import h11
import hypercorn.trio.run as worker
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import MAX_RECV, TCPServer
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr

from axiomd.api import answers
from axiomd.api.exchange import SAFETY
from axiomd.errors import AxiomdError, HeadTooLarge, Malformed, TooManyConnections, TooSlow
from axiomd.limits import HEAD_BYTES_MAX
from axiomd.settings import ServerSettings

_LAST_WORDS_S = 1.0
"""Seconds for telling a client why its connection ends, before it does."""
_REASONS = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}
_OWING = (h11.IDLE, h11.SEND_BODY)
"""States of a client in which the next bytes have to come from it."""


class Connections:
    """Every open connection of the server, and how long those that owe us bytes have done so."""

    def __init__(self, settings: ServerSettings, connections_max: int) -> None:
        """connections_max: beyond it, one makes room or is refused."""
        self.head_timeout_s = settings.head_timeout_s
        self.idle_timeout_s = settings.idle_timeout_s
        self._max = connections_max
        self._open: set[Connection] = set()
        self._owing: dict[Connection, None] = {}
        """Since when: the longest first."""

    def enter(self, one: "Connection") -> bool:
        """Take one in; False if there is no room, since all the others are being answered."""
        if len(self._open) >= self._max:
            longest = next(iter(self._owing), None)
            if longest is None:
                return False
            self.leave(longest)
            longest.end()
        self._open.add(one)
        self._owing[one] = None
        return True

    def leave(self, one: "Connection") -> None:
        """One has ended, or is about to."""
        self._open.discard(one)
        self._owing.pop(one, None)

    def owes(self, one: "Connection", owing: bool) -> None:
        """Whether the next bytes have to come from its client."""
        if not owing:
            self._owing.pop(one, None)
        elif one in self._open:
            self._owing.setdefault(one)


class GuardedConfig(Config):
    """What hypercorn hands to each connection."""

    connections: Connections


class HttpOnly(H11Protocol):
    """HTTP/1.1 without what leads out of it: no HTTP/2, no WebSocket.

    Nobody needs them behind or without a proxy, and each would need guards of its own.
    """

    async def _check_protocol(self, event: h11.Request) -> None:
        """HTTP/2 is not begun, whether asked for or just spoken."""

    async def _create_stream(self, request: h11.Request) -> None:
        if any(name == b"upgrade" for name, _ in request.headers):
            request = h11.Request(
                method=request.method,
                target=request.target,
                headers=[pair for pair in request.headers.raw_items() if not _is_upgrade(*pair)],
                http_version=request.http_version,
            )
        await super()._create_stream(request)

    async def _send_error_response(self, status_code: int) -> None:
        """What is no HTTP gets an answer of ours."""
        error: AxiomdError = Malformed("The request is not well-formed HTTP/1.1.")
        if status_code == HeadTooLarge.status:
            error = HeadTooLarge(f"The head of the request is over {HEAD_BYTES_MAX} bytes.")
        body = answers.dump(answers.envelope(error))
        headers = [*_closing_headers(error, body), *self.config.response_headers("h11")]
        await self._send_h11_event(h11.Response(status_code=error.status, headers=headers))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())


def _is_upgrade(name: bytes, _: bytes) -> bool:
    return name.lower() == b"upgrade"


class Connection(TCPServer):
    """One client's connection, from being accepted to its end."""

    config: GuardedConfig
    _scope: trio.CancelScope | None = None
    _idle: trio.CancelScope | None = None
    """Until the next head is complete: how long that may take."""
    _head_began = False

    async def run(self) -> None:
        """Serve it. Raises nothing: what is wrong with one connection ends no other."""
        connections = self.config.connections
        if not connections.enter(self):
            await self._say(TooManyConnections())
            await self._close()
            return
        try:
            with trio.CancelScope() as self._scope:
                await self._serve()
        except OSError:
            pass
        except Exception as failure:  # noqa: BLE001 - the last frame of one connection
            answers.log.error("connection_failed", error=repr(failure), exc_info=failure)
        finally:
            connections.leave(self)
            await self._close()

    def end(self) -> None:
        """Make it end now, whatever it does."""
        if self._scope is not None:
            self._scope.cancel()

    async def _serve(self) -> None:
        socket = self.stream.socket
        client = parse_socket_addr(socket.family, socket.getpeername())
        server = parse_socket_addr(socket.family, socket.getsockname())
        async with TaskGroup() as self._task_group:
            state = ConnectionState(self.state)
            first = (self.app, self.config, self.context, self._task_group, state)
            self.protocol: Any = HttpOnly(*first, False, client, server, self.protocol_send)
            await self.idle_task.restart(self._task_group, self._idle_timeout)
            await self._read_data()
            # Who has left is not waited for: its descriptor would stay until the idle time is over.
            await self.idle_task.stop()

    async def protocol_send(self, event: Event) -> None:
        """Write an answer, or note that one request has begun or the next is waited for."""
        if isinstance(event, Updated):
            self.config.connections.owes(self, event.idle)
        await super().protocol_send(event)

    async def _read_data(self) -> None:
        data = b"-"
        while data:
            try:
                data = bytes(await self.stream.receive_some(MAX_RECV))
            except (trio.ClosedResourceError, trio.BrokenResourceError):
                break
            if data and self._idle is not None and not self._head_began:
                self._head_began = True
                latest = trio.current_time() + self.config.connections.head_timeout_s
                self._idle.deadline = min(self._idle.deadline, latest)
            await self.protocol.handle(RawData(data))
            self.config.connections.owes(self, self.protocol.connection.their_state in _OWING)
        await self.protocol.handle(Closed())

    async def _idle_timeout(self) -> None:
        self._head_began = False
        with trio.move_on_after(self.config.connections.idle_timeout_s) as self._idle:
            await self.context.terminated.wait()
        with trio.CancelScope(shield=True):
            # What was no HTTP at all has been answered already.
            owing = self._head_began and self.protocol.connection.their_state is h11.IDLE
            if owing and not self.context.terminated.is_set():
                await self._say(TooSlow())
            await self._initiate_server_close()

    async def _say(self, error: AxiomdError) -> None:
        """Answer for a request that is not there as a whole; who does not take it, does not."""
        body = answers.dump(answers.envelope(error))
        status = f"HTTP/1.1 {error.status} {_REASONS.get(error.status, 'Unavailable')}\r\n"
        lines = [name + b": " + value for name, value in _closing_headers(error, body)]
        with trio.move_on_after(_LAST_WORDS_S):
            # Not into the middle of an answer, nor while one begins.
            async with self.send_lock:
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    await self.stream.send_all(
                        status.encode() + b"\r\n".join(lines) + b"\r\n\r\n" + body
                    )


def _closing_headers(error: AxiomdError, body: bytes) -> Iterable[tuple[bytes, bytes]]:
    told = [(name.encode(), value.encode()) for name, value in answers.error_headers(error).items()]
    return (
        (b"content-type", answers.JSON_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *SAFETY,
        *told,
    )


def guard_connections(config: GuardedConfig, connections: Connections) -> None:
    """Make hypercorn's worker serve connections like these."""
    config.connections = connections
    config.h11_max_incomplete_size = HEAD_BYTES_MAX
    # Ours are timed by `_idle_timeout` alone.
    config.keep_alive_timeout = inf
    worker.TCPServer = Connection  # type: ignore[attr-defined]
