"""What is told of executions that undo what they have done, and how one is asked to."""

import json

import pytest
from click.testing import CliRunner
from system.box import Box, User
from system.lab import UNDONE, flow

from axiomd.cli.main import cli

NAPPING = flow(
    "napping",
    {"one": {"node": "Step", "config": {"compensate": {"node": "Undo"}}}, "nap": "Nap"},
    ("one nap",),
)
STUBBORN = flow(
    "stubborn",
    {
        "one": {"node": "Step", "config": {"compensate": {"node": "Undo"}}},
        "two": {"node": "Step", "config": {"compensate": {"node": "Fail"}}},
        "last": "Fail",
    },
    ("one two", "two last"),
)


def compensate(user: User, identity: str, value: str = "true"):
    return user.http.delete(f"/invocations/v1/flows/{identity}", params={"compensate": value})


def outline(compensation: dict) -> list[tuple[str, str]]:
    return [(step["position"], step["status"]) for step in compensation["steps"]]


def test_a_waiting_caller_sees_one_result_with_the_report(user: User, graph):
    result = user.invoke(graph(STUBBORN), {"text": "luck "}, wait=True).json()["result"]
    assert result["success"] is False
    assert result["failure"]["placement"] == "last"
    compensation = result["compensation"]
    assert compensation["reason"] == result["error"]
    assert outline(compensation) == [("two", "FAILED"), ("one", "DONE")]
    failed, done = compensation["steps"]
    assert (failed["node"], failed["attempts"]) == ("Fail", 1)
    assert failed["message"] == "ValueError: no luck one two "
    assert (done["placement"], done["node"], done["message"]) == ("one", "Undo", None)
    assert failed["at"] <= done["at"]


def test_an_adapter_sees_what_the_node_took_and_returned(user: User, graph):
    undo = {"node": "Fail", "input": {"text": "input.text + '| ' + output.text"}}
    nodes = {"one": {"node": "Step", "config": {"compensate": undo}}, "last": "Fail"}
    made = graph(flow("adapted", nodes, ("one last",)))
    compensation = user.invoke(made, {"text": "x"}, wait=True).json()["result"]["compensation"]
    (step,) = compensation["steps"]
    assert step["message"] == "ValueError: no x| xone "


def test_the_record_and_the_events_tell_the_same(user: User, graph):
    identity = user.accepted(graph(UNDONE), {"text": "x "})
    record = user.ended(identity)
    assert (record["status"], record["failure"]["placement"]) == ("FAILED", "last")
    assert outline(record["compensation"]) == [("three", "DONE"), ("two", "DONE"), ("one", "DONE")]
    told = user.execution(identity, "/events")["events"]
    kinds = [event["kind"] for event in told if event["kind"].startswith("compensation_")]
    steps = ["compensation_started", "compensation_completed"] * 3
    assert kinds == ["compensation_begun", "compensation_resumed", *steps]
    (begun,) = (event for event in told if event["kind"] == "compensation_begun")
    assert (begun["detail"]["status"], begun["detail"]["kind"]) == ("FAILED", "NODE_ERROR")


def test_a_cancel_that_compensates_answers_once_what_ran_is_dead(user: User, graph):
    identity = user.accepted(graph(NAPPING), {"text": "x ", "count": 0, "ms": 0})
    user.ended(identity)
    slow = flow("slow-nap", {"one": NAPPING["nodes"][0], "nap": "Spin"}, ("one nap",))
    identity = user.accepted(graph(slow), {"text": "x "})
    user.started(identity, "nap")
    answer = compensate(user, identity)
    assert answer.status_code == 202
    body = answer.json()
    assert (body["execution_id"], body["status"]) == (identity, "COMPENSATING")
    assert [(s["placement"], s["how"]) for s in body["stopped"]] == [("nap", "killed")]
    record = user.ended(identity)
    assert (record["status"], record["failure"]["kind"]) == ("CANCELLED", "CANCELLED")
    assert outline(record["compensation"]) == [("one", "DONE")]
    assert compensate(user, identity).status_code == 409


@pytest.mark.parametrize("value", ["true", "false"])
def test_a_cancel_with_nothing_to_undo_is_a_plain_one(user: User, graph, value: str):
    identity = user.accepted(graph("Spin"), {})
    user.started(identity, "spin")
    body = compensate(user, identity, value).json()
    assert (body["status"], len(body["stopped"])) == ("CANCELLED", 1)
    assert user.execution(identity)["compensation"] is None


def test_compensate_is_true_or_false(user: User, graph, refused):
    identity = user.accepted(graph("Spin"), {})
    problems = refused(compensate(user, identity, "maybe"), 422, "INVALID")
    assert problems == ["compensate: must be true or false, not 'maybe'"]
    assert user.cancel(identity).status_code == 202


def test_the_command_line_cancels_and_shows_what_was_undone(box: Box, user: User, graph):
    slow = flow("spin-on", {"one": NAPPING["nodes"][0], "spin": "Spin"}, ("one spin",))
    identity = user.accepted(graph(slow), {"text": "x "})
    user.started(identity, "spin")
    target = ["--url", box.url, "--key", box.key]
    told = CliRunner().invoke(
        cli, ["executions", "cancel", identity, "--compensate", "--json", *target]
    )
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["status"] == "COMPENSATING"
    user.ended(identity)
    shown = CliRunner().invoke(cli, ["executions", "show", identity, *target])
    assert "Undoing after the execution was cancelled" in shown.output
    assert "DONE" in shown.output
