"""Real answers of every route are what the document of the box says of them.

Beside this file, every answer that the other tests of the edge get is held against it too
(`conftest.py`).
"""

import re
from typing import Any

import pytest
from api.schemas import Described, operations
from system.box import Box, User, events, parse
from system.lab import DIAMOND, NUMBERS, UNDONE, configured, flow

from axiomd.api.documents import box_document

ASKED = configured("described-ask", "Shout", hitl={"interrupt_payload": {"why": "so"}})
RESCUED = flow(
    "described-rescue",
    {"one": "Echo", "two": {"node": "Echo", "position": {"x": 1, "y": 2}}},
    ({"from": "one", "to": "two", "condition": {"op": "EQ", "field": "text", "value": "go"}},),
    description="goes on if it is told to",
)
SPREAD = flow(
    "described-spread",
    {
        "one": "Echo",
        "each": {"node": "Echo", "config": {"fan_out": {"items": "value.nested.items"}}},
        "all": {"node": "Echo", "config": {"compose": {"count": {"cel": "1"}}}},
    },
    (
        {"from": "one", "to": "each", "adapter": {"small_number": "item.depth"}},
        "each all",
    ),
)
INVOCATIONS, APP = "/invocations/v1", "/app/v1"


@pytest.fixture(scope="module")
def described() -> Described:
    return Described(box_document())


@pytest.fixture(scope="module")
def reader(box: Box, user: User, described: Described):
    """A user all of whose answers are held against the document of this module."""
    del user  # it has pushed the package
    with box.client() as reader:
        reader.http.event_hooks = {"response": [described.check_answer]}
        yield reader


@pytest.fixture(scope="module")
def made(reader: User, graph) -> dict[str, str]:
    """An execution of every kind, by what is special about it."""
    identities = {
        "plain": reader.accepted(graph("Say"), {"text": "x"}),
        "gate": reader.accepted(graph(DIAMOND), {"text": "x"}),
        "failed": reader.accepted(graph("Fail"), {"text": "x"}),
        "undone": reader.accepted(graph(UNDONE), {"text": "x"}),
        "ended early": reader.accepted(graph(RESCUED), {"text": "stay"}),
        "spread": reader.accepted(
            graph(SPREAD), {"nested": {"items": [{"depth": 1}, {"depth": 2}]}}
        ),
    }
    for identity in identities.values():
        reader.ended(identity)
    identities["asked"] = reader.accepted(graph(ASKED), {"text": "x"})
    reader.reached(identities["asked"], {"PAUSED_HITL"})
    reader.streamed(graph(NUMBERS), {"count": 3})
    listed = reader.get(f"{INVOCATIONS}/executions?flow=acme/numbers")["executions"]
    identities["pipeline"] = listed[0]["execution_id"]
    body = {"graph_id": graph(DIAMOND), "input": {}, "paused": True}
    started = reader.http.post(f"{APP}/debug", json=body).json()
    identities["held"] = started["execution_id"]
    reader.reached(identities["held"], {"DEBUG_PAUSED"})
    return identities


BELOW = (
    *("", "/events", "/checkpoints", "/branches", "/input", "/output"),
    *("/frames", "/pauses", "/webhooks", "/why"),
)


def test_executions_of_every_kind_are_told_as_described(reader: User, made: dict[str, str]):
    assert len(made) == 9
    for identity in made.values():
        for below in BELOW:
            reader.execution(identity, below)
    reader.get(f"{INVOCATIONS}/executions?limit=3")
    reader.get(f"{INVOCATIONS}/pauses")


def test_streams_tell_what_is_described(reader: User, made, graph, described: Described):
    path = f"{INVOCATIONS}/executions/{made['pipeline']}/stream"
    with reader.stream(graph(NUMBERS), {"count": 2}) as answer:
        frames = [event.data for event in events(answer)]
    assert [frame["is_final"] for frame in frames] == [False, False, True]
    with reader.stream(graph("Burst"), {"count": 1}) as answer:
        frames += [event.data for event in events(answer)]
    assert frames[-1]["failure"]["kind"] == "NODE_ERROR"
    for frame in frames:
        described.check_event("POST", f"{INVOCATIONS}/flows/invoke/stream", frame)
    for event in reader.resumed(made["pipeline"]):
        described.check_event("GET", path, event.data)
    path = f"{INVOCATIONS}/executions/{made['undone']}/events"
    with reader.http.stream("GET", path, headers={"Accept": "text/event-stream"}) as answer:
        told = [event.data for event in parse(answer.iter_lines())]
    assert told[-1]["kind"] == "execution_failed"
    for data in told:
        described.check_event("GET", path, data)


LISTED = (
    *("packages", "flows", "artifacts", "keys", "session"),
    *("tenants", "tenants/default", "tenants/default/limits", "usage", "audit"),
)


def test_what_was_pushed_and_compiled_is_told_as_described(reader: User, graph, described):
    package = f"{APP}/packages/acme/lab/1.0.0"
    for path in (
        *(f"{APP}/{plural}" for plural in LISTED),
        *(package, f"{package}/environment", f"{APP}/flows/acme/diamond"),
    ):
        reader.get(path)
    assert reader.http.get(f"{package}/messages.proto").status_code == 200
    path = f"{package}/environment"
    with reader.http.stream("GET", path, headers={"Accept": "text/event-stream"}) as answer:
        for event in events(answer):
            described.check_event("GET", path, event.data)
    for document in (DIAMOND, NUMBERS, UNDONE, RESCUED, SPREAD, ASKED):
        reader.get(f"{APP}/artifacts/{graph(document)}")
        reader.get(f"{APP}/artifacts/{graph(document)}/openapi.json")
    for path in ("/healthz", "/readyz", "/openapi.json"):
        reader.get(path)
    assert reader.http.get("/metrics").status_code == 200


def test_webhooks_are_told_as_described(reader: User, graph):
    # Nobody listens there.
    target = {"url": "http://127.0.0.1:9/axiomd", "headers": {"X-A": "b"}}
    made = reader.http.post(f"{APP}/webhooks", json={**target, "events": ["pause_opened"]})
    assert made.status_code == 201
    identity = reader.accepted(graph("Echo"), {}, webhook=target)
    reader.ended(identity)
    (delivery,) = reader.execution(identity, "/webhooks")["webhooks"]
    path = f"{APP}/webhooks/deliveries/{delivery['delivery_id']}"
    reader.get(path)
    for below in ("", "/deliveries", "/secret"):
        reader.get(f"{APP}/webhooks{below}")
    assert reader.http.post(f"{APP}/webhooks/secret/rotate").status_code == 200
    assert reader.http.post(f"{path}/redeliver").status_code in (202, 409)
    gone = reader.http.delete(f"{APP}/webhooks/{made.json()['webhook_id']}")
    assert gone.status_code == 200


def test_secrets_and_flow_configs_are_told_as_described(reader: User):
    secret = f"{APP}/secrets/DESCRIBED"
    for status in (201, 200):
        assert reader.http.put(secret, json={"value": "a value"}).status_code == status
    body = {"flow": None, "profile": "told", "node_timeout_seconds": 9, "secrets": {"A": "value"}}
    made = reader.http.post(f"{APP}/configs", json=body)
    assert made.status_code == 201
    assert reader.http.post(f"{APP}/configs", json=body).status_code == 409
    config = f"{APP}/configs/{made.json()['config_id']}"
    for path in (f"{APP}/secrets", f"{APP}/configs", config):
        reader.get(path)
    assert reader.http.put(config, json={"flow": None, "profile": "told"}).status_code == 200
    for path in (secret, config):
        assert reader.http.delete(path).status_code == 204
        assert reader.http.delete(path).status_code == 404


def test_schedules_are_told_as_described(reader: User, graph):
    body = {"name": "nightly", "graph_id": graph("Echo"), "cron": "@daily"}
    made = reader.http.post(f"{APP}/schedules", json=body)
    assert made.status_code == 201
    path = f"{APP}/schedules/{made.json()['schedule_id']}"
    assert reader.http.post(f"{path}/trigger").status_code == 202
    for command in ("pause", "resume"):
        assert reader.http.post(f"{path}/{command}").status_code == 200
    assert reader.http.patch(path, json={"every_seconds": 900}).status_code == 200
    for place in (path, f"{APP}/schedules"):
        reader.get(place)
    assert reader.http.delete(path).status_code == 200


def test_what_changes_something_answers_as_described(reader: User, made, graph):
    identity = made["gate"]
    root = f"{INVOCATIONS}/executions"
    post = reader.http.post
    forked = post(f"{root}/{identity}/fork", json={"from": "left"})
    assert forked.status_code == 202
    assert post(f"{root}/{made['failed']}/retry").status_code == 202
    (pause,) = reader.execution(made["asked"], "/pauses")["pauses"]
    path = f"{root}/{made['asked']}/pauses/{pause['pause_id']}/resume"
    answer: dict[str, Any] = {"decision": "approve", "value": {"text": "y"}, "comment": "so be it"}
    assert post(path, json=answer).status_code == 200
    assert post(path, json=answer).status_code == 409
    session = f"{APP}/debug/{made['held']}"
    reader.get(session)
    held = {"position": "ask", "value": {"text": "z"}}
    assert reader.http.put(f"{session}/input", json=held).status_code == 200
    points = {"breakpoints": ["meet"]}
    assert reader.http.put(f"{session}/breakpoints", json=points).status_code == 200
    for command in ("step", "pause", "continue"):
        reader.reached(made["held"], {"DEBUG_PAUSED"})
        assert post(f"{session}/{command}").status_code == 200
    assert reader.cancel(made["held"]).status_code == 202
    assert reader.cancel(made["held"]).status_code == 409
    waited = reader.invoke(graph("Echo"), {"text": "x"}, wait=True)
    assert waited.json()["result"]["success"]
    assert not reader.invoke(graph("Fail"), {}, wait=True).json()["result"]["success"]
    late = reader.invoke(graph("Nap"), {"count": 1}, wait=True, timeout_seconds=0.1)
    assert late.json()["timed_out"]
    assert post(f"{INVOCATIONS}/nodes/acme/lab/1.0.0/Echo", json={}).status_code == 200
    assert post(f"{INVOCATIONS}/nodes/acme/lab/1.0.0/Fail", json={}).status_code == 422


def test_every_route_takes_the_parameters_that_are_described_and_refuses_others(
    reader: User, made, graph, described: Described
):
    real = {
        "execution_id": made["plain"],
        "graph_id": graph(DIAMOND),
        "handle": "acme",
        "package": "lab",
        "version": "1.0.0",
        "node": "Echo",
    }
    tried = 0
    for method, path, operation in operations(described.document):
        named = {"name": "lab" if "packages" in path else "diamond", **real}
        if path.startswith("/app/v1/debug/"):
            named["execution_id"] = made["held"]
        if path.endswith("}/stream"):
            named["execution_id"] = made["pipeline"]
        url = re.sub(r"\{(\w+)\}", lambda found, named=named: named.get(found[1], "0"), path)
        if not path.startswith(("/invocations", "/app")):
            continue
        headers = {"Content-Type": "application/json"}
        answer = reader.http.request(method, f"{url}?zzz=1", content=b"{", headers=headers)
        assert answer.status_code in (404, 422), (method, path, answer.text)
        told = [p["message"] for p in answer.json()["problems"] if p["path"] == "zzz"]
        if answer.status_code == 422:
            known = {p["name"] for p in operation["parameters"] if p["in"] == "query"}
            listed = ", ".join(sorted(known)) or "none"
            assert told == [f"unknown parameter 'zzz'; known here: {listed}"], (method, path)
            tried += 1
    assert tried > 40


def test_every_reading_route_was_heard_here(described: Described):
    """The last test of this file: nothing that is described was left out above."""
    reading = {path for path, methods in described.document["paths"].items() if "get" in methods}
    heard = {path for method, path, status in described.seen if (method, status) == ("GET", 200)}
    assert heard == reading
