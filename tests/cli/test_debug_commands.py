"""`axiomd debug`, and forks and retries on the command line."""

import json

import httpx
import pytest
from system import lab
from system.box import User

FLOW = lab.flow("mending", {"one": "Echo", "two": "Left"}, ("one two",))
FAILING = lab.flow("failing", {"one": "Echo", "two": "Fail"}, ("one two",))


@pytest.fixture(scope="module")
def graphs(server):
    headers = {"Authorization": f"Bearer {server.key}"}
    with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as http:
        user = User(http)
        assert user.push(lab.package()).status_code == 201
        return {document["name"]: user.compile(document) for document in (FLOW, FAILING)}


def told(ended):
    return json.loads(ended.stdout)


def test_a_session_is_stepped_edited_and_let_go(graphs, ask):
    graph_id = graphs["acme/mending"]
    view = told(ask("debug", "start", graph_id, "-i", "text=x", "--paused", "--json"))
    identity = view["execution_id"]
    assert [held["position"] for held in view["held"]] == ["one"]
    assert "one: axiomd debug --help" in ask("executions", "show", identity).stdout
    shown = ask("debug", "step", identity).stdout
    assert "debug_stepped" in shown
    assert "two" in shown
    edited = told(ask("debug", "edit", identity, "two", '{"text": "y"}', "--json"))
    assert edited["held"][0]["input"]["text"] == "y"
    assert told(ask("debug", "break", identity, "two", "--json"))["breakpoints"] == ["two"]
    assert "Held" in ask("debug", "show", identity).stdout
    assert told(ask("debug", "pause", identity, "--json"))["mode"] == "pause"
    assert told(ask("debug", "continue", identity, "--json"))["status"] == "COMPLETED"
    assert told(ask("executions", "show", identity, "--json"))["output"]["text"] == "yL"


def test_an_execution_is_forked(graphs, ask):
    view = ask("debug", "start", graphs["acme/mending"], "-i", "text=x", "--json")
    source = told(view)["execution_id"]
    words = ("executions", "fork", source, "--from", "one", "--output", '{"text": "z"}', "--json")
    fork = told(ask(*words))
    assert fork["forked_from"] == source
    ask("executions", "follow", fork["execution_id"])
    assert told(ask("executions", "show", fork["execution_id"], "--json"))["output"]["text"] == "zL"
    ask("executions", "retry", source, code=1)


def test_a_failed_execution_is_retried(graphs, ask):
    view = ask("debug", "start", graphs["acme/failing"], "-i", "text=x", "--json")
    source = told(view)["execution_id"]
    fork = told(ask("executions", "retry", source, "--json"))
    ask("executions", "follow", fork["execution_id"], code=1)
    steps = told(ask("executions", "show", fork["execution_id"], "--json"))["checkpoints"]
    assert [step["position"] for step in steps] == ["one"]
