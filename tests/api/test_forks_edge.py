"""Forks and retries over HTTP: what they take, what they refuse, what becomes visible."""

import httpx
import pytest
from system.box import User
from system.lab import DIAMOND, STEPS, flow


def fork(user: User, execution_id: str, **body: object) -> httpx.Response:
    path = f"/invocations/v1/executions/{execution_id}/fork"
    return user.http.post(path, json=body)


@pytest.fixture
def source(user: User, graph) -> str:
    identity = user.accepted(graph(DIAMOND), {"text": "x"})
    assert user.ended(identity)["status"] == "COMPLETED"
    return identity


def test_a_fork_has_its_sources_history_and_output(user: User, source: str):
    answer = fork(user, source, **{"from": "left"})
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert told == {
        "accepted": True,
        "execution_id": told["execution_id"],
        "forked_from": source,
    }
    record = user.ended(told["execution_id"])
    assert (record["status"], record["forked_from"]) == ("COMPLETED", source)
    for part in ("input", "output"):
        there, here = (user.execution(i, f"/{part}") for i in (source, told["execution_id"]))
        assert here[part] == there[part]
    kinds = [e["kind"] for e in user.execution(told["execution_id"], "/events")["events"]]
    assert kinds.count("execution_forked") == 1
    gates = user.execution(told["execution_id"], "/branches")["branches"]
    assert [gate["status"] for gate in gates] == ["OPENED"]
    positions = {
        c["position"] for c in user.execution(told["execution_id"], "/checkpoints")["checkpoints"]
    }
    assert positions == {"ask", "left", "right", "meet"}


def test_a_checkpoint_may_be_named_by_its_seq(user: User, source: str):
    for checkpoint in user.execution(source, "/checkpoints")["checkpoints"]:
        answer = fork(user, source, **{"from": checkpoint["seq"]})
        assert answer.status_code == 202, answer.text
        assert user.ended(answer.json()["execution_id"])["status"] == "COMPLETED"


def test_an_edited_output_goes_through_the_nodes_behind_it(user: User, source: str):
    answer = fork(user, source, **{"from": "ask", "output": {"text": "other"}})
    identity = answer.json()["execution_id"]
    user.ended(identity)
    steps = user.execution(identity, "/checkpoints")["checkpoints"]
    edited = next(s for s in steps if s["position"] == "ask")
    assert edited["output"]["text"] == "other"
    assert edited["duration_ms"] == 0, "nobody worked on it since its source began"
    assert all(s["input"]["text"] == "other" for s in steps if s["placement"] in ("left", "right"))


def test_bad_forks_are_refused_with_the_path_of_what_is_wrong(user, source, graph, refused):
    bad = [
        ({"from": "nowhere"}, "from: unknown placement 'nowhere'"),
        ({"from": "ask#7"}, "from: unknown checkpoint 'ask#7'"),
        ({"from": 0}, "from: event 0 is execution_accepted, not node_completed"),
        ({"from": 10**12}, "from: there is no event"),
        ({"from": True}, "from: must be the position of a checkpoint"),
        ({"from": "a b["}, "from: "),
        ({}, "from"),
        ({"from": "ask", "outptu": {}}, "did you mean 'output'"),
        ({"from": "ask", "output": {"txt": ""}}, "output.txt"),
        ({"from": "ask", "output": 5}, "output"),
        ({"from": "left", "graph_id": graph(STEPS)}, "graph_id: "),
    ]
    for body, words in bad:
        problems = refused(fork(user, source, **body), 422, "INVALID")
        assert any(words in problem for problem in problems), (body, problems)
    refused(fork(user, source, **{"from": "ask", "graph_id": "nope"}), 404, "NOT_FOUND")
    refused(fork(user, "0" * 32, **{"from": "ask"}), 404, "NOT_FOUND")
    refused(fork(user, "zz", **{"from": "ask"}), 404, "NOT_FOUND")


def test_a_fork_goes_on_on_a_flow_that_was_mended(user: User, graph):
    broken = flow("mended", {"one": "Echo", "two": "Fail"}, ("one two",))
    identity = user.accepted(graph(broken), {"text": "x"})
    assert user.ended(identity)["status"] == "FAILED"
    mended = user.compile(flow("mended", {"one": "Echo", "two": "Echo"}, ("one two",)))
    answer = fork(user, identity, **{"from": "one", "graph_id": mended})
    assert answer.status_code == 202, answer.text
    record = user.ended(answer.json()["execution_id"])
    assert (record["status"], record["graph_id"]) == ("COMPLETED", mended)


def test_only_what_failed_is_retried(user: User, source: str, graph, refused):
    refused(user.http.post(f"/invocations/v1/executions/{source}/retry"), 409, "WRONG_STATE")
    broken = flow("retried", {"one": "Echo", "two": "Fail"}, ("one two",))
    identity = user.accepted(graph(broken), {"text": "x"})
    user.ended(identity)
    answer = user.http.post(f"/invocations/v1/executions/{identity}/retry")
    assert answer.status_code == 202, answer.text
    again = user.ended(answer.json()["execution_id"])
    assert (again["status"], again["forked_from"]) == ("FAILED", identity)
    assert again["failure"]["placement"] == "two"


def test_another_tenants_execution_cannot_be_forked(stranger: User, source: str, refused):
    refused(fork(stranger, source, **{"from": "ask"}), 404, "NOT_FOUND")
    path = f"/invocations/v1/executions/{source}/retry"
    refused(stranger.http.post(path), 404, "NOT_FOUND")
