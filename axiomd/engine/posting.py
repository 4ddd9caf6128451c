"""One request to where a tenant wants to be told something, and to nowhere else.

The name of a receiver is looked up once for each request, every address that comes of it is
judged, and the connection is made to an address that was judged: so no name can mean something
public when it is looked at and something private when it is connected to. The request still
carries the name, and TLS is checked against it. Redirects are not followed, proxies not used,
connections not kept, and of an answer only the head is read.
"""

import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Protocol

import httpcore
import httpx
import trio

from axiomd.execution.targets import address_fault
from axiomd.settings import WebhookSettings

_CONNECT_S = 5.0
"""Seconds for one of several addresses, so that a dead one does not use up the others' time."""
_LOOKUPS_MAX = 8
"""Names looked up side by side: the system's resolver may hold a thread for long."""

Headers = Sequence[tuple[str, str]]
Body = AsyncIterator[bytes]


class NotPosted(Exception):
    """There is no answer; the message says why."""


class Post(Protocol):
    """Makes one request."""

    async def __call__(self, url: str, headers: Headers, body: Body) -> int:
        """POST `body`; the status code of the answer. Raises NotPosted."""
        ...


class Poster:
    """Makes requests as the settings allow."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._timeout_s = settings.timeout_s
        self._backend = _JudgedNetwork(allow_private=settings.allow_private)
        self._tls: ssl.SSLContext | None = None

    async def __call__(self, url: str, headers: Headers, body: Body) -> int:
        """POST `body`; the status code of the answer. Raises NotPosted."""
        try:
            with trio.fail_after(self._timeout_s):
                return await self._post(url, headers, body)
        except trio.TooSlowError:
            raise NotPosted(f"no answer within {self._timeout_s:g} s") from None
        except _TROUBLES as failure:
            raise NotPosted(str(failure) or type(failure).__name__) from None

    async def _post(self, url: str, headers: Headers, body: Body) -> int:
        wanted = httpx.URL(url)
        pool = httpcore.AsyncConnectionPool(
            await self._tls_of(wanted),
            max_connections=1,
            max_keepalive_connections=0,
            network_backend=self._backend,
        )
        place = httpcore.URL(
            scheme=wanted.raw_scheme,
            host=wanted.raw_host,
            port=wanted.port,
            target=wanted.raw_path,
        )
        raw = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]
        async with pool, pool.stream("POST", place, headers=raw, content=body) as answer:
            # What else it says is for nobody, and may be without end.
            return answer.status

    async def _tls_of(self, url: httpx.URL) -> ssl.SSLContext | None:
        if url.scheme == "https" and self._tls is None:
            # Made once: reading all certificates takes a while.
            self._tls = await trio.to_thread.run_sync(httpx.create_ssl_context)
        return self._tls


_TROUBLES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    httpx.InvalidURL,
    OSError,
    UnicodeError,
)


class _JudgedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to addresses that may be connected to."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._inner = httpcore.TrioBackend()
        self._lookups = trio.CapacityLimiter(_LOOKUPS_MAX)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to one of the addresses of a host. Raises NotPosted if none may be had."""
        addresses = await self._look_up(host, port)
        faults = {} if self._allow_private else {a: address_fault(a) for a in addresses}
        allowed = [address for address in addresses if not faults.get(address)]
        if not allowed:
            raise NotPosted(faults[addresses[0]])
        trouble: Exception | None = None
        for address in allowed:
            try:
                return await self._inner.connect_tcp(
                    address, port, _CONNECT_S, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
                trouble = failure
        said = str(trouble) or type(trouble).__name__
        raise NotPosted(f"{allowed[-1]} port {port}: {said}")

    async def _look_up(self, host: str, port: int) -> list[str]:
        """The addresses of a host, in the resolver's order."""

        def ask() -> list[Any]:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)

        try:
            found = await trio.to_thread.run_sync(
                ask, abandon_on_cancel=True, limiter=self._lookups
            )
        except (OSError, UnicodeError) as failure:
            raise NotPosted(f"{host} cannot be looked up: {failure}") from None
        return list(dict.fromkeys(str(place[0]) for *_, place in found))
