"""`GET …/why` over HTTP: the same chain as the tests of its links, of a real box."""

import time

from system.box import User
from system.lab import flow


def until(user: User, identity: str, what: str, within_s: float = 20.0):
    """The answer once its first link has this word."""
    deadline = time.monotonic() + within_s
    while (answer := user.execution(identity, "/why"))["why"][0]["what"] != what:
        assert time.monotonic() < deadline, answer
        time.sleep(0.01)
    return answer


def test_a_call_in_flight_is_named_with_its_time(user: User, graph):
    identity = user.accepted(graph("Nap"), {"count": 600})
    user.started(identity, "nap")
    answer = until(user, identity, "node_call")
    assert (answer["execution_id"], answer["status"], answer["left_out"]) == (
        identity,
        "RUNNING",
        0,
    )
    (call,) = answer["why"]
    assert (call["placement"], call["node"], call["attempt"]) == ("nap", "Nap", 1)
    assert call["package"] == "acme/lab@1.0.0"
    user.cancel(identity)
    (link,) = user.execution(identity, "/why")["why"]
    assert link["what"] == "cancelled"
    key = next(row for row in user.get("/app/v1/keys")["keys"] if row["name"] == "test of default")
    assert link["by"] == f"test of default/{key['key'][:8]}"


def test_a_retry_and_a_pause_are_told_behind_the_gate_that_waits_for_them(user: User, graph):
    document = flow(
        "why-gate",
        {
            "ask": "Echo",
            "left": {
                "node": "Fail",
                "config": {"retry": {"max_attempts": 2, "initial_interval_ms": 60_000}},
            },
            "right": {"node": "Echo", "config": {"hitl": {"interrupt_payload": {"q": "?"}}}},
            "quick": "Echo",
            "meet": "Echo",
        },
        ("ask left", "ask right", "ask quick", "left meet", "right meet", "quick meet"),
    )
    identity = user.accepted(graph(document), {"text": "x"})
    user.reached(identity, {"PAUSED_HITL"})
    (gate,) = user.execution(identity, "/why")["why"]
    assert gate["what"] == "gate"
    assert (gate["arrived"], gate["missing"]) == (["quick"], ["left", "right"])
    left, right = gate["why"]
    assert left["why"][0]["what"] == "retry"
    assert left["why"][0]["error"]["message"] == "ValueError: no x"
    assert right["why"][0]["what"] == "pause"
    (pause,) = user.execution(identity, "/pauses")["pauses"]
    assert right["why"][0]["pause_id"] == pause["pause_id"]
    user.cancel(identity)


def test_a_child_is_told_down_to_its_node_and_many_are_counted(user: User, graph):
    inner = graph("Nap")
    document = flow("why-child", {"outer": {"subflow": inner, "package": None}})
    document["nodes"][0] = {"alias": "outer", "subflow": inner}
    identity = user.accepted(graph(document), {"count": 600})
    deadline = time.monotonic() + 20
    while True:
        (child,) = user.execution(identity, "/why")["why"]
        if child["what"] == "child" and child["why"][0]["what"] == "node_call":
            break
        assert time.monotonic() < deadline, child
        time.sleep(0.02)
    (below,) = child["why"]
    assert (below["placement"], child["position"]) == ("nap", "outer")
    user.cancel(identity)


def test_an_unknown_execution_and_an_unknown_parameter_are_refused(user: User, graph, refused):
    refused(user.http.get(f"/invocations/v1/executions/{'0' * 32}/why"), 404, "NOT_FOUND")
    identity = user.accepted(graph("Echo"), {})
    user.ended(identity)
    answer = user.http.get(f"/invocations/v1/executions/{identity}/why?depth=1")
    (problem,) = refused(answer, 422, "INVALID")
    assert problem.startswith("depth: ")
    assert user.execution(identity, "/why")["why"][0]["what"] == "completed"
