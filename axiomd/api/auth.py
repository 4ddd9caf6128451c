"""Who is asking: an API key, or the session of a browser that stands for one; and its tenant.

Both are looked up by hash, in the store, at each request. A request with an Authorization header
is judged by that alone, never by its cookie. A browser sends the cookie with every request to this
host, whatever page made it: so with a session, whatever may change something has to carry a token
too that only pages of ours know.
"""

import hmac
import re
from collections.abc import Callable

import attrs
from quart import Request

from axiomd.api.box import Box
from axiomd.api.exchange import Scope
from axiomd.engine.sign_in import SignedIn
from axiomd.errors import CsrfFailed, Unauthorized
from axiomd.ids import key_hash
from axiomd.store.reader import Reader
from axiomd.store.records import ApiKeyRecord

COOKIE = "axiomd_session"
CSRF_HEADER = "X-CSRF-Token"

_BEARER = re.compile(r"Bearer ([0-9a-f]{64})")
_SESSION = re.compile(rf"(?:^|;)\s*{COOKIE}=([0-9a-f]*)\s*(?:;|$)")
_HARMLESS = frozenset({"GET", "HEAD"})


@attrs.frozen
class Caller:
    """Whoever made a request."""

    key: ApiKeyRecord
    stands: Callable[[], bool]
    """Whether the key, or the session, is still valid: asked again while an answer goes on."""
    token: str = ""
    """Of the session, if it was made with one."""
    session: SignedIn | None = None

    @property
    def name(self) -> str:
        """As what somebody says is kept under."""
        return f"{self.key.name}/{self.key.first8}"


@attrs.frozen
class Credentials:
    """What a request shows of who made it."""

    method: str
    authorization: str | None
    cookie: str
    """The Cookie header; several are joined, since HTTP/2 may split it."""
    csrf_token: str


def shown_by(request: Request) -> Credentials:
    """What a request of the framework shows."""
    return Credentials(
        request.method,
        request.headers.get("Authorization"),
        "; ".join(request.headers.getlist("Cookie")),
        request.headers.get(CSRF_HEADER, ""),
    )


def caller_of(box: Box, shown: Credentials) -> Caller:
    """Who made a request. Raises Unauthorized, saying nothing more, or CsrfFailed."""
    if shown.authorization is not None:
        authorization = shown.authorization
        key = key_of(box.reader, authorization)
        return Caller(key, lambda: _find_key(box.reader, authorization) is not None)
    found = _SESSION.search(shown.cookie)
    token = found[1] if found else ""
    session = box.sign_ins.find(token)
    if session is None:
        raise Unauthorized
    if shown.method not in _HARMLESS and not _is_same(shown.csrf_token, session.csrf_token):
        raise CsrfFailed
    return Caller(session.key, lambda: box.sign_ins.find(token) is not None, token, session)


def tenant_of(box: Box, scope: Scope, headers: dict[bytes, bytes]) -> str:
    """The tenant that a request, as ASGI, is made for. Raises what `caller_of` does.

    headers: those of the scope, the last of each name.
    """
    authorization = headers.get(b"authorization")
    if authorization is not None:
        return key_of(box.reader, authorization.decode("latin-1")).tenant
    cookies = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    csrf_token = headers.get(CSRF_HEADER.lower().encode(), b"").decode("latin-1")
    shown = Credentials(scope["method"], None, cookies.decode("latin-1"), csrf_token)
    return caller_of(box, shown).key.tenant


def key_of(reader: Reader, authorization: str) -> ApiKeyRecord:
    """What is known of the key that the header carries. Raises Unauthorized, saying nothing more.

    Read from the store at each request, so that revoking a key bites at the next one.
    """
    record = _find_key(reader, authorization)
    if record is None:
        raise Unauthorized
    return record


def _find_key(reader: Reader, authorization: str) -> ApiKeyRecord | None:
    match = _BEARER.fullmatch(authorization)
    record = reader.api_key(key_hash(match[1])) if match else None
    return record if record is not None and not record.revoked_ns else None


def _is_same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
