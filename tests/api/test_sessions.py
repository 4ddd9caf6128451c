"""Signing in with a browser: sessions, their cookie, their CSRF token, their links, their end."""

import json
import re
import subprocess
import sys

import httpx
import pytest
from api.test_access import ROUTES
from system.box import Box, User

from axiomd.clock import SystemClock
from axiomd.engine.keyring import COMMAND_LINE, DEFAULT_TENANT
from axiomd.engine.sign_in import new_link
from axiomd.ids import Ids, key_hash, token_key
from axiomd.settings import StoreSettings
from axiomd.store import keys
from axiomd.store.commit import RowsCommit
from axiomd.store.env import open_store
from axiomd.store.reader import Reader
from axiomd.store.records import (
    SessionRecord,
    SignInLinkRecord,
    encode_link,
    encode_session,
)
from axiomd.store.writer import write_now

SESSION = "/app/v1/session"
TOKEN = re.compile(r"axiomd_session=([0-9a-f]{80}); Path=/; Max-Age=604800; HttpOnly; ")
UNSAFE = [(method, path) for method, path in ROUTES if method not in ("GET", "HEAD")]


def anonymous(box: Box) -> httpx.Client:
    return httpx.Client(base_url=box.url, trust_env=False, timeout=20)


def signed_in(box: Box, **body: str) -> User:
    """A browser that has signed in; like a page, it sends its CSRF token with everything."""
    http = anonymous(box)
    answer = http.post(SESSION, json=body)
    assert answer.status_code == 201, answer.text
    http.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
    return User(http)


@pytest.fixture
def own_key(user: User) -> str:
    """A key that a test may revoke."""
    key: str = user.http.post("/app/v1/keys", json={"name": "browser"}).json()["key"]
    return key


@pytest.fixture
def page(box: Box, own_key):
    with signed_in(box, key=own_key) as browser:
        yield browser


def make_link(box: Box, tenant: str = DEFAULT_TENANT) -> str:
    """The token of a link, made beside the running server."""
    clock = SystemClock()
    with open_store(StoreSettings(), box.data_dir) as store:
        token, commit = new_link(Reader(store), Ids(clock), clock, tenant, COMMAND_LINE)
        write_now(store, commit)
    return token


def put(box: Box, table: str, key: bytes, value: bytes) -> None:
    with open_store(StoreSettings(), box.data_dir) as store:
        write_now(store, RowsCommit(((table, key, value),)))


# -- signing in ---------------------------------------------------------------------------------


def test_who_has_a_key_gets_a_session_in_a_cookie_that_scripts_do_not_see(box, own_key):
    with anonymous(box) as http:
        answer = http.post(SESSION, json={"key": own_key})
    assert answer.status_code == 201
    view = answer.json()
    assert view["tenant"] == DEFAULT_TENANT
    assert view["key"] == {"name": "browser", "first8": own_key[:8]}
    assert re.fullmatch(r"[0-9a-f]{64}", view["csrf_token"])
    assert view["expires_at"].endswith("Z")
    cookie = answer.headers["set-cookie"]
    assert TOKEN.match(cookie)
    assert cookie.endswith("; SameSite=Strict")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("proto", "secure"),
    [("https", True), ("HTTPS, http", True), ("http", False), ("http, https", False), ("", False)],
)
def test_the_cookie_is_secure_where_the_browser_came_by_https(box, own_key, proto, secure):
    with anonymous(box) as http:
        headers = {"X-Forwarded-Proto": proto} if proto else {}
        answer = http.post(SESSION, json={"key": own_key}, headers=headers)
    assert ("; Secure" in answer.headers["set-cookie"]) is secure


def test_a_page_that_is_loaded_again_is_told_who_it_is_and_its_csrf_token(page: User):
    again = page.get(SESSION)
    assert again["csrf_token"] == page.http.headers["X-CSRF-Token"]
    assert set(again) == {"tenant", "key", "csrf_token", "expires_at"}


def test_who_comes_with_a_key_is_told_whose_it_is_and_has_no_session(user: User, box, refused):
    told = user.get(SESSION)
    assert (told["tenant"], told["key"]["first8"]) == (DEFAULT_TENANT, box.key[:8])
    assert told["csrf_token"] is told["expires_at"] is None
    refused(user.http.delete(SESSION), 404, "NOT_FOUND")


@pytest.mark.parametrize("key", ["", "0" * 64, "x", "0" * 63, "F" * 64])
def test_a_wrong_key_signs_nobody_in_and_says_nothing(box, key):
    with anonymous(box) as http:
        answer = http.post(SESSION, json={"key": key})
    assert (answer.status_code, answer.json()) == (401, {"error": "unauthorized"})
    assert "set-cookie" not in answer.headers


def test_a_revoked_key_signs_nobody_in(box, user, own_key):
    user.http.delete(f"/app/v1/keys/{own_key[:8]}")
    with anonymous(box) as http:
        assert http.post(SESSION, json={"key": own_key}).status_code == 401


@pytest.mark.parametrize(
    "body", [{}, {"key": "0" * 64, "token": "0" * 80}, {"kay": "0" * 64}, {"key": 1}, []]
)
def test_signing_in_takes_one_of_two_things(box, refused, body):
    with anonymous(box) as http:
        assert refused(http.post(SESSION, json=body), 422, "INVALID")


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_form_of_another_site_signs_nobody_in(box, refused, own_key, kind):
    content = json.dumps({"key": own_key}).encode()
    with anonymous(box) as http:
        headers = {"Content-Type": kind} if kind else {}
        answer = http.post(SESSION, content=content, headers=headers)
    (problem,) = refused(answer, 422, "INVALID")
    assert problem.startswith("Content-Type: ")
    assert "set-cookie" not in answer.headers


def test_no_large_body_is_taken_from_who_is_not_known(box, refused):
    def dripping():
        for _ in range(40):
            yield b" " * 100

    headers = {"Content-Type": "application/json"}
    with anonymous(box) as http:
        for content in (b" " * 2000, dripping()):
            refused(http.post(SESSION, content=content, headers=headers), 413, "TOO_LARGE")


# -- what a session may do ----------------------------------------------------------------------


def test_every_route_takes_the_session_for_the_key(page: User, user: User):
    for method, path in ROUTES:
        if (method, path) == ("DELETE", SESSION):
            continue
        # What can be deleted only once is not there from the beginning.
        asked = path.replace("acme/echo", "acme/nothing").replace("/TOKEN", "/NOTHING")
        by_cookie = page.http.request(method, asked, content=b"{")
        by_key = user.http.request(method, asked, content=b"{")
        assert by_cookie.status_code == by_key.status_code, (method, path, by_cookie.text)
        assert by_cookie.status_code not in (401, 403)


def test_what_may_change_something_needs_the_csrf_token_of_the_session(box, page, own_key, refused):
    with signed_in(box, key=own_key) as other:
        wrong = [None, "", "0" * 64, other.http.headers["X-CSRF-Token"]]
    right = page.http.headers.pop("X-CSRF-Token")
    for method, path in UNSAFE:
        for given in [*wrong, right[:-1], right.upper(), f"{right}0"]:
            headers = {} if given is None else {"X-CSRF-Token": given}
            answer = page.http.request(method, path, headers=headers, content=b"{")
            refused(answer, 403, "CSRF_FAILED")
    for method, path in ROUTES:
        if method == "GET":
            assert page.http.get(path).status_code not in (401, 403), path
    headers = {"X-CSRF-Token": right}
    assert page.http.request("POST", "/app/v1/keys", json={}, headers=headers).status_code == 422


def test_a_cookie_is_not_looked_at_beside_an_authorization_header(page: User, box: Box):
    bad = {"Authorization": f"Bearer {'0' * 64}"}
    for method, path in ROUTES:
        assert page.http.request(method, path, headers=bad, content=b"{").status_code == 401, path
    del page.http.headers["X-CSRF-Token"]
    good = {"Authorization": f"Bearer {box.key}"}
    answer = page.http.post("/app/v1/keys", json={"name": "both"}, headers=good)
    assert answer.status_code == 201


def test_flows_run_and_stream_for_a_session(page: User, graph):
    assert page.invoke(graph("Echo"), {"text": "a"}, wait=True).json()["result"]["success"]
    *frames, closing = page.streamed(graph("Split"), {"count": 3})
    assert len(frames) == 3
    identity = closing.data["execution_id"]
    # As EventSource asks: a GET with the cookie and no header of its own.
    del page.http.headers["X-CSRF-Token"]
    assert [event.data for event in page.resumed(identity)] == [
        event.data for event in (*frames, closing)
    ]


def test_what_a_session_says_is_kept_under_the_name_of_its_key(page: User, graph, own_key):
    asking = graph({**_asking(), "name": "acme/asks-session"})
    identity = page.accepted(asking, {"text": "a"})
    page.reached(identity, {"PAUSED_HITL"})
    (pause,) = page.execution(identity, "/pauses")["pauses"]
    path = f"/invocations/v1/executions/{identity}/pauses/{pause['pause_id']}/resume"
    assert page.http.post(path, json={"decision": "approve"}).status_code in (200, 202)
    page.ended(identity)
    (pause,) = page.execution(identity, "/pauses")["pauses"]
    assert pause["by"] == f"browser/{own_key[:8]}"


def _asking():
    from system.lab import configured

    return configured("asks-session", "Echo", hitl={"interrupt_payload": {"ask": "go on?"}})


def test_a_session_sees_its_own_tenant_only(box, user: User, graph, refused):
    identity = user.accepted(graph("Echo"), {})
    user.ended(identity)
    with signed_in(box, token=make_link(box, "beyond")) as other:
        assert other.get(SESSION)["tenant"] == "beyond"
        refused(other.http.get(f"/invocations/v1/executions/{identity}"), 404, "NOT_FOUND")
        refused(other.http.get(f"/app/v1/artifacts/{graph('Echo')}"), 404, "NOT_FOUND")
        refused(other.invoke(graph("Echo"), {}), 404, "NOT_FOUND")
        assert other.get("/invocations/v1/executions")["executions"] == []


def test_the_cookie_is_found_among_others_and_only_by_its_name(page: User, box: Box):
    token = page.http.cookies["axiomd_session"]
    with anonymous(box) as http:
        for text, status in (
            (f"axiomd_session={token}", 200),
            (f"theme=dark; axiomd_session={token}; a=b", 200),
            (f"theme=dark;axiomd_session={token}", 200),
            (f"not_axiomd_session={token}", 401),
            (f'x="axiomd_session={token}"', 401),
            (f"axiomd_session={token}0", 401),
            (f"axiomd_session={token[:-1]}", 401),
            (f"axiomd_session={token.upper()}", 401),
            (f"axiomd_session=f{token[1:]}", 401),
            ("axiomd_session=", 401),
            ("", 401),
        ):
            answer = http.get("/app/v1/keys", headers={"Cookie": text})
            assert answer.status_code == status, text


# -- how a session ends -------------------------------------------------------------------------


def test_who_signs_out_has_no_session_any_more(page: User, box: Box):
    token = page.http.cookies["axiomd_session"]
    answer = page.http.delete(SESSION)
    assert (answer.status_code, answer.json()) == (200, {"signed_out": True})
    assert answer.headers["set-cookie"].startswith("axiomd_session=; Path=/; Max-Age=0; ")
    assert "axiomd_session" not in page.http.cookies
    with anonymous(box) as http:
        cookie = {"Cookie": f"axiomd_session={token}"}
        assert http.get(SESSION, headers=cookie).json() == {"error": "unauthorized"}


def test_the_sessions_of_a_revoked_key_end_at_the_next_request(box, user, page: User, own_key):
    with signed_in(box, key=own_key) as second:
        assert second.http.get(SESSION).status_code == 200
        user.http.delete(f"/app/v1/keys/{own_key[:8]}")
        for browser in (page, second):
            for method, path in ROUTES:
                answer = browser.http.request(method, path, content=b"{")
                assert (answer.status_code, answer.json()) == (401, {"error": "unauthorized"})


@pytest.mark.parametrize("by", ["session", "key"])
def test_an_open_stream_ends_with_what_it_was_opened_by(box, user, page, graph, own_key, by):
    identity = user.accepted(graph("Nap"), {"count": 60})
    path = f"/invocations/v1/executions/{identity}/events"
    with (
        box.client(own_key) as keyed,
        (page if by == "session" else keyed).http.stream(
            "GET", path, headers={"Accept": "text/event-stream"}
        ) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines)
        user.http.delete(f"/app/v1/keys/{own_key[:8]}")
        # To its end: it goes on for as long as the execution otherwise.
        assert list(lines) is not None
    assert user.execution(identity)["status"] == "RUNNING"
    user.cancel(identity)


def test_a_session_runs_out(box: Box, own_key):
    ids = Ids(SystemClock())
    now_ns = ids.clock.now_ns()
    record = encode_session(SessionRecord(key_hash(own_key), now_ns - 10))
    over, good = ids.token(now_ns), ids.token(now_ns + 60 * 10**9)
    for token in (over, good):
        put(box, keys.SESSIONS, token_key(token), record)
    with anonymous(box) as http:
        for token, status in ((over, 401), (good, 200)):
            answer = http.get(SESSION, headers={"Cookie": f"axiomd_session={token}"})
            assert answer.status_code == status


# -- links --------------------------------------------------------------------------------------


def test_a_link_made_beside_the_server_signs_in_once(box: Box, refused):
    command = [sys.executable, "-m", "axiomd", "login-link", "--json"]
    made = subprocess.run(
        [*command, "--data-dir", str(box.data_dir)], capture_output=True, text=True, check=True
    )
    said = json.loads(made.stdout)
    assert set(said) == {"link", "tenant", "expires_at"}
    address, _, token = said["link"].partition("#token=")
    assert address == f"{box.url}/sign-in"
    with signed_in(box, token=token) as browser:
        view = browser.get(SESSION)
        assert (view["tenant"], view["key"]["name"]) == (DEFAULT_TENANT, "console")
        with anonymous(box) as http:
            again = http.post(SESSION, json={"token": token})
        refused(again, 401, "LINK_UNUSABLE")
        assert "has been used" in again.json()["error"]
        assert browser.http.get(SESSION).status_code == 200


def test_who_came_by_a_link_is_signed_out_by_revoking_the_console_key(box, user: User, refused):
    left = make_link(box)
    with signed_in(box, token=make_link(box)) as first, signed_in(box, token=left) as second:
        assert first.get(SESSION)["key"] == second.get(SESSION)["key"]
        unused = make_link(box)
        first8 = first.get(SESSION)["key"]["first8"]
        listed = user.get("/app/v1/keys")["keys"]
        assert [key["name"] for key in listed if key["key"].startswith(first8)] == ["console"]
        assert user.http.delete(f"/app/v1/keys/{first8}").status_code == 200
        assert first.http.get(SESSION).status_code == second.http.get(SESSION).status_code == 401
    with anonymous(box) as http:
        answer = http.post(SESSION, json={"token": unused})
        refused(answer, 401, "LINK_UNUSABLE")
        assert "revoked" in answer.json()["error"]
    # The next link is for a console of its own.
    with signed_in(box, token=make_link(box)) as third:
        assert third.get(SESSION)["key"]["first8"] != first8


def test_a_link_runs_out(box: Box, own_key, refused):
    ids = Ids(SystemClock())
    token = ids.token(ids.clock.now_ns())
    link = encode_link(SignInLinkRecord(key_hash(own_key), ids.clock.now_ns() - 10))
    put(box, keys.SIGN_IN_LINKS, token_key(token), link)
    with anonymous(box) as http:
        answer = http.post(SESSION, json={"token": token})
    refused(answer, 401, "LINK_UNUSABLE")
    assert "has run out" in answer.json()["error"]


@pytest.mark.parametrize("token", ["", "x", "0" * 80, "f" * 80, "0" * 79])
def test_what_is_no_link_signs_nobody_in(box, refused, token):
    with anonymous(box) as http:
        refused(http.post(SESSION, json={"token": token}), 401, "LINK_UNUSABLE")


def test_no_token_is_anywhere_in_the_data_directory(box: Box, own_key):
    link = make_link(box)
    with signed_in(box, token=link) as browser:
        session = browser.http.cookies["axiomd_session"]
        csrf = browser.http.headers["X-CSRF-Token"]
    written = (box.data_dir / "store" / "data.mdb").read_bytes() + box.log.read_bytes()
    for secret in (link, session, csrf):
        for form in (secret.encode(), bytes.fromhex(secret), bytes.fromhex(secret)[8:]):
            assert form not in written
