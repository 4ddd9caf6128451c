"""The whole language as a user writes it: real flows, over HTTP, in real node processes."""

import pytest
from system.box import User
from system.lab import flow


def result(user: User, graph_id, given):
    """What an invocation that is waited for answers."""
    body = {"graph_id": graph_id, "input": given, "wait": True}
    answer = user.http.post("/invocations/v1/flows/invoke", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()["result"], answer.json()["execution_id"]


CHOICE = flow(
    "choice",
    {"ask": "Echo", "big": "Shout", "small": "Left", "done": "Echo"},
    (
        {"from": "ask", "to": "big", "condition": {"op": "GT", "field": "count", "value": "100"}},
        {"from": "ask", "to": "small", "condition": {"op": "CEL", "cel": "count <= 100"}},
        "big done",
        "small done",
    ),
)


@pytest.mark.parametrize(("count", "text"), [(101, "GO"), (100, "goL")])
def test_a_condition_chooses_the_way(user: User, graph, count, text):
    told, identity = result(user, graph(CHOICE), {"text": "go", "count": count})
    assert told["output"]["text"] == text
    (gate,) = user.execution(identity, "/branches")["branches"]
    assert sorted(arm["status"] for arm in gate["arms"]) == ["ARRIVED", "NOT_TAKEN"]


def test_an_adapter_turns_one_message_into_another(user: User, graph):
    made = flow(
        "adapted-number",
        {"ask": "Echo", "twice": "Twice"},
        ({"from": "ask", "to": "twice", "adapter": {"number": "count + size(words)"}},),
    )
    told, identity = result(user, graph(made), {"count": 20, "words": ["a", "b"]})
    assert told["output"]["number"] == "44"
    points = user.execution(identity, "/checkpoints")["checkpoints"]
    (given,) = (point["input"] for point in points if point["placement"] == "twice")
    assert given["number"] == "22"


def test_an_expression_that_fails_names_its_edge(user: User, graph):
    made = flow(
        "faulty",
        {"ask": "Echo", "twice": "Twice"},
        ({"from": "ask", "to": "twice", "adapter": {"number": "100 / count"}},),
    )
    told, _ = result(user, graph(made), {"count": 0})
    assert told["failure"]["kind"] == "EDGE_ADAPTER"
    assert told["error"].startswith('edge "ask" → "twice": ')


def test_a_loop_goes_round_until_its_condition_ends(user: User, graph):
    until = {"op": "LT", "field": "count", "value": 5}
    made = flow(
        "rounds",
        {"ask": "Shout", "done": "Echo"},
        (
            {"from": "ask", "to": "ask", "loop": True, "condition": until},
            "ask done",
        ),
    )
    told, identity = result(user, graph(made), {"text": "x", "count": 1})
    assert told["output"]["count"] == "5"
    positions = [c["position"] for c in user.execution(identity, "/checkpoints")["checkpoints"]]
    assert sorted(positions) == ["ask", "ask#2", "ask#3", "ask#4", "done"]
    stuck, _ = result(user, graph(limited()), {"count": -9})
    assert stuck["failure"]["kind"] == "LOOP_LIMIT"
    assert '"ask" → "ask"' in stuck["error"]


def limited():
    condition = {"op": "LT", "field": "count", "value": 5}
    loop = {"from": "ask", "to": "ask", "loop": True, "condition": condition, "max_iterations": 3}
    return flow("limited", {"ask": "Shout", "done": "Echo"}, (loop, "ask done"))


def test_items_of_a_list_are_worked_on_side_by_side_and_gathered(user: User, graph):
    fan_out = {"items": "value.words", "max_parallel": 3}
    made = flow(
        "many",
        {
            "ask": "Echo",
            "each": {"node": "Shout", "config": {"fan_out": fan_out}},
            "all": {"node": "Echo", "config": {"join": {}}},
            "last": "Echo",
        },
        (
            {"from": "ask", "to": "each", "adapter": {"text": "item + '/' + text"}},
            {"from": "each", "to": "all", "adapter": {"words": "[text]"}},
            "all last",
        ),
    )
    words = [f"w{number}" for number in range(12)]
    told, identity = result(user, graph(made), {"text": "t", "words": words})
    assert told["output"]["words"] == [f"W{number}/T" for number in range(12)]
    positions = [c["position"] for c in user.execution(identity, "/checkpoints")["checkpoints"]]
    assert "each[11]" in positions
    empty, _ = result(user, graph(made), {"text": "t", "words": []})
    assert empty["output"]["words"] == []


def test_a_failure_goes_the_way_that_is_made_for_it(user: User, graph):
    to_text = {"text": "kind + ' at ' + placement + ': ' + message", "count": "attempts"}
    made = flow(
        "rescue",
        {"ask": "Echo", "bad": "Fail", "mend": "Echo", "done": "Echo"},
        (
            "ask bad",
            {"from": "bad", "to": "mend", "on_error": True, "adapter": to_text},
            "bad done",
            "mend done",
        ),
    )
    told, _ = result(user, graph(made), {"text": "luck"})
    assert told["success"]
    assert told["output"]["text"] == "NODE_ERROR at bad: ValueError: no luck"
    assert told["output"]["count"] == "1"


def test_a_gate_composes_its_input_by_name(user: User, graph):
    compose = {
        "text": {"src": "left", "path": "text"},
        "count": {"cel": "inputs.left.count + inputs.right.count"},
    }
    made = flow(
        "composed",
        {
            "ask": "Echo",
            "left": "Left",
            "right": "Right",
            "meet": {"node": "Echo", "config": {"compose": compose}},
        },
        ("ask left", "ask right", "left meet", "right meet"),
    )
    told, _ = result(user, graph(made), {"text": "c"})
    assert (told["output"]["text"], told["output"]["count"]) == ("cL", "7")
    assert told["output"]["words"] == []


def test_an_execution_that_ends_on_the_way_says_where(user: User, graph):
    made = flow(
        "on-the-way",
        {"ask": "Echo", "done": "Echo"},
        ({"from": "ask", "to": "done", "condition": {"op": "EXISTS", "field": "text"}},),
    )
    told, identity = result(user, graph(made), {})
    assert told["success"]
    assert (told["output"], told["ended_at"]) == (None, ["ask"])
    assert user.execution(identity)["ended_at"] == ["ask"]
    assert user.execution(identity, "/output")["output"] is None
