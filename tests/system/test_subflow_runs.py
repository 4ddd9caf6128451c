"""Flows within flows in a real box: over HTTP, and through a kill."""

import time
from typing import Any

from system import lab
from system.box import User


def parent(name: str, child: str, **config: Any) -> dict[str, Any]:
    """shout → the child → echo."""
    return {
        "name": f"acme/{name}",
        "nodes": [
            {"alias": "shout", "package": "acme/lab@1.0.0", "node": "Shout"},
            {"alias": "child", "subflow": child, "config": config},
            {"alias": "echo", "package": "acme/lab@1.0.0", "node": "Echo"},
        ],
        "edges": [{"from": "shout", "to": "child"}, {"from": "child", "to": "echo"}],
    }


def children(user: User, identity: str) -> list[str]:
    found = user.execution(identity, "/events?kind=node_child_started")["events"]
    return [event["detail"]["execution_id"] for event in found]


def first_child(user: User, identity: str) -> str:
    """The child, once there is one and its node runs."""
    while not (found := children(user, identity)):
        time.sleep(0.01)
    user.started(found[0], "nap")
    return found[0]


def test_child_takes_and_gives_its_parents_messages(open_box):
    with open_box().client() as user:
        inner = user.compile(parent("inner", user.compile(lab.single("Left"))))
        outer = user.compile(parent("outer", inner))
        answer = user.invoke(outer, {"text": "a"}, wait=True).json()
        assert answer["result"]["output"]["text"] == "AL"
        identity = answer["execution_id"]
        (child,) = children(user, identity)
        record = user.execution(child)
        assert (record["parent_id"], record["status"]) == (identity, "COMPLETED")
        steps = user.execution(identity, "/checkpoints")["checkpoints"]
        assert [step.get("child") for step in steps] == [None, child, None]
        assert steps[1]["output"] == user.execution(child, "/output")["output"]
        assert len(children(user, child)) == 1


def test_failure_of_a_child_names_it(open_box):
    retry = {"max_attempts": 2, "initial_interval_ms": 1}
    with open_box().client() as user:
        graph = user.compile(parent("fails", user.compile(lab.single("Fail")), retry=retry))
        identity = user.accepted(graph, {"text": "luck"})
        record = user.ended(identity)
        first, second = children(user, identity)
        assert first != second
        assert record["failure"]["kind"] == "SUBFLOW_FAILED"
        assert second in record["error"]
        assert "no LUCK" in record["error"]


def test_cancel_kills_what_runs_in_a_child(open_box):
    with open_box().client() as user:
        child = user.compile(lab.single("Nap"))
        identity = user.accepted(user.compile(parent("naps", child)), {"count": 60})
        found = first_child(user, identity)
        (stopped,) = user.cancel(identity).json()["stopped"]
        assert (stopped["execution_id"], stopped["placement"]) == (found, "nap")
        assert stopped["how"] == "killed"
        record = user.execution(found)
        assert (record["status"], record["failure"]["kind"]) == ("CANCELLED", "CANCELLED")


def test_kill_of_the_box_costs_parent_and_child_nothing(open_box):
    box = open_box()
    with box.client() as user:
        child = user.compile(lab.single("Nap"))
        identity = user.accepted(user.compile(parent("killed", child)), {"text": "x", "count": 60})
        found = first_child(user, identity)
    box.restart()
    with box.client() as user:
        assert user.ended(identity)["status"] == "COMPLETED"
        assert children(user, identity) == [found]
        assert user.execution(found)["attempt"] == 2
    box.stop()
    assert box.broken() == []
