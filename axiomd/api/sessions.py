"""Routes for the session of a browser: sign in, who am I, sign out."""

import re
from typing import Any, TypedDict

from quart import Blueprint, Response, g, request

from axiomd.api import answers
from axiomd.api.auth import COOKIE, Caller
from axiomd.api.box import Box
from axiomd.api.executions import take_no_query
from axiomd.api.shapes import Moment
from axiomd.api.wire import read_sign_in
from axiomd.clock import S_PER_DAY, rfc3339
from axiomd.engine.sign_in import SignedIn
from axiomd.errors import Invalid, NotFound, Problem, TenantDisabled, TooLarge, Unauthorized
from axiomd.limits import SIGN_IN_BODY_BYTES_MAX
from axiomd.store.records import ApiKeyRecord

SIGN_IN_ENDPOINT = "sessions.sign_in"
"""The one route below /app that nobody needs a key for."""
_KEY = re.compile(r"[0-9a-f]{64}")


class SessionKeyView(TypedDict):
    """The API key that somebody has shown, or that their session stands for."""

    name: str
    first8: str


class BrowserSessionView(TypedDict):
    """Who is asking, and of a session what its pages need."""

    tenant: str
    key: SessionKeyView
    csrf_token: str | None
    """For the header X-CSRF-Token; null for who came with a key."""
    expires_at: Moment | None


class SignedOutView(TypedDict):
    """A session that has ended."""

    signed_out: bool


def sessions_routes(box: Box) -> Blueprint:
    """The session below /app/v1."""
    routes = Blueprint("sessions", __name__, url_prefix="/app/v1")
    sessions = SessionRoutes(box)
    routes.post("/session", endpoint="sign_in")(sessions.sign_in)
    routes.get("/session")(sessions.show)
    routes.delete("/session")(sessions.sign_out)
    return routes


class SessionRoutes:
    """The handlers of the session."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def sign_in(self) -> Response:
        """A session for who has a key, or a link."""
        take_no_query()
        # A page of another site can have a form sent without asking us first, but not as JSON.
        if request.mimetype != answers.JSON_TYPE:
            words = f"must be {answers.JSON_TYPE}, not {request.mimetype or 'missing'}"
            raise Invalid("Signing in takes JSON.", problems=[Problem("Content-Type", words)])
        body = read_sign_in(await _small_body())
        sign_ins = self._box.sign_ins
        if body.token is not None:
            token = await sign_ins.by_link(body.token)
        elif body.key is not None and _KEY.fullmatch(body.key):
            token = await sign_ins.by_key(body.key)
        else:
            raise Unauthorized
        session = sign_ins.find(token)
        if session is None:
            # The key was revoked this very moment.
            raise Unauthorized
        if session.disabled:
            raise TenantDisabled
        self._box.keyring.use.note(session.digest)
        max_age_s = int(self._box.settings.session_days * S_PER_DAY)
        return _answer(_view(session.key, session), 201, _cookie(token, max_age_s))

    async def show(self) -> Response:
        """Who is signed in; of who came with a key, whose it is."""
        take_no_query()
        caller: Caller = g.caller
        return _answer(_view(caller.key, caller.session), 200)

    async def sign_out(self) -> Response:
        """End the session."""
        take_no_query()
        caller: Caller = g.caller
        if caller.session is None:
            raise NotFound("There is no session to end: the request came with an API key.")
        await self._box.sign_ins.end(caller.token, caller.actor)
        return _answer({"signed_out": True}, 200, _cookie("", 0))


def _view(key: ApiKeyRecord, session: SignedIn | None) -> BrowserSessionView:
    """Who is asking, and of a session what its pages need."""
    return {
        "tenant": key.tenant,
        "key": {"name": key.name, "first8": key.first8},
        "csrf_token": session.csrf_token if session is not None else None,
        "expires_at": rfc3339(session.expires_ns) if session is not None else None,
    }


def _answer(view: Any, status: int, cookie: str | None = None) -> Response:
    response = Response(answers.dump(view), status=status, content_type=answers.JSON_TYPE)
    if cookie is not None:
        response.headers["Set-Cookie"] = cookie
    return response


def _cookie(token: str, max_age_s: int) -> str:
    """The cookie of a session: for this host only, unseen by scripts, never sent by other sites.

    `Secure` where the browser came by https, which only a proxy before us can tell. That header
    is believed from anybody: all it does is to make the cookie of who sent it stricter.
    """
    proto = request.headers.get("X-Forwarded-Proto", "").split(",")[0].strip().lower()
    secure = "; Secure" if "https" in (proto, request.scheme) else ""
    return f"{COOKIE}={token}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}"


async def _small_body() -> bytes:
    """The body, as far as it is taken from somebody who is not known yet."""
    body = b""
    if (request.content_length or 0) <= SIGN_IN_BODY_BYTES_MAX:
        async for part in request.body:
            body += part
            if len(body) > SIGN_IN_BODY_BYTES_MAX:
                break
        else:
            return body
    raise TooLarge(f"Signing in takes at most {SIGN_IN_BODY_BYTES_MAX} bytes.")
