"""From nothing to an execution with the commands alone, against a real server."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from axiomd.cli.main import cli

NODE = """\
from gen.messages_pb2 import Price


def price_order(ax, input):
    if input.count < 0:
        raise ValueError("negative count")
    return Price(id=input.id, total=input.amount * input.count)
"""
COUNTER = """\
from gen.messages_pb2 import Price


def count_up(ax, inputs):
    for order in inputs:
        for number in range(order.count):
            yield Price(id=order.id, total=number)
"""
FLOW = """\
name: acme/{flow}
nodes:
  - alias: only
    package: acme/orders@0.1.0
    node: {node}
"""


def run_command(*words):
    ended = CliRunner().invoke(cli, [str(word) for word in words])
    assert ended.exit_code == 0, (words, ended.output)
    return ended


def scaffold(run, directory):
    """A package with a unary and a pipeline node, made by the commands."""
    run("init", "acme/orders", directory)
    fields = ("id:string", "amount:double", "count:int32")
    run("create", "message", "Order", *fields, "--dir", directory)
    run("create", "message", "Price", "id:string", "total:double", "--dir", directory)
    ends = ("--input", "Order", "--output", "Price", "--dir", directory)
    run("create", "node", "PriceOrder", *ends)
    run("create", "node", "CountUp", "--pipeline", *ends)
    return directory


@pytest.fixture
def orders(run):
    return scaffold(run, Path("orders"))


@pytest.fixture(scope="module")
def pushed(server, tmp_path_factory):
    """The flows' files and artifacts, once for the module."""
    directory = tmp_path_factory.mktemp("flows")
    orders = scaffold(run_command, directory / "orders")
    (orders / "nodes" / "price_order.py").write_text(NODE)
    (orders / "nodes" / "count_up.py").write_text(COUNTER)
    target = ("--url", server.url, "--key", server.key)
    run_command("push", orders, *target)
    graph_ids = {}
    for flow, node in (("pricing", "PriceOrder"), ("counting", "CountUp")):
        file = directory / f"{flow}.yaml"
        file.write_text(FLOW.format(flow=flow, node=node))
        answer = json.loads(run_command("compile", file, "--json", *target).stdout)
        graph_ids[flow] = answer["graph_id"], answer["mode"]
    return directory, graph_ids


@pytest.fixture
def compiled(pushed, monkeypatch):
    directory, graph_ids = pushed
    monkeypatch.chdir(directory)
    return graph_ids


def test_a_scaffolded_package_is_valid_and_passes_its_own_tests(orders, run):
    view = json.loads(run("validate", orders, "--json").stdout)
    assert (view["valid"], view["nodes"]) == (True, ["PriceOrder", "CountUp"])
    assert json.loads(run("test", orders, "--json").stdout)["passed"]


def test_a_first_flow_goes_from_init_to_a_shown_execution(compiled, ask):
    graph_id, mode = compiled["pricing"]
    assert mode == "unary"
    ended = ask("invoke", graph_id, "-i", "id=12", "-i", "amount=2.5", "-i", "count=2")
    # The text field stays a text although it looks like a number.
    assert json.loads(ended.stdout) == {"id": "12", "total": 5.0}
    (newest,) = json.loads(ask("executions", "list", "--limit", "1", "--json").stdout)["executions"]
    shown = json.loads(ask("executions", "show", newest["execution_id"], "--json").stdout)
    assert (shown["graph_id"], shown["status"]) == (graph_id, "COMPLETED")
    assert [step["placement"] for step in shown["checkpoints"]] == ["only"]
    told = ask("executions", "show", newest["execution_id"], "--events").stdout
    assert "node_completed" in told


def test_compiling_the_same_flow_again_is_the_same_artifact(compiled, ask):
    again = json.loads(ask("compile", "pricing.yaml", "--json").stdout)
    assert (again["graph_id"], again["created"]) == (compiled["pricing"][0], False)


def test_frames_of_a_pipeline_are_printed_one_a_line(compiled, ask):
    ended = ask("invoke", "acme/counting", "--input", '{"id": "a", "count": 3}')
    assert [json.loads(line)["total"] for line in ended.stdout.splitlines()] == [0, 1, 2]
    accepted = ask("invoke", "acme/counting", "-i", "count=3", "--no-wait", "--json")
    identity = json.loads(accepted.stdout)["execution_id"]
    followed = ask("executions", "follow", identity, "--frames", "--from", "1")
    assert [json.loads(line)["total"] for line in followed.stdout.splitlines()] == [1, 2]
    events = ask("executions", "follow", identity, "--json").stdout.splitlines()
    assert json.loads(events[-1])["kind"] == "execution_completed"


def test_a_failed_execution_ends_with_1_and_says_what_failed(compiled, ask):
    ended = ask("invoke", "acme/pricing", "-i", "count=-1", code=1)
    assert "only: ValueError: negative count" in ended.stderr
    assert ended.stdout == ""


def test_an_unknown_input_field_is_refused_with_its_path(compiled, ask):
    ended = ask("invoke", "acme/pricing", "-i", "amonut=1", "--json", code=1)
    assert json.loads(ended.stderr)["problems"][0]["path"] == "input.amonut"


def test_compile_problems_are_shown_with_file_and_line(compiled, ask):
    Path("wrong.yaml").write_text(FLOW.format(flow="wrong", node="PriceOrdr"))
    ended = ask("compile", "wrong.yaml", code=1)
    assert "wrong.yaml:5: nodes[0].node" in ended.stderr
    Path("wrong.yaml").write_text("name: acme/wrong\nnodees: []\n")
    assert "wrong.yaml:2: nodees: unknown key" in ask("compile", "wrong.yaml", code=1).stderr


def test_a_package_that_is_not_right_is_refused_with_file_and_line(orders, ask):
    (orders / "nodes" / "price_order.py").write_text("def price_order(ax):\n    pass\n")
    for command in ("validate", "push"):
        assert "orders/nodes/price_order.py:1" in ask(command, orders, code=1).stderr


def test_input_is_read_from_a_file_and_from_stdin(compiled, ask):
    Path("order.json").write_text('{"id": "f", "amount": 1, "count": 4}')
    assert json.loads(ask("invoke", "acme/pricing", "-i", "@order.json").stdout)["total"] == 4
    ended = ask("invoke", "acme/pricing", "-i", "@-", stdin='{"count": 1, "amount": 7}')
    assert json.loads(ended.stdout)["total"] == 7


def test_an_ended_execution_cannot_be_cancelled(compiled, ask):
    ask("invoke", "acme/pricing", "-i", "count=1")
    page = ask("executions", "list", "--flow", "acme/pricing", "--json").stdout
    newest = json.loads(page)["executions"][0]
    ended = ask("executions", "cancel", newest["execution_id"], "--json", code=1)
    assert json.loads(ended.stderr)["code"] == "WRONG_STATE"
