"""Tenants over HTTP: the operator's routes, what a disabled tenant can do, keys for others."""

import itertools
import threading
import time

import httpx
import pytest
from api.test_sessions import anonymous, make_link, signed_in
from system.box import Box, User
from system.lab import package, single

ROOT = "/app/v1/tenants"


@pytest.fixture
def tenant(user: User, request: pytest.FixtureRequest) -> str:
    """A new tenant."""
    name = f"t-{abs(hash(request.node.name)):x}"[:40]
    made = user.http.post(ROOT, json={"tenant": name})
    assert made.status_code == 201, made.text
    return name


@pytest.fixture
def their_key(user: User, tenant: str) -> str:
    answer = user.http.post("/app/v1/keys", json={"name": "theirs", "tenant": tenant})
    assert answer.status_code == 201, answer.text
    key: str = answer.json()["key"]
    return key


def change(user: User, tenant: str, **changes: object) -> httpx.Response:
    return user.http.patch(f"{ROOT}/{tenant}", json=changes)


def test_a_tenant_is_made_shown_and_changed_by_the_operator(user: User):
    made = user.http.post(ROOT, json={"tenant": "acme-1", "name": "Acme Ltd"})
    assert made.status_code == 201
    view = made.json()
    assert view.pop("created_at").endswith("Z")
    assert view == {
        "tenant": "acme-1",
        "name": "Acme Ltd",
        "disabled": False,
        "retention_days": None,
        "keys": 0,
    }
    changed = change(user, "acme-1", name="Acme", retention_days=7).json()
    assert (changed["name"], changed["retention_days"]) == ("Acme", 7)
    assert changed == user.get(f"{ROOT}/acme-1")
    assert change(user, "acme-1", retention_days=None).json()["retention_days"] is None
    assert change(user, "acme-1", name="Acme").json()["name"] == "Acme"


def test_a_tenant_id_is_taken_once_also_by_who_came_to_be_with_a_key(user: User, stranger: User):
    assert stranger.get("/app/v1/keys")["keys"]
    for taken in ("default", "elsewhere"):
        answer = user.http.post(ROOT, json={"tenant": taken})
        assert (answer.status_code, answer.json()["code"]) == (409, "WRONG_STATE")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "tenant"),
        ({"tenant": ""}, "tenant"),
        ({"tenant": "Acme"}, "tenant"),
        ({"tenant": "a_b"}, "tenant"),
        ({"tenant": "-a"}, "tenant"),
        ({"tenant": "a" * 64}, "tenant"),
        ({"tenant": "a\n"}, "tenant"),
        ({"tenant": "ok", "name": " "}, "name"),
        ({"tenant": "ok", "name": "a\nb"}, "name"),
        ({"tenant": "ok", "name": "x" * 101}, "name"),
        ({"tenant": "ok", "nmae": "x"}, "nmae"),
    ],
)
def test_what_cannot_be_a_tenant_is_refused_with_its_path(user: User, refused, body, path):
    (problem,) = refused(user.http.post(ROOT, json=body), 422, "INVALID")
    assert problem.startswith(f"{path}: ")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": None},
        {"disabled": None},
        {"disabled": "yes"},
        {"retention_days": -1},
        {"retention_days": 36_501},
        {"name": ""},
        {"tenant": "other"},
    ],
)
def test_what_cannot_be_changed_is_refused(user: User, refused, body):
    assert refused(user.http.patch(f"{ROOT}/default", json=body), 422, "INVALID")


def test_the_operators_own_tenant_cannot_be_disabled(user: User, refused):
    refused(change(user, "default", disabled=True), 409, "WRONG_STATE")
    assert user.get(f"{ROOT}/default")["disabled"] is False


def test_an_unknown_tenant_is_not_found_and_the_nearest_one_is_named(user: User, refused):
    for answer in (
        user.http.get(f"{ROOT}/defaultt"),
        change(user, "defaultt", name="x"),
        user.http.post("/app/v1/keys", json={"name": "x", "tenant": "defaultt"}),
        user.http.get("/app/v1/audit?tenant=defaultt"),
    ):
        refused(answer, 404, "NOT_FOUND")
        assert "did you mean 'default'?" in answer.json()["error"]


def test_the_operator_lists_all_and_everybody_else_itself(user: User, stranger: User):
    everybody = [one["tenant"] for one in user.get(ROOT)["tenants"]]
    assert {"default", "elsewhere"} <= set(everybody)
    assert everybody == sorted(everybody)
    (mine,) = stranger.get(ROOT)["tenants"]
    assert (mine["tenant"], mine["keys"]) == ("elsewhere", 1)
    assert mine["created_at"] is not None
    assert stranger.get(f"{ROOT}/elsewhere") == mine


def test_pages_of_tenants_together_are_the_list(user: User, refused):
    for number in range(3):
        user.http.post(ROOT, json={"tenant": f"paged-{number}"})
    found, cursor = [], ""
    while cursor is not None:
        page = user.get(ROOT, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        assert len(page["tenants"]) <= 2
        found += page["tenants"]
        cursor = page["next_cursor"]
    assert found == user.get(ROOT)["tenants"]
    refused(user.http.get(ROOT, params={"cursor": "!"}), 400, "MALFORMED")
    refused(user.http.get(ROOT, params={"limits": "2"}), 422, "INVALID")


def test_the_operator_makes_keys_for_others_and_nobody_else_does(
    box: Box, user: User, stranger: User, tenant: str, refused
):
    answer = user.http.post("/app/v1/keys", json={"name": "ci", "tenant": tenant})
    assert answer.json()["tenant"] == tenant
    with box.client(answer.json()["key"]) as theirs:
        assert theirs.get("/app/v1/session")["tenant"] == tenant
        assert theirs.get(f"{ROOT}/{tenant}")["keys"] == 1
    for wanted in (tenant, "default", "nobody-at-all"):
        body = {"name": "x", "tenant": wanted}
        refused(stranger.http.post("/app/v1/keys", json=body), 403, "FORBIDDEN")
    own = stranger.http.post("/app/v1/keys", json={"name": "x", "tenant": "elsewhere"})
    assert own.status_code == 201
    assert stranger.http.delete(f"/app/v1/keys/{own.json()['key'][:8]}").status_code == 200


def test_a_disabled_tenant_is_refused_at_the_next_request_and_let_in_again(
    box: Box, user: User, tenant: str, their_key: str, refused
):
    with box.client(their_key) as theirs, signed_in(box, key=their_key) as page:
        assert theirs.http.get("/app/v1/keys").status_code == 200
        assert page.http.get("/app/v1/keys").status_code == 200
        assert change(user, tenant, disabled=True).json()["disabled"] is True
        link = make_link(box, tenant)
        with anonymous(box) as http:
            for answer in (
                theirs.http.get("/app/v1/keys"),
                theirs.invoke("x", {}),
                page.http.get("/app/v1/session"),
                page.http.post("/app/v1/keys", json={"name": "x"}),
                http.post("/app/v1/session", json={"key": their_key}),
                http.post("/app/v1/session", json={"token": link}),
            ):
                refused(answer, 403, "TENANT_DISABLED")
            assert change(user, tenant, disabled=False).json()["disabled"] is False
            assert theirs.http.get("/app/v1/keys").status_code == 200
            assert page.http.get("/app/v1/session").status_code == 200
            # The link was not used up by being refused.
            assert http.post("/app/v1/session", json={"token": link}).status_code == 201


def test_a_disabled_tenants_executions_go_on_to_their_end_and_its_streams_do_not(
    box: Box, user: User, tenant: str, their_key: str, tmp_path
):
    with box.client(their_key) as theirs:
        assert theirs.push(package()).status_code == 201
        nap = theirs.compile(single("Nap"))
        going = theirs.accepted(nap, {"count": 3, "log": str(tmp_path / "naps")})
        theirs.started(going, "nap")
        followed = threading.Event()

        def follow() -> None:
            path = f"/invocations/v1/executions/{going}/events"
            with theirs.http.stream("GET", path, headers={"Accept": "text/event-stream"}) as answer:
                for _ in answer.iter_bytes():
                    followed.set()
                ended.append(time.monotonic())

        ended: list[float] = []
        thread = threading.Thread(target=follow)
        thread.start()
        assert followed.wait(10)
        change(user, tenant, disabled=True)
        thread.join(10)
        assert ended, "its stream goes on"
        change(user, tenant, disabled=False)
        assert theirs.ended(going)["status"] == "COMPLETED"


def test_two_changes_at_once_are_both_kept(user: User, tenant: str):
    """Each follows from what is stored when it is written, not from what was read before."""

    def rename(number: int) -> None:
        for turn in range(15):
            assert change(user, tenant, name=f"n {number} {turn}").status_code == 200

    threads = [threading.Thread(target=rename, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    assert change(user, tenant, disabled=True, retention_days=3).status_code == 200
    for thread in threads:
        thread.join()
    kept = user.get(f"{ROOT}/{tenant}")
    assert (kept["disabled"], kept["retention_days"]) == (True, 3)
    named = [act for act in acts(user, tenant) if act["act"] == "tenant.renamed"]
    # What one says was before is what the one before it has made.
    assert all(
        new["detail"]["before"] == old["detail"]["after"] for new, old in itertools.pairwise(named)
    )
    assert len(named) == 45


def acts(user: User, tenant: str) -> list[dict[str, dict[str, str]]]:
    found: list[dict[str, dict[str, str]]] = user.get(
        "/app/v1/audit", params={"tenant": tenant, "limit": 1000}
    )["acts"]
    return found


def test_a_key_says_when_it_was_last_used_whatever_it_is_used_for(box: Box, user: User):
    made = user.http.post("/app/v1/keys", json={"name": "streams"}).json()["key"]

    def last_used() -> str | None:
        rows = user.get("/app/v1/keys")["keys"]
        (row,) = [row for row in rows if row["key"].startswith(made[:8])]
        found: str | None = row["last_used_at"]
        return found

    assert last_used() is None
    with signed_in(box, key=made) as page:
        first = last_used()
        assert first is not None
        page.get("/app/v1/flows")
        second = last_used()
        assert second is not None
        assert second > first
    with box.client(made) as other:
        other.invoke("x", {})
        assert (last_used() or "") > second


def test_a_key_that_only_streams_is_used_as_long_as_it_does(box: Box, user: User, graph):
    made = user.http.post("/app/v1/keys", json={"name": "watches"}).json()["key"]
    paused = user.accepted(graph("Nap"), {"count": 600})

    def last_used() -> str:
        rows = user.get("/app/v1/keys")["keys"]
        (row,) = [row for row in rows if row["key"].startswith(made[:8])]
        return row["last_used_at"] or ""

    path = f"/invocations/v1/executions/{paused}/events"
    live = {"Accept": "text/event-stream"}
    with box.client(made) as other, other.http.stream("GET", path, headers=live) as answer:
        pieces = answer.iter_bytes()
        next(pieces)
        first = last_used()
        deadline = time.monotonic() + 10
        while last_used() <= first:
            # A keep-alive is a piece too.
            next(pieces)
            assert time.monotonic() < deadline
    user.cancel(paused)
