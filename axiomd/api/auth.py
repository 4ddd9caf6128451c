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
from axiomd.engine.keyring import DEFAULT_TENANT
from axiomd.engine.sign_in import SignedIn
from axiomd.errors import CsrfFailed, Forbidden, TenantDisabled, Unauthorized
from axiomd.ids import key_hash
from axiomd.store.acts import Actor, actor_of
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

    @property
    def actor(self) -> Actor:
        """As the log of administrative acts knows it."""
        return actor_of(self.key)

    @property
    def is_operator(self) -> bool:
        """Whether it may see and change other tenants."""
        return self.key.tenant == DEFAULT_TENANT

    def require_operator(self) -> None:
        """Raises Forbidden, whatever there is or is not."""
        if not self.is_operator:
            raise Forbidden

    def tenant_asked(self, asked: str | None) -> str:
        """The tenant that is asked about, or its own. Raises Forbidden if it may not see that."""
        if asked is None or asked == self.key.tenant:
            return self.key.tenant
        self.require_operator()
        return asked


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
    """Who made a request, which uses its key.

    Raises Unauthorized, saying nothing more; CsrfFailed; TenantDisabled.
    """
    if shown.authorization is not None:
        digest = _digest_of(shown.authorization)
        return Caller(_key_of(box, digest), lambda: _still_stands(box, digest))
    found = _SESSION.search(shown.cookie)
    token = found[1] if found else ""
    session = box.sign_ins.find(token)
    if session is None:
        raise Unauthorized
    if shown.method not in _HARMLESS and not _is_same(shown.csrf_token, session.csrf_token):
        raise CsrfFailed
    if session.disabled:
        raise TenantDisabled
    box.keyring.use.note(session.digest)
    return Caller(session.key, lambda: _session_stands(box, token), token, session)


def tenant_of(box: Box, scope: Scope, headers: dict[bytes, bytes]) -> str:
    """The tenant that a request, as ASGI, is made for. Raises what `caller_of` does.

    headers: those of the scope, the last of each name.
    """
    authorization = headers.get(b"authorization")
    if authorization is not None:
        return _key_of(box, _digest_of(authorization.decode("latin-1"))).tenant
    cookies = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    csrf_token = headers.get(CSRF_HEADER.lower().encode(), b"").decode("latin-1")
    shown = Credentials(scope["method"], None, cookies.decode("latin-1"), csrf_token)
    return caller_of(box, shown).key.tenant


def _digest_of(authorization: str) -> bytes:
    """The hash of the key in an Authorization header. Raises Unauthorized if it has no such form.

    Whoever shows a key knows its form: only what is looked up could tell something, and that is a
    hash, at the same cost whatever is behind it.
    """
    match = _BEARER.fullmatch(authorization)
    if match is None:
        raise Unauthorized
    return key_hash(match[1])


def _key_of(box: Box, digest: bytes) -> ApiKeyRecord:
    """What is known of the key with this hash, which is used now.

    Raises Unauthorized, saying nothing more; TenantDisabled. Read from the store at each request,
    so that revoking a key, and disabling its tenant, bites at the next one.
    """
    holder = box.reader.holder(digest)
    if holder is None:
        raise Unauthorized
    if holder.disabled:
        raise TenantDisabled
    box.keyring.use.note(digest)
    return holder.key


def _still_stands(box: Box, digest: bytes) -> bool:
    """Whether the key may still be used; if so, it is."""
    holder = box.reader.holder(digest)
    stands = holder is not None and not holder.disabled
    if stands:
        box.keyring.use.note(digest)
    return stands


def _session_stands(box: Box, token: str) -> bool:
    """The same of a session, and the key that it stands for."""
    session = box.sign_ins.find(token)
    if session is None or session.disabled:
        return False
    box.keyring.use.note(session.digest)
    return True


def _is_same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
