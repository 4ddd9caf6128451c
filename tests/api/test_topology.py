"""What an artifact shows of its flow, and artifacts that run as subflows of others."""

from system import lab
from system.box import User
from system.lab import flow, single


def topology(user: User, document):
    shown = user.get(f"/app/v1/artifacts/{user.compile(document)}")
    return {node["alias"]: node for node in shown["nodes"]}, shown["edges"]


def test_everything_that_edges_do_is_shown(user: User):
    edges = (
        {
            "from": "a",
            "to": "b",
            "adapter": {"text": "text"},
            "condition": {"op": "CEL", "cel": "count > 1"},
        },
        {"from": "b", "to": "a", "loop": True, "max_iterations": 3},
        {"from": "a", "to": "r", "on_error": True, "adapter": {"text": "message"}},
        "b z",
        "r z",
    )
    _, shown = topology(user, flow("ways", dict.fromkeys("abrz", "Echo"), edges))
    plain = {
        "condition": None,
        "adapter": None,
        "loop": False,
        "max_iterations": None,
        "on_error": False,
    }
    assert shown == [
        {**plain, "from": "a", "to": "b", "adapter": {"text": "text"}, "condition": "count > 1"},
        {**plain, "from": "b", "to": "a", "loop": True, "max_iterations": 3},
        {**plain, "from": "a", "to": "r", "adapter": {"text": "message"}, "on_error": True},
        {**plain, "from": "b", "to": "z"},
        {**plain, "from": "r", "to": "z"},
    ]


def test_everything_that_a_placement_is_told_is_shown(user: User):
    asked = {
        "hitl": {"interrupt_payload": {"ask": "sure?"}, "timeout_seconds": 9},
        "compensate": {"node": "Shout", "input": {"text": "output.text"}},
    }
    gate = {
        "join": {"quorum": 1, "timeout_seconds": 2},
        "compose": {"text": {"src": "a", "path": "text"}},
    }
    placements = {
        "a": "Echo",
        "b": {"node": "Echo", "config": asked},
        "z": {"node": "Echo", "config": gate},
    }
    nodes, _ = topology(user, flow("told", placements, ("a b", "a z", "b z")))
    assert nodes["a"]["hitl"] is nodes["a"]["join"] is nodes["a"]["compensate"] is None
    assert nodes["b"]["hitl"] == {
        "interrupt_payload": {"ask": "sure?"},
        "timeout_seconds": 9,
        "timeout_policy": "FAIL",
    }
    undo = nodes["b"]["compensate"]
    assert (undo["node"], undo["input"]) == ("Shout", {"text": "output.text"})
    assert nodes["z"]["join"] == {
        "kind": "AND",
        "failure_policy": "FAIL_FAST",
        "quorum": 1,
        "timeout_seconds": 2,
        "timeout_policy": "FAIL",
    }
    assert nodes["z"]["compose"] == {"text": "inputs.a.text"}


def calling(name, graph_id):
    document = flow(name, {"first": "Echo"})
    document["nodes"].append({"alias": "child", "subflow": graph_id})
    document["edges"].append({"from": "first", "to": "child"})
    return document


def test_an_artifact_can_be_a_placement_of_another_flow(user: User):
    child = user.compile(single("Echo"))
    nodes, _ = topology(user, calling("parent", child))
    assert nodes["child"]["subflow"] == child
    assert nodes["child"]["output"] == nodes["first"]["output"]
    assert nodes["child"]["node"] is nodes["child"]["package"] is nodes["child"]["digest"] is None


def test_subflows_nest_eight_deep_and_no_deeper(user: User, refused):
    graph_id = user.compile(single("Echo"))
    for level in range(8):
        graph_id = user.compile(calling(f"level-{level}", graph_id))
    document = calling("too-deep", graph_id)
    user.http.put(f"/app/v1/flows/{document['name']}", json=document)
    answer = user.http.post(f"/app/v1/flows/{document['name']}/compile")
    (problem,) = refused(answer, 422, "COMPILE_FAILED")
    assert problem == "nodes[1].subflow: 'child' nests subflows 9 deep, more than 8"


def test_another_tenants_artifact_is_no_subflow(user: User, stranger: User, refused):
    child = user.compile(single("Echo"))
    stranger.push(lab.package())
    document = calling("stolen", child)
    stranger.http.put(f"/app/v1/flows/{document['name']}", json=document)
    answer = stranger.http.post(f"/app/v1/flows/{document['name']}/compile")
    (problem,) = refused(answer, 422, "COMPILE_FAILED")
    assert "there is no artifact" in problem
