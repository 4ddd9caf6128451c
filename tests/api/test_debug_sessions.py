"""Debug sessions over HTTP."""

import pytest
from system.box import User
from system.lab import DIAMOND, NUMBERS, STEPS

ROOT = "/app/v1/debug"


def start(user: User, graph_id: str, given: object, **more: object) -> str:
    body = {"graph_id": graph_id, "input": given, **more}
    answer = user.http.post(ROOT, json=body)
    assert answer.status_code == 202, answer.text
    identity: str = answer.json()["execution_id"]
    return identity


def stopped(user: User, identity: str):
    user.reached(identity, {"DEBUG_PAUSED"})
    return user.get(f"{ROOT}/{identity}")


@pytest.fixture
def paused(user: User, graph) -> str:
    identity = start(user, graph(DIAMOND), {"text": "x"}, paused=True)
    stopped(user, identity)
    return identity


def test_what_is_held_is_shown_with_its_input_and_its_schema(user: User, paused: str):
    view = user.get(f"{ROOT}/{paused}")
    (held,) = view.pop("held")
    assert view == {
        "execution_id": paused,
        "status": "DEBUG_PAUSED",
        "mode": "pause",
        "breakpoints": [],
        "held_count": 1,
    }
    assert (held["position"], held["input"]["text"]) == ("ask", "x")
    assert held["schema"]["type"] == "object"


def test_an_execution_says_what_is_held_and_a_list_does_too(user: User, paused: str):
    waiting = user.execution(paused)["waiting_on"]
    assert waiting == {"in_doubt": [], "pauses": [], "held": ["ask"], "children": [], "until": None}
    listed = user.get("/invocations/v1/executions?status=DEBUG_PAUSED")["executions"]
    assert waiting in [view["waiting_on"] for view in listed]


def test_steps_go_node_by_node_to_the_end(user: User, paused: str):
    seen = []
    while user.reached(paused, {"DEBUG_PAUSED", "COMPLETED"})["status"] != "COMPLETED":
        held = user.get(f"{ROOT}/{paused}")["held"]
        seen.append(held[0]["position"])
        answer = user.http.post(f"{ROOT}/{paused}/step", json={})
        assert answer.status_code == 200, answer.text
    assert sorted(seen) == ["ask", "left", "meet", "right"]
    kinds = [event["kind"] for event in user.execution(paused, "/events")["events"]]
    assert kinds.count("debug_stepped") == 4


def test_an_edited_input_is_checked_and_used(user: User, paused: str, refused):
    path = f"{ROOT}/{paused}/input"
    bad = user.http.put(path, json={"position": "ask", "value": {"txt": 1}})
    assert any("value.txt" in problem for problem in refused(bad, 422, "INVALID"))
    refused(user.http.put(path, json={"position": "left", "value": {}}), 409, "WRONG_STATE")
    answer = user.http.put(path, json={"position": "ask", "value": {"text": "edited"}})
    assert answer.json()["held"][0]["input"]["text"] == "edited"
    assert user.http.post(f"{ROOT}/{paused}/continue").status_code == 200
    assert user.ended(paused)["status"] == "COMPLETED"
    assert "edited" in user.execution(paused, "/output")["output"]["text"]


def test_breakpoints_stop_it_and_can_be_changed(user: User, graph, refused):
    identity = start(user, graph(STEPS), {}, breakpoints=["two"])
    assert stopped(user, identity)["held"][0]["position"] == "two"
    path = f"{ROOT}/{identity}/breakpoints"
    bad = user.http.put(path, json={"breakpoints": ["three", "fuor"]})
    (problem,) = refused(bad, 422, "INVALID")
    assert problem == "breakpoints[1]: unknown placement 'fuor', did you mean 'four'?"
    answer = user.http.put(path, json={"breakpoints": ["four"]})
    assert answer.json()["breakpoints"] == ["four"]
    user.http.post(f"{ROOT}/{identity}/continue")
    while stopped(user, identity)["held"][0]["position"] != "four":
        pass
    user.http.post(f"{ROOT}/{identity}/pause")
    assert user.get(f"{ROOT}/{identity}")["mode"] == "pause"
    assert user.cancel(identity).status_code == 202


def test_a_fork_stops_where_its_session_says(user: User, graph):
    source = user.accepted(graph(STEPS), {})
    user.ended(source)
    body = {"from": "one", "debug": {"breakpoints": ["three"]}}
    answer = user.http.post(f"/invocations/v1/executions/{source}/fork", json=body)
    assert answer.status_code == 202, answer.text
    identity = answer.json()["execution_id"]
    assert stopped(user, identity)["held"][0]["position"] == "three"
    user.http.post(f"{ROOT}/{identity}/continue")
    assert user.ended(identity)["status"] == "COMPLETED"


def test_what_cannot_be_debugged_is_refused(user: User, stranger: User, paused, graph, refused):
    pipeline = user.http.post(ROOT, json={"graph_id": graph(NUMBERS), "input": {}})
    refused(pipeline, 409, "WRONG_MODE")
    unknown = {"graph_id": graph(STEPS), "breakpoints": ["nine"]}
    refused(user.http.post(ROOT, json=unknown), 422, "INVALID")
    plain = user.accepted(graph(STEPS), {})
    refused(user.http.get(f"{ROOT}/{plain}"), 404, "NOT_FOUND")
    refused(user.http.post(f"{ROOT}/{plain}/continue"), 404, "NOT_FOUND")
    refused(stranger.http.get(f"{ROOT}/{paused}"), 404, "NOT_FOUND")
    refused(stranger.http.post(f"{ROOT}/{paused}/step"), 404, "NOT_FOUND")
    refused(user.http.post(f"{ROOT}/{paused}/step", json={"position": "meet"}), 409, "WRONG_STATE")
    user.cancel(paused)
    refused(user.http.post(f"{ROOT}/{paused}/continue"), 409, "WRONG_STATE")
    refused(user.http.post(f"{ROOT}/{paused}/step"), 409, "WRONG_STATE")
