"""The HTTP client of the commands: requests, errors as exceptions, event streams.

Promises that whatever goes wrong is an AxiomdError that says what to do. Knows no command.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import attrs
import httpx

from axiomd.cli.exits import NoKey, ServerRefused, Unreachable
from axiomd.errors import SettingsInvalid

_CONNECT_S = 5.0
_READ_S = 60.0
_SILENCE_S = 120.0
"""A stream that says nothing for this long, keep-alives included, is lost."""
_KEY = re.compile(r"[0-9a-f]{64}")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@attrs.frozen
class Target:
    """A server and the key to show it."""

    url: str
    key: str | None = attrs.field(repr=False)


@attrs.frozen
class ServerEvent:
    """One event of a stream."""

    event_id: int | None
    data: Any


def checked_url(url: str) -> str:
    """`url` without a slash at its end. Raises SettingsInvalid if it is none."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise SettingsInvalid(
            f"The server's address must look like http://127.0.0.1:8700, not {url!r}."
        )
    return url.rstrip("/")


class Client:
    """Requests to one server with one key."""

    def __init__(self, http: httpx.Client, target: Target) -> None:
        self.target = target
        self._http = http

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON of a GET; parameters that are None are left out."""
        return self.send("GET", path, params=params)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content: bytes | Iterable[bytes] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        read_s: float = _READ_S,
        keyed: bool = True,
    ) -> Any:
        """The JSON of any request; `body` is sent as JSON, `content` as it is.

        keyed: whether the route wants a key. Raises NoKey, Unreachable, ServerRefused.
        """
        with self._translated():
            answer = self._http.request(
                method,
                path,
                headers=self._headers(headers, body) if keyed else {},
                params=_given(params),
                content=content if body is None else json.dumps(body).encode(),
                timeout=_timeout(read_s),
            )
        if answer.is_error:
            raise ServerRefused(answer.status_code, _json_or_none(answer))
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.text

    @contextmanager
    def events(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Iterator[ServerEvent]]:
        """An open event stream. Raises as `send` does, Unreachable also when it breaks off."""
        accept = {"Accept": "text/event-stream", **(headers or {})}
        with self._translated():
            request = self._http.build_request(
                method,
                path,
                headers=self._headers(accept, body),
                params=_given(params),
                content=None if body is None else json.dumps(body).encode(),
                timeout=_timeout(_SILENCE_S),
            )
            answer = self._http.send(request, stream=True)
            try:
                if answer.is_error:
                    answer.read()
                    raise ServerRefused(answer.status_code, _json_or_none(answer))
                yield read_events(answer.iter_bytes())
            finally:
                answer.close()

    def _headers(self, headers: Mapping[str, str] | None, body: object) -> dict[str, str]:
        if self.target.key is None:
            raise NoKey(f"There is no API key for {self.target.url}.")
        if not _KEY.fullmatch(self.target.key):
            raise NoKey("The API key is not one: a key is 64 characters of 0-9 and a-f.")
        sent = {"Authorization": f"Bearer {self.target.key}", **(headers or {})}
        return sent if body is None else {"Content-Type": "application/json", **sent}

    @contextmanager
    def _translated(self) -> Iterator[None]:
        url = self.target.url
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as failure:
            raise Unreachable(f"No axiomd answers at {url}: {failure}.") from None
        except httpx.TimeoutException:
            raise Unreachable(f"The server at {url} did not answer in time.") from None
        except httpx.TransportError as failure:
            raise Unreachable(f"The connection to {url} was lost: {failure}.") from None


@contextmanager
def open_client(target: Target) -> Iterator[Client]:
    """A client with its connections."""
    # A proxy of the environment does not know this machine's own addresses.
    near = urlsplit(target.url).hostname in _LOOPBACK
    with httpx.Client(base_url=target.url, trust_env=not near) as http:
        yield Client(http, target)


def read_events(chunks: Iterable[bytes]) -> Iterator[ServerEvent]:
    """The events in a byte stream; comments are passed over.

    Lines end with a line feed and nothing else: JSON texts may hold other separators.
    """
    rest = b""
    event_id: int | None = None
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            name, _, value = line.partition(b": ")
            if name == b"id":
                event_id = int(value)
            elif name == b"data":
                yield ServerEvent(event_id, json.loads(value))
            elif not line:
                event_id = None


def _timeout(read_s: float) -> httpx.Timeout:
    return httpx.Timeout(read_s, connect=_CONNECT_S)


def _given(params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {k: v for k, v in params.items() if v is not None} if params else None


def _json_or_none(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
