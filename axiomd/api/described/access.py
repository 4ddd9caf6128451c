"""What is told of the routes of API keys and of the sessions of browsers."""

from axiomd.api.described.route import Answer, Body, Page, Parameter, Route
from axiomd.api.keys import KeyView, NewKeyView, RevokedKeyView
from axiomd.api.sessions import BrowserSessionView, SignedOutView
from axiomd.api.wire import NewKeyBody, SignInBody
from axiomd.errors import (
    Forbidden,
    LinkUnusable,
    NotFound,
    StoreFull,
    TenantDisabled,
    Unauthorized,
)

_SET_COOKIE = Parameter("Set-Cookie", "The session's cookie.")
_KEY = "3f9a0c11" * 8

ACCESS = (
    Route(
        "GET",
        "/app/v1/keys",
        "listKeys",
        "List the tenant's API keys, masked",
        (Answer(200, "All of them.", Page("keys", KeyView)),),
        "Access",
    ),
    Route(
        "POST",
        "/app/v1/keys",
        "createKey",
        "Make an API key",
        (Answer(201, "The key. It is shown this once.", NewKeyView),),
        "Access",
        "The operator makes them for other tenants too.",
        body=Body("What it is called.", NewKeyBody, {"name": "laptop"}),
        refusals=(Forbidden, NotFound),
    ),
    Route(
        "DELETE",
        "/app/v1/keys/{first8}",
        "revokeKey",
        "Revoke an API key, at once",
        (Answer(200, "It is none any more.", RevokedKeyView),),
        "Access",
    ),
    Route(
        "POST",
        "/app/v1/session",
        "signIn",
        "Sign a browser in",
        (Answer(201, "The session.", BrowserSessionView, headers=(_SET_COOKIE,)),),
        "Access",
        "With an API key, or with the token of a link of `axiomd login-link`: exactly one.",
        body=Body("Who it is.", SignInBody, {"key": _KEY}),
        refusals=(Unauthorized, LinkUnusable, TenantDisabled, StoreFull),
        keyed=False,
    ),
    Route(
        "GET",
        "/app/v1/session",
        "getSession",
        "Show who is signed in, and the session's CSRF token",
        (Answer(200, "Who is asking.", BrowserSessionView),),
        "Access",
    ),
    Route(
        "DELETE",
        "/app/v1/session",
        "signOut",
        "Sign out",
        (Answer(200, "The session has ended.", SignedOutView, headers=(_SET_COOKIE,)),),
        "Access",
        refusals=(NotFound,),
    ),
)
