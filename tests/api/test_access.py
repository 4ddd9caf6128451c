"""Who may ask for what: keys, tenants, unknown routes, wrong methods, the envelope."""

import contextlib
import subprocess
import sys
import time

import httpx
import pytest
from api.strangers import OPERATORS, OWN, STRANGERS, Things
from system.box import Box, User
from system.lab import single

IDENTITY = "0" * 32
ROUTES = [
    ("POST", "/invocations/v1/flows/invoke"),
    ("POST", "/invocations/v1/flows/invoke/stream"),
    ("DELETE", f"/invocations/v1/flows/{IDENTITY}"),
    ("GET", "/invocations/v1/executions"),
    ("GET", f"/invocations/v1/executions/{IDENTITY}"),
    ("GET", f"/invocations/v1/executions/{IDENTITY}/events"),
    ("GET", f"/invocations/v1/executions/{IDENTITY}/checkpoints"),
    ("GET", f"/invocations/v1/executions/{IDENTITY}/branches"),
    ("GET", f"/invocations/v1/executions/{IDENTITY}/input"),
    ("GET", f"/invocations/v1/executions/{IDENTITY}/output"),
    ("GET", f"/invocations/v1/executions/{IDENTITY}/frames"),
    ("GET", f"/invocations/v1/executions/{IDENTITY}/stream"),
    ("POST", f"/invocations/v1/executions/{IDENTITY}/settle"),
    ("GET", "/invocations/v1/pauses"),
    ("GET", f"/invocations/v1/executions/{IDENTITY}/pauses"),
    ("POST", f"/invocations/v1/executions/{IDENTITY}/pauses/{IDENTITY[:16]}/resume"),
    ("POST", f"/invocations/v1/executions/{IDENTITY}/fork"),
    ("POST", f"/invocations/v1/executions/{IDENTITY}/retry"),
    ("GET", f"/invocations/v1/executions/{IDENTITY}/webhooks"),
    ("GET", f"/invocations/v1/executions/{IDENTITY}/why"),
    ("GET", "/metrics"),
    ("POST", "/invocations/v1/nodes/acme/lab/1.0.0/Echo"),
    ("GET", "/app/v1/webhooks"),
    ("POST", "/app/v1/webhooks"),
    ("DELETE", "/app/v1/webhooks/01JZZZZZZZZZZZZZZZZZZZZZZZ"),
    ("GET", "/app/v1/webhooks/deliveries"),
    ("GET", f"/app/v1/webhooks/deliveries/msg_{IDENTITY}_{IDENTITY[:24]}"),
    ("POST", f"/app/v1/webhooks/deliveries/msg_{IDENTITY}_{IDENTITY[:24]}/redeliver"),
    ("GET", "/app/v1/webhooks/secret"),
    ("POST", "/app/v1/webhooks/secret/rotate"),
    ("GET", "/app/v1/secrets"),
    ("PUT", "/app/v1/secrets/TOKEN"),
    ("DELETE", "/app/v1/secrets/TOKEN"),
    ("GET", "/app/v1/configs"),
    ("POST", "/app/v1/configs"),
    ("GET", "/app/v1/configs/01JZZZZZZZZZZZZZZZZZZZZZZZ"),
    ("PUT", "/app/v1/configs/01JZZZZZZZZZZZZZZZZZZZZZZZ"),
    ("DELETE", "/app/v1/configs/01JZZZZZZZZZZZZZZZZZZZZZZZ"),
    ("POST", "/app/v1/debug"),
    ("GET", f"/app/v1/debug/{IDENTITY}"),
    ("POST", f"/app/v1/debug/{IDENTITY}/pause"),
    ("POST", f"/app/v1/debug/{IDENTITY}/step"),
    ("POST", f"/app/v1/debug/{IDENTITY}/continue"),
    ("PUT", f"/app/v1/debug/{IDENTITY}/breakpoints"),
    ("PUT", f"/app/v1/debug/{IDENTITY}/input"),
    ("POST", "/app/v1/packages"),
    ("GET", "/app/v1/packages"),
    ("GET", "/app/v1/packages/acme/lab/1.0.0"),
    ("GET", "/app/v1/packages/acme/lab/1.0.0/messages.proto"),
    ("GET", "/app/v1/packages/acme/lab/1.0.0/environment"),
    ("GET", "/app/v1/flows"),
    ("PUT", "/app/v1/flows/acme/echo"),
    ("GET", "/app/v1/flows/acme/echo"),
    ("DELETE", "/app/v1/flows/acme/echo"),
    ("POST", "/app/v1/flows/acme/echo/compile"),
    ("GET", "/app/v1/artifacts"),
    ("GET", "/app/v1/artifacts/01JZZZZZZZZZZZZZZZZZZZZZZZ"),
    ("GET", "/app/v1/artifacts/01JZZZZZZZZZZZZZZZZZZZZZZZ/openapi.json"),
    ("GET", "/app/v1/keys"),
    ("POST", "/app/v1/keys"),
    ("DELETE", "/app/v1/keys/00000000"),
    ("GET", "/app/v1/tenants/default/limits"),
    ("PUT", "/app/v1/tenants/default/limits"),
    ("GET", "/app/v1/usage"),
    ("GET", "/app/v1/session"),
    ("DELETE", "/app/v1/session"),
    ("GET", "/app/v1/tenants"),
    ("POST", "/app/v1/tenants"),
    ("GET", "/app/v1/tenants/default"),
    ("PATCH", "/app/v1/tenants/default"),
    ("GET", "/app/v1/audit"),
    ("GET", "/app/v1/schedules"),
    ("POST", "/app/v1/schedules"),
    ("GET", "/app/v1/schedules/01JZZZZZZZZZZZZZZZZZZZZZZZ"),
    ("PATCH", "/app/v1/schedules/01JZZZZZZZZZZZZZZZZZZZZZZZ"),
    ("DELETE", "/app/v1/schedules/01JZZZZZZZZZZZZZZZZZZZZZZZ"),
    ("POST", "/app/v1/schedules/01JZZZZZZZZZZZZZZZZZZZZZZZ/pause"),
    ("POST", "/app/v1/schedules/01JZZZZZZZZZZZZZZZZZZZZZZZ/resume"),
    ("POST", "/app/v1/schedules/01JZZZZZZZZZZZZZZZZZZZZZZZ/trigger"),
]
"""Every route, with IDs of nothing: what `STRANGERS` of `api/strangers.py` says of each is the last
column of the table, and its first ones hold for all of them alike."""


def revoked_key(user: User) -> str:
    key: str = user.http.post("/app/v1/keys", json={"name": "gone"}).json()["key"]
    assert user.http.delete(f"/app/v1/keys/{key[:8]}").status_code == 200
    return key


def test_every_route_refuses_every_unusable_key_in_the_same_words(box: Box, user: User):
    bad = [
        None,
        "",
        "Bearer",
        f"Bearer {'0' * 64}",
        f"Bearer {box.key[:-1]}",
        f"Bearer {box.key}0",
        f"Bearer {box.key.upper()}",
        f"bearer  {box.key}",
        f"Basic {box.key}",
        box.key,
        "Bearer ü".encode(),
        f"Bearer {revoked_key(user)}",
    ]
    with httpx.Client(base_url=box.url, trust_env=False) as http:
        for method, path in ROUTES:
            for given in bad:
                headers = {} if given is None else {"Authorization": given}
                answer = http.request(method, path, headers=headers, content=b"{")
                assert answer.status_code == 401, (method, path, given, answer.text)
                assert answer.json() == {"error": "unauthorized"}


def test_table_of_routes_is_all_there_is(box: Box, user: User):
    """A route that is not in the table above would be one whose key nobody checks here."""
    from quart import Blueprint, Quart

    from axiomd.api import app as edge

    app = Quart("walk", static_folder=None)
    made: list[Blueprint] = [
        routes(None)  # type: ignore[arg-type]
        for routes in edge.ROUTES
    ]
    for blueprint in made:
        app.register_blueprint(blueprint)
    matcher = app.url_map.bind("box")
    walked = {(m, r.rule) for r in app.url_map.iter_rules() for m in r.methods or ()}
    walked = {(m, rule) for m, rule in walked if m not in ("HEAD", "OPTIONS")}
    listed = {
        (method, matcher.match(path, method, return_rule=True)[0].rule)
        for method, path in ROUTES
        if path != "/invocations/v1/flows/invoke"  # in front of the framework
    }
    # Signing in is how one comes by a key's rights; `test_sessions.py` holds it.
    assert listed == walked - {("POST", "/app/v1/session"), ("GET", "/openapi.json")}


def test_table_says_of_every_route_what_another_tenant_gets():
    said = [*STRANGERS, *OWN, *OPERATORS]
    assert sorted(said) == sorted(ROUTES)


def test_every_route_refuses_another_tenants_things_as_if_they_were_not_there(
    user: User, prying: User, things: Things, refused
):
    for route, row in STRANGERS.items():
        answer = things.ask(prying, route, row)
        refused(answer, 404, "NOT_FOUND")
        nothing = things.ask_for_nothing(prying, route, row)
        refused(nothing, 404, "NOT_FOUND")
        assert shape(answer) == shape(nothing), route
    # They were there all the time: whose they are is not told so. What is deleted goes last.
    for route in sorted(STRANGERS, key=lambda route: route[0] == "DELETE"):
        answer = things.ask(user, route, STRANGERS[route])
        assert answer.status_code not in (401, 403, 404), (route, answer.text)


def shape(answer: httpx.Response) -> tuple[int, str, set[str], int]:
    body = answer.json()
    return answer.status_code, body["code"], set(body), len(body["problems"])


def test_no_list_shows_another_tenants_things(prying: User, things: Things):
    for method, path in OWN:
        if method == "GET":
            shown = prying.http.get(path)
            assert shown.status_code == 200, path
            assert [name for name, known in things.ids.items() if known in shown.text] == []


def test_operators_routes_refuse_everybody_else_whatever_there_is(prying: User, refused):
    bodies = {"POST": {"tenant": "mine"}, "PATCH": {"disabled": True}}
    for method, path in OPERATORS:
        for asked in {path, path.replace("default", "nobody")}:
            refused(prying.http.request(method, asked, json=bodies.get(method)), 403, "FORBIDDEN")


def test_every_route_that_may_change_something_refuses_a_session_without_its_csrf_token(
    box: Box, user: User, refused
):
    key = user.http.post("/app/v1/keys", json={"name": "browser"}).json()["key"]
    with httpx.Client(base_url=box.url, trust_env=False) as http:
        assert http.post("/app/v1/session", json={"key": key}).status_code == 201
        for method, path in ROUTES:
            if method != "GET":
                refused(http.request(method, path, content=b"{"), 403, "CSRF_FAILED")


def test_unknown_malformed_and_revoked_keys_are_told_exactly_the_same(box: Box, user: User):
    """Nothing tells a key that was valid once from one that never was, not even a header."""
    shown = [f"Bearer {'0' * 64}", "Bearer 12", f"Bearer {revoked_key(user)}"]
    with httpx.Client(base_url=box.url, trust_env=False) as http:
        for path in ("/app/v1/keys", "/invocations/v1/flows/invoke"):
            method = "POST" if path.endswith("invoke") else "GET"
            answers = [http.request(method, path, headers={"Authorization": one}) for one in shown]
            told = {(one.status_code, one.content, headers_of(one)) for one in answers}
            assert len(told) == 1
            assert answers[0].headers["www-authenticate"] == "Bearer"
        signing = [
            http.post("/app/v1/session", json={"key": one.removeprefix("Bearer ")}) for one in shown
        ]
        assert len({(one.status_code, one.content, headers_of(one)) for one in signing}) == 1


def headers_of(answer: httpx.Response) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in answer.headers.items() if name != "date")


def test_health_needs_no_key(box: Box):
    with httpx.Client(base_url=box.url, trust_env=False) as http:
        assert http.get("/healthz").json() == {"status": "ok"}
        assert http.get("/readyz").json()["status"] == "ready"


def test_description_of_the_box_needs_no_key(box: Box):
    with httpx.Client(base_url=box.url, trust_env=False) as http:
        assert http.get("/openapi.json").json()["openapi"] == "3.1.0"


def test_another_tenant_sees_empty_lists_and_its_own_keys(user: User, stranger: User, graph):
    user.ended(user.accepted(graph("Echo"), {}))
    for path in ("packages", "flows", "artifacts"):
        assert stranger.get(f"/app/v1/{path}") == {path: [], "next_cursor": None}
    assert stranger.get("/invocations/v1/executions")["executions"] == []
    (key,) = stranger.get("/app/v1/keys")["keys"]
    assert key["name"] == "test of elsewhere"


def test_stranger_cannot_revoke_a_key(box: Box, user: User, stranger: User, refused):
    refused(stranger.http.delete(f"/app/v1/keys/{box.key[:8]}"), 404, "NOT_FOUND")
    assert user.http.get("/app/v1/keys").status_code == 200


def test_new_key_is_shown_once_listed_masked_and_works_at_once(box: Box, user: User):
    answer = user.http.post("/app/v1/keys", json={"name": "laptop"})
    assert answer.status_code == 201
    key = answer.json()["key"]
    with box.client(key) as other:
        listed = other.get("/app/v1/keys")
    assert listed["next_cursor"] is None
    (mine,) = [row for row in listed["keys"] if row["name"] == "laptop"]
    assert mine["key"] == f"{key[:8]}…{key[-4:]}"
    assert mine["created_at"]
    assert key not in str(listed)


def test_revoked_key_is_refused_at_the_next_request(box: Box, user: User):
    key = user.http.post("/app/v1/keys", json={"name": "short"}).json()["key"]
    with box.client(key) as other:
        assert other.http.get("/app/v1/keys").status_code == 200
        assert user.http.delete(f"/app/v1/keys/{key[:8]}").json() == {"revoked": key[:8]}
        assert other.http.get("/app/v1/keys").status_code == 401
        assert other.invoke("x", {}).status_code == 401
    assert key[:8] not in str(user.get("/app/v1/keys"))
    assert user.http.delete(f"/app/v1/keys/{key[:8]}").status_code == 404


def test_key_made_on_the_command_line_works_beside_the_running_server(box: Box):
    command = [sys.executable, "-m", "axiomd", "keys", "create", "--name", "cli", "--json"]
    made = subprocess.run(
        [*command, "--data-dir", str(box.data_dir)], capture_output=True, text=True, check=True
    )
    import json

    with box.client(json.loads(made.stdout)["key"]) as other:
        assert "cli" in [key["name"] for key in other.get("/app/v1/keys")["keys"]]


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "  "}, {"name": "x" * 101}, {"name": 1}]
)
def test_key_needs_a_name(user: User, refused, body):
    (problem,) = refused(user.http.post("/app/v1/keys", json=body), 422, "INVALID")
    assert problem.startswith("name: ")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/invocations/v1/nothing"),
        ("POST", "/app/v1/nothing"),
        ("GET", "/invocations/v2/executions"),
        ("GET", "/app/v1/flows/only-one-part"),
    ],
)
def test_unknown_route_is_not_found_in_the_envelope(user: User, refused, method, path):
    refused(user.http.request(method, path, json={}), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/invocations/v1/flows/invoke/stream"),
        ("PUT", "/invocations/v1/flows/invoke"),
        ("POST", "/invocations/v1/executions"),
        ("DELETE", f"/invocations/v1/executions/{IDENTITY}"),
        ("PATCH", "/app/v1/flows/acme/echo"),
        ("PUT", "/app/v1/packages"),
        ("POST", "/healthz"),
    ],
)
def test_wrong_method_is_refused_in_the_envelope(user: User, refused, method, path):
    refused(user.http.request(method, path, json={}), 405, "METHOD_NOT_ALLOWED")


def test_wrong_method_is_told_which_are_right(user: User):
    for method, path, right in (
        ("GET", "/invocations/v1/flows/invoke", "POST"),
        ("PATCH", "/app/v1/keys", "GET, POST, HEAD"),
        ("DELETE", "/app/v1/webhooks/secret", "GET, HEAD"),
        ("OPTIONS", f"/invocations/v1/executions/{IDENTITY}", "GET, HEAD"),
    ):
        answer = user.http.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, right), path


def test_whoever_may_read_may_ask_for_the_head_alone(user: User):
    for path in ("/app/v1/keys", "/app/v1/webhooks/secret", "/healthz", "/openapi.json"):
        answer = user.http.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_get_on_the_unary_invoke_is_no_route_of_its_own(user: User):
    assert user.http.get("/invocations/v1/flows/invoke").status_code == 405


def test_connection_stays_usable_after_answers_that_came_before_the_body(user: User):
    for _ in range(150):
        for path in ("/app/v1/nowhere", "/invocations/v1/nodes/acme/none/1.0.0/Echo"):
            answer = user.http.post(path, json={}, timeout=5)
            assert answer.status_code == 404
        assert user.get("/app/v1/flows")["next_cursor"] is None


def test_without_a_key_no_body_is_taken(box: Box):
    def endless():
        while True:
            yield b" " * 65536

    began = time.monotonic()
    with httpx.Client(base_url=box.url, trust_env=False, timeout=10) as http:
        for path in ("/invocations/v1/flows/invoke", "/app/v1/packages"):
            with contextlib.suppress(httpx.TransportError):
                assert http.post(path, content=endless()).status_code == 401
    assert time.monotonic() - began < 8


def test_drafts_artifacts_and_packages_are_listed(user: User, graph):
    graph_id = graph("Echo")
    (draft,) = [row for row in user.get("/app/v1/flows")["flows"] if row["name"] == "acme/echo"]
    assert draft["graph_id"] == graph_id
    shown = user.get("/app/v1/flows/acme/echo")
    assert shown["document"] == {key: value for key, value in single("Echo").items() if value}
    artifacts = user.get("/app/v1/artifacts")["artifacts"]
    made = [artifact["created_at"] for artifact in artifacts]
    assert made == sorted(made, reverse=True)
    whole = user.get(f"/app/v1/artifacts/{graph_id}")
    assert (whole["entry"], whole["terminal"], whole["mode"]) == ("echo", "echo", "unary")
    (package,) = [
        row for row in user.get("/app/v1/packages")["packages"] if row["version"] == "1.0.0"
    ]
    assert package["name"] == "acme/lab"
    assert len(package["digest"]) == 64
    proto = user.http.get("/app/v1/packages/acme/lab/1.0.0/messages.proto")
    assert "message Nested" in proto.text
