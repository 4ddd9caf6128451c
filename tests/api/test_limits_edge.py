"""Limits and usage over HTTP: who may see and set them, and that they bite."""

import itertools

import pytest
from system import lab
from system.box import Box, User

from axiomd.execution.status import Status

USAGE = "/app/v1/usage"
NUMBERS = itertools.count()
NAMES = {
    *("requests_per_s", "requests_burst", "invocations_per_s", "invocations_burst"),
    *("executions_max", "flow_executions_max"),
}


def path_of(tenant: str) -> str:
    return f"/app/v1/tenants/{tenant}/limits"


@pytest.fixture
def tenant(box: Box):
    """The name of a new tenant, and a user of it."""
    name = f"tenant-{next(NUMBERS)}"
    with box.client(box.make_key(name)) as guest:
        yield name, guest


@pytest.fixture
def limit(user: User):
    """Sets limits of a tenant, as the operator."""

    def put(name: str, **limits: float) -> dict:
        answer = user.http.put(path_of(name), json=limits)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return put


def outcomes(request, count: int) -> list[int]:
    return [request().status_code for _ in range(count)]


def test_limits_are_shown_with_those_that_are_the_tenants_own(user: User, tenant, limit):
    name, guest = tenant
    nothing = dict.fromkeys(NAMES)
    assert guest.get(path_of(name)) == {
        "tenant": name,
        "limits": dict.fromkeys(NAMES, 0),
        "own": nothing,
    }
    said = limit(name, executions_max=5, requests_per_s=0.5)
    assert said["own"] == nothing | {"executions_max": 5, "requests_per_s": 0.5}
    assert said["limits"]["executions_max"] == 5
    assert guest.get(path_of(name)) == user.get(path_of(name)) == said
    assert limit(name, executions_max=None)["own"] == nothing


def test_only_the_operator_sets_limits_and_sees_those_of_others(
    user: User, stranger: User, tenant, refused
):
    name, guest = tenant
    for path in (path_of(name), path_of("default"), path_of("nobody")):
        refused(guest.http.put(path, json={}), 403, "FORBIDDEN")
    for path in (path_of("default"), path_of("elsewhere"), path_of("nobody")):
        refused(guest.http.get(path), 403, "FORBIDDEN")
    refused(user.http.get(path_of("nobody")), 404, "NOT_FOUND")
    refused(user.http.put(path_of("nobody"), json={}), 404, "NOT_FOUND")
    refused(guest.http.get(USAGE, params={"tenant": "default"}), 403, "FORBIDDEN")
    refused(user.http.get(USAGE, params={"tenant": "nobody"}), 404, "NOT_FOUND")
    assert user.get(path_of("default"))["tenant"] == "default"


def test_limits_that_cannot_be_are_refused_all_at_once(user: User, tenant, refused):
    name, _ = tenant
    bad = {"requests_per_s": -0.5, "executions_max": -1, "requests_burst": 10**7}
    assert refused(user.http.put(path_of(name), json=bad), 422, "INVALID") == [
        "requests_per_s: must be from 0 to 1000000, not -0.5",
        "requests_burst: must be from 0 to 1000000, not 10000000",
        "executions_max: must be from 0 to 1000000, not -1",
    ]
    assert refused(
        user.http.put(path_of(name), json={"max": 1, "executions_max": 1.5}), 422, "INVALID"
    )
    refused(user.http.put(path_of(name), content=b"{"), 400, "MALFORMED")


def test_what_is_over_the_rate_of_requests_is_refused_in_exactly_these_words(
    box: Box, tenant, limit
):
    name, guest = tenant
    limit(name, requests_per_s=0.001, requests_burst=3)
    answers = [guest.http.get("/app/v1/flows") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    paths = ("/app/v1/flows", "/invocations/v1/executions", USAGE, path_of(name))
    invoke = "/invocations/v1/flows/invoke"
    for answer in [
        *(guest.http.get(path) for path in paths),
        guest.http.post(invoke, content=b"no JSON"),
        guest.http.post(f"{invoke}/stream", content=b"no JSON"),
    ]:
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "1"
        assert answer.json() == {"error": "rate limit exceeded"}
    for path in ("/healthz", "/readyz", "/"):
        assert guest.http.get(path).status_code == 200, path
    limit(name)
    assert guest.http.get("/app/v1/flows").status_code == 200


def test_the_rate_of_invocations_counts_what_starts_something_and_nothing_else(tenant, limit):
    name, guest = tenant
    identity = "0" * 32
    starts = [
        "/invocations/v1/flows/invoke",
        "/invocations/v1/flows/invoke/stream",
        "/invocations/v1/nodes/acme/lab/1.0.0/Echo",
        f"/invocations/v1/executions/{identity}/fork",
        f"/invocations/v1/executions/{identity}/retry",
        "/app/v1/debug",
    ]
    limit(name, invocations_per_s=0.001, invocations_burst=len(starts))
    found = [guest.http.post(path, json={"graph_id": "x"}).status_code for path in starts]
    assert 429 not in found, found
    assert [guest.http.post(path, json={}).status_code for path in starts] == [429] * len(starts)
    assert outcomes(lambda: guest.http.get("/app/v1/flows"), 20) == [200] * 20


def test_a_rate_is_not_shared_with_another_tenant(stranger: User, tenant, limit):
    name, guest = tenant
    limit(name, requests_per_s=0.001, requests_burst=1)
    assert outcomes(lambda: guest.http.get("/app/v1/flows"), 3) == [200, 429, 429]
    assert outcomes(lambda: stranger.http.get("/app/v1/flows"), 3) == [200] * 3


def test_what_is_beyond_a_maximum_waits_until_the_maximum_is_another(tenant, limit, tmp_path):
    name, guest = tenant
    assert guest.push(lab.package()).status_code == 201
    naps = guest.compile(lab.single("Nap"))
    limit(name, executions_max=1)
    given = {"count": 60_000, "log": str(tmp_path / "naps")}
    first, *others = (guest.accepted(naps, given) for _ in range(3))
    guest.reached(first, {"RUNNING"})
    usage = guest.get(USAGE)
    assert usage["running"] == 1
    assert [guest.execution(one)["status"] for one in others] == ["QUEUED", "QUEUED"]
    limit(name, executions_max=2)
    guest.reached(others[0], {"RUNNING"})
    assert guest.execution(others[1])["status"] == "QUEUED"
    assert guest.cancel(first).status_code == 202
    guest.reached(others[1], {"RUNNING"})
    for one in others:
        guest.cancel(one)


def test_a_priority_is_recorded_shown_and_inherited(user: User, graph, refused):
    assert user.execution(user.accepted(graph("Echo"), {}))["priority"] == 5
    first = user.accepted(graph("Echo"), {"text": "x"}, priority=8)
    assert user.ended(first)["priority"] == 8
    forked = user.http.post(f"/invocations/v1/executions/{first}/fork", json={"from": "echo"})
    assert user.execution(forked.json()["execution_id"])["priority"] == 8
    body = {"graph_id": graph("Echo"), "priority": 0}
    debugged = user.http.post("/app/v1/debug", json=body).json()["execution_id"]
    assert user.ended(debugged)["priority"] == 0
    (event, *_) = user.streamed(graph(lab.NUMBERS), {"text": "a b"}, priority=9)
    assert user.execution(event.data["execution_id"])["priority"] == 9


@pytest.mark.parametrize("path", ["/invocations/v1/flows/invoke", "/app/v1/debug"])
@pytest.mark.parametrize("priority", [-1, 10, 1.5, "high", True, None])
def test_a_priority_that_is_none_is_refused(user: User, graph, refused, path, priority):
    body = {"graph_id": graph("Echo"), "priority": priority}
    (problem,) = refused(user.http.post(path, json=body), 422, "INVALID")
    assert problem.startswith("priority: must be ")


def test_usage_counts_what_a_tenant_has_and_nobody_elses(user: User, tenant, limit):
    name, guest = tenant
    assert guest.push(lab.package()).status_code == 201
    echo = guest.compile(lab.single("Echo"))
    for _ in range(3):
        guest.ended(guest.accepted(echo, {}))
    limit(name, executions_max=7)
    usage = guest.get(USAGE)
    assert usage["tenant"] == name
    assert usage["limits"]["executions_max"] == 7
    assert set(usage["executions"]) == {status.value for status in Status}
    assert usage["executions"]["COMPLETED"] == 3
    assert (usage["running"], usage["queued"], usage["complete"]) == (0, 0, True)
    assert len(usage["days"]) == 30
    assert sum(day["accepted"] for day in usage["days"]) == 3
    assert usage["days"][0]["day"] > usage["days"][1]["day"]
    # Counted a moment ago, and told again.
    again = user.get(USAGE, params={"tenant": name})
    assert again["counted_at"] == usage["counted_at"]
    assert again["executions"] == usage["executions"]
